/** "Except this" in real Chromium: proposed by an alert, changed, refused in the API's words, made, listed and taken back; not for readers. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { createToken } from '../../api/tokens/token-store.js';
import { TOKEN } from '../api/api-settings.js';
import { insertAlerts } from '../api/sample-data.js';
import { at, axeFindings, type BrowserFixture, setUpBrowser } from './browser-fixture.js';

const MESSAGE = '192.0.2.9 tried 40 passwords';
let fixture: BrowserFixture;

setUpBrowser(async (made) => {
  fixture = made;
  await insertAlerts(fixture.api.pool, [
    {
      id: 'force-1',
      incidentId: 'force',
      ruleId: 'brute-force',
      source: '192.0.2.9',
      destinationPort: 22,
      message: MESSAGE,
      firstSeen: at(30),
      lastSeen: at(20),
    },
  ]);
});

const inForce = async (): Promise<object[]> =>
  (await fixture.api.get<{ exceptions: object[] }>('/api/exceptions')).exceptions;

test('an alert proposes an exception, which is changed, made, listed and taken back', async () => {
  const { page } = await fixture.open();
  await page.goto(`${fixture.url}/alerts/force-1#token=${TOKEN}`);
  await page.getByRole('button', { name: 'Except this…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Except this' });
  const field = (label: string) => dialog.getByLabel(label, { exact: true });
  await dialog.waitFor();
  expect(await field('Rules').inputValue()).toBe('brute-force');
  expect(await field('Sources').inputValue()).toBe('192.0.2.9');

  // What is wrong stands beside its field, as the API says it; nothing is made.
  await field('Ports').fill('22, 90-80');
  await field('From').fill('22:00');
  await field('To').fill('05:00');
  await field('Time zone').fill('Mars');
  await dialog.getByRole('button', { name: 'Make the exception' }).click();
  await dialog.getByText('must be a port from 0 to 65535, or a range such as 8000-8100').waitFor();
  await dialog.getByText('must be a time zone, such as Europe/Berlin or UTC').waitFor();
  await dialog.getByText('must say why').waitFor();
  expect(await axeFindings(page)).toEqual([]);
  expect(await inForce()).toEqual([]);

  await field('Sources').fill('192.0.2.0/24');
  await field('Ports').fill('22, 2200-2299');
  await field('Time zone').fill('Europe/Berlin');
  await field('sat').check();
  await field('Ends (UTC); empty: never').fill('2100-01-01T00:00:00');
  await field('Note').fill('our own backup');
  await dialog.getByRole('button', { name: 'Make the exception' }).click();
  await page.getByText('Excepted: our own backup').waitFor();
  expect(await inForce()).toMatchObject([
    {
      rules: ['brute-force'],
      sources: ['192.0.2.0/24'],
      ports: ['22', '2200-2299'],
      hours: { from: '22:00', to: '05:00', days: ['sat'], zone: 'Europe/Berlin' },
      expires_at: '2100-01-01T00:00:00.000000Z',
      note: 'our own backup',
      alert_id: 'force-1',
    },
  ]);

  await page.goto(`${fixture.url}/rules`);
  const rows = page.locator('#exception-rows .table-body .row');
  await expect.poll(() => rows.allTextContents()).toHaveLength(1);
  const row = rows.first();
  for (const words of ['192.0.2.0/24', 'sat 22:00 to 05:00 (Europe/Berlin)', 'our own backup', 'api', '2100-01-01']) {
    expect(await row.textContent()).toContain(words);
  }
  await row.getByRole('button', { name: 'Take back: our own backup' }).click();
  await page.getByText('Taken back: our own backup').waitFor();
  await page.getByText('There are none: every alert is published.').waitFor();
  expect(await inForce()).toEqual([]);
  await page.getByLabel('also those that are over').check();
  await page.getByText('taken back by api').waitFor();
});

test('what is made as it was proposed leads to its alert; without an alert it is made on the page of rules', async () => {
  const { page } = await fixture.open();
  await page.goto(`${fixture.url}/alerts/force-1#token=${TOKEN}`);
  await page.getByRole('button', { name: 'Except this…' }).click();
  await page.getByRole('dialog').getByLabel('Note').fill('as it is');
  await page.getByRole('button', { name: 'Make the exception' }).click();
  await page.getByText('Excepted: as it is').waitFor();
  await page.goto(`${fixture.url}/rules`);
  await page.locator('#exception-rows').getByRole('link', { name: 'the alert' }).click();
  await page.getByRole('heading', { name: MESSAGE }).waitFor();

  await page.goto(`${fixture.url}/rules`);
  await page.getByRole('button', { name: 'New exception…' }).click();
  const dialog = page.getByRole('dialog', { name: 'New exception' });
  await dialog.getByLabel('Note').fill('everything');
  await dialog.getByRole('button', { name: 'Make the exception' }).click();
  await dialog.getByText(/without any it would except everything/).waitFor();
  await dialog.getByLabel('Sites').fill('lab');
  await dialog.getByLabel(/^Ends/).fill('');
  await dialog.getByRole('button', { name: 'Make the exception' }).click();
  await page.getByText('Excepted: everything').waitFor();
  await expect
    .poll(inForce)
    .toMatchObject([{ sites: ['lab'], expires_at: null, alert_id: null }, { alert_id: 'force-1' }]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(inForce).toMatchObject([{ alert_id: 'force-1' }]);
});

test('a reader sees what is excepted, and no button, bar or key for it or for deciding', async () => {
  const { host, port, user, password, database } = fixture.api.database.connection;
  const owner = new pg.Client({ host, port, user, password, database });
  await owner.connect();
  const token = await createToken(owner, 'eve', 'reader', null, 'cli:test');
  await owner.end();
  const { page } = await fixture.open();
  // Whose token it is turns out on the first decision.
  await page.goto(`${fixture.url}/alerts/force-1`);
  await page.getByRole('button', { name: 'Resolve' }).click();
  await page.locator('#token').fill(token);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Your token reads; those of analysts decide.').waitFor();
  const asked: string[] = [];
  page.on('request', (request) => request.method() === 'POST' && asked.push(new URL(request.url()).pathname));
  expect(await page.getByRole('button', { name: /Except this|Resolve/ }).count()).toBe(0);
  for (const key of ['e', 'r', '?']) await page.keyboard.press(key);
  const help = page.getByRole('dialog', { name: 'Keys and searches' });
  await help.getByText('next or previous row of a list').waitFor();
  expect(await help.getByText('resolve the alert').count()).toBe(0);
  await page.goto(`${fixture.url}/alerts?group=rule`);
  await page.locator('#alert-rows').getByText(MESSAGE).waitFor();
  await expect.poll(() => page.getByRole('button', { name: /Resolve/ }).count()).toBe(0);
  expect(await page.locator('[data-tone="group"] [role="cell"]:visible').count()).toBe(1);
  for (const key of ['j', 'x', 'e', 'r']) await page.keyboard.press(key);
  await page.locator('.row[data-current="true"]').waitFor();
  expect(await page.getByText('1 alert selected').count()).toBe(0);
  await page.goto(`${fixture.url}/incidents/force`);
  await page.locator('#incident-alerts').getByText(MESSAGE).waitFor();
  await expect.poll(() => page.getByRole('button', { name: /Acknowledge|Take up|Resolve/ }).count()).toBe(0);
  await page.goto(`${fixture.url}/rules`);
  await page.locator('#exception-rows').getByText('as it is').waitFor();
  await expect.poll(() => page.getByRole('button', { name: /Take back|New exception/ }).count()).toBe(0);
  expect(asked).toEqual([]);
  expect(await fixture.api.get('/api/alerts/force-1')).toMatchObject({ triage: 'new', resolved: false });
});
