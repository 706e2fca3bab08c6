/** The alerts in real Chromium: pushed as they come, decided about one by one and many at once, never moved under a reader's eyes. */
import { beforeEach, expect, test } from 'vitest';
import { TOKEN } from '../api/api-settings.js';
import { insertAlerts, insertCaptureNode, insertPackets, rebuildRollups } from '../api/sample-data.js';
import {
  at,
  type BrowserFixture,
  emptyTables,
  insertConversations,
  insertScan,
  type OpenPage,
  SCAN,
  setUpBrowser,
  storeAlert,
} from './browser-fixture.js';
import { HIDE_PAGE } from './page-probes.js';

let fixture: BrowserFixture;
let opened: OpenPage;

setUpBrowser((made) => {
  fixture = made;
});
beforeEach(async () => {
  await emptyTables(fixture.api.pool);
  opened = await fixture.open();
});

const alertRows = (): Promise<string[]> => opened.page.locator('#alert-rows .message').allTextContents();
const withToken = (path: string): string => `${fixture.url}${path}#token=${TOKEN}`;

test('an alert shows its evidence, is resolved with the token of the address, and reopened', async () => {
  const { page } = opened;
  await insertScan(fixture.api.pool);
  await page.goto(withToken('/alerts'));
  await page.getByRole('link', { name: SCAN.message, exact: true }).click();
  await page.getByText('40 distinct: 21, 22, 23, 25, 80, 443, …').waitFor();
  // Neither the address bar nor the history keeps the token, nor does any storage of the page.
  expect(page.url()).not.toContain(TOKEN);
  expect(
    await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])'),
  ).not.toContain(TOKEN);

  await page.getByRole('textbox', { name: 'Note' }).fill('our own scanner <b>&');
  await page.getByLabel('Verdict').selectOption('benign');
  await page.getByRole('textbox', { name: 'Assignee' }).fill('ada');
  await page.getByRole('button', { name: 'Resolve' }).click();
  await page.locator('#history').getByText('our own scanner <b>&').waitFor();
  expect(await fixture.api.get('/api/alerts/scan-1')).toMatchObject({
    resolved: true,
    verdict: 'benign',
    assignee: 'ada',
  });
  await page.getByRole('button', { name: 'Reopen' }).click();
  await page.getByRole('button', { name: 'Resolve' }).waitFor();
  await page.getByRole('button', { name: 'Take back the last decision' }).click();
  await page.getByRole('button', { name: 'Reopen' }).waitFor();

  await page.goto(`${fixture.url}/alerts`);
  await page.getByText('No unresolved alerts in the last hour.').waitFor();
  await page.locator('#alert-status').getByText('Resolved', { exact: true }).click();
  await page.getByRole('link', { name: SCAN.message, exact: true }).waitFor();
  expect(new URL(page.url()).searchParams.get('status')).toBe('resolved');
});

test('keys move, select and decide; many are resolved at once, and one is taken back', async () => {
  const { page } = opened;
  const ids = ['a', 'b', 'c'];
  await insertAlerts(
    fixture.api.pool,
    ids.map((id, index) => ({ id, message: `alert ${id}`, firstSeen: at(60), lastSeen: at(30 + index) })),
  );
  await page.goto(withToken('/alerts'));
  await expect.poll(alertRows).toHaveLength(3);
  const [first, , third] = await alertRows();
  await page.keyboard.press('j');
  await page.locator('.row[data-current="true"]').waitFor();
  await page.keyboard.press('e');
  await page.getByText(`acknowledged: ${first}`).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.keyboard.press('k');
  await page.keyboard.press('x');
  await page.getByText('2 alerts selected').waitFor();
  const bulk = page.getByRole('region', { name: 'Decide about the selected alerts' });
  await bulk.getByLabel('Verdict').selectOption('duplicate');
  await bulk.getByRole('button', { name: 'Resolve' }).click();
  await page.getByText('2 alerts resolved').waitFor();
  await page.keyboard.press('Escape');
  await expect
    .poll(async () => (await fixture.api.get<{ counts: object }>('/api/alerts')).counts)
    .toMatchObject({
      resolved: 2,
      unresolved: 1,
    });
  await page.goto(`${fixture.url}/alerts`);
  await expect.poll(alertRows).toEqual([third]);
  await page.keyboard.press('j');
  await page.keyboard.press('r');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText(`Taken back: ${third}`).waitFor();
  const { counts } = await fixture.api.get<{ counts: { unresolved: number } }>('/api/alerts');
  expect(counts.unresolved).toBe(1);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: third! }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keys and searches' }).waitFor();
});

test('without a token the page asks for it when one is needed, says where it is, and goes on with it', async () => {
  const { page } = opened;
  await insertScan(fixture.api.pool);
  await page.goto(`${fixture.url}/alerts`);
  await page.getByRole('button', { name: `Resolve: ${SCAN.message}` }).click();
  await page.getByRole('heading', { name: 'This needs the API token' }).waitFor();
  await page.locator('dialog[open] code', { hasText: '.nta/api-token' }).waitFor();
  await page.locator('#token').fill('not-the-right-token');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('The token was refused. Check it and try again.').waitFor();
  await page.locator('#token').fill(TOKEN);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect
    .poll(async () => (await fixture.api.get<{ resolved: boolean }>('/api/alerts/scan-1')).resolved)
    .toBe(true);
});

test('a server for other machines shows nothing until the token is given, once for all tabs', async () => {
  const { page, context } = opened;
  await insertScan(fixture.api.pool);
  const own = await fixture.start(0, '0.0.0.0');
  const url = own.url.replace('0.0.0.0', '127.0.0.1');
  try {
    await page.goto(`${url}/packets`);
    await page.getByRole('heading', { name: 'This needs the API token' }).waitFor();
    await page.locator('#token').fill('not-the-right-token');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('The token was refused. Check it and try again.').waitFor();
    expect(await page.locator('#packet-rows').count()).toBe(0);
    await page.locator('#token').fill(TOKEN);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('These are all 41.').waitFor();
    await page.reload();
    await page.getByText('These are all 41.').waitFor();
    const tab = await context.newPage();
    await tab.goto(`${url}/packets`);
    await tab.getByText('These are all 41.').waitFor();
    // Whoever ends the session ends it for all of them.
    await tab.goto(`${url}/settings`);
    await tab.getByText('the holder of the server’s own token').waitFor();
    await tab.getByRole('button', { name: 'End the session' }).click();
    await tab.getByText('The session of this browser is over.').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'This needs the API token' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('This needs the API token. Reload the page').first().waitFor();
  } finally {
    await own.stop();
  }
});

test('text from the network is text: markup in it stays harmless on every page', async () => {
  const { page } = opened;
  const markup = '<img src=x onerror="document.title=1">';
  const { pool } = fixture.api;
  await insertAlerts(pool, [{ id: 'x', message: markup, firstSeen: at(20), lastSeen: at(10), captureNodes: [markup] }]);
  await insertPackets(pool, [
    { time: at(5), source: SCAN.source, captureNode: markup, details: { dns: { query: markup, type: 1 } } },
  ]);
  await insertConversations(pool, [{ names: { serverName: markup, user: markup }, responder: '192.0.2.200' }], markup);
  await insertCaptureNode(pool, markup);
  await insertCaptureNode(pool, `javascript:alert(1)//${markup}`);
  await rebuildRollups(pool);
  await fixture.api.post('/api/alerts/x/triage', { note: markup, assignee: markup });
  for (const path of ['/', '/alerts', '/alerts/x', '/nodes', '/packets', '/conversations', `/hosts/${SCAN.source}`]) {
    await page.goto(fixture.url + path);
    await expect.poll(() => page.locator('body').textContent(), { message: path }).toContain(markup);
    expect(await page.locator('main img').count(), path).toBe(0);
    expect(await page.locator('a[href^="javascript:"]').count(), path).toBe(0);
    expect(await page.title()).not.toBe('1');
  }
  await page.goto(`${fixture.url}/alerts?q=${encodeURIComponent(`"${markup}"`)}&rule=${encodeURIComponent(markup)}`);
  await page.locator('.problem').first().waitFor();
  expect(await page.locator('main img').count()).toBe(0);
});

/** Opens the page and lets nothing of the list through from when it is live, so that what appears was pushed. */
async function openWithoutPolls(url: string): Promise<void> {
  const { page } = opened;
  const streaming = page.waitForResponse((response) => response.url().endsWith('/api/alerts/stream'));
  await page.goto(url);
  await streaming;
  await page.waitForTimeout(1_000); // the list that the stream's beginning asks for
  await page.route('**/api/alerts?**', () => undefined);
  await page.route('**/api/stats?**', () => undefined);
}

test('alerts are pushed: there at once, in their place, without the list being asked for', async () => {
  const { pool } = fixture.api;
  await insertAlerts(pool, [{ ...SCAN, firstSeen: at(30), lastSeen: at(26) }]);
  await openWithoutPolls(`${fixture.url}/alerts?range=1h&severity=3`);
  expect(await alertRows()).toEqual([SCAN.message]);
  await storeAlert(pool, 'new');
  await expect.poll(alertRows, { interval: 10 }).toEqual(['new at 1', SCAN.message]);
  // One that goes on stays one row; one that the filter leaves out is none.
  await storeAlert(pool, 'harmless', { severity: 2 });
  await storeAlert(pool, 'new', { sequence: 2 });
  await expect.poll(alertRows).toEqual(['new at 2', SCAN.message]);
  // Resolved by somebody else, it leaves the list of the unresolved.
  await fixture.api.post('/api/alerts/new/resolve');
  await expect.poll(alertRows).toEqual([SCAN.message]);
});

test('a list that is being read stays put: what is new waits until it is asked for', async () => {
  const { pool } = fixture.api;
  const { page } = opened;
  await insertAlerts(
    pool,
    Array.from({ length: 90 }, (_, index) => ({
      id: `old-${index}`,
      message: `old ${String(index).padStart(2, '0')}`,
      firstSeen: at(100 + index),
      lastSeen: at(50 + index),
    })),
  );
  await page.goto(`${fixture.url}/alerts?range=1h`);
  await expect.poll(alertRows).not.toHaveLength(0);
  await page.mouse.wheel(0, 1_500);
  await expect.poll(() => page.evaluate<number>('scrollY')).toBeGreaterThan(1_000);
  const positions = `JSON.stringify([...document.querySelectorAll('#alert-rows .row')].map((row) => [row.dataset.key, Math.round(row.getBoundingClientRect().top)]).filter(([, top]) => top > 100 && top < 800))`;
  await page.waitForTimeout(500); // rows are measured as they come into sight
  const before = await page.evaluate<string>(positions);
  await storeAlert(pool, 'new-1');
  await storeAlert(pool, 'new-2');
  await page.getByRole('button', { name: 'Show 2 new alerts' }).waitFor();
  const shift = (text: string): [string, number][] => JSON.parse(text) as [string, number][];
  const after = shift(await page.evaluate<string>(positions));
  expect(after.map(([key]) => key)).toEqual(
    expect.arrayContaining(
      shift(before)
        .slice(1, -2)
        .map(([key]) => key),
    ),
  );
  expect(await alertRows()).not.toContain('new-1 at 1');
  await page.getByRole('button', { name: 'Show 2 new alerts' }).click();
  await expect.poll(async () => (await alertRows()).slice(0, 2).sort()).toEqual(['new-1 at 1', 'new-2 at 1']);
});

test('alerts are pushed to a page with a token, and asked for where they cannot be', async () => {
  const { page } = opened;
  const own = await fixture.start(0, '0.0.0.0');
  try {
    await openWithoutPolls(`${own.url.replace('0.0.0.0', '127.0.0.1')}/alerts#token=${TOKEN}`);
    await storeAlert(fixture.api.pool, 'guarded');
    await expect.poll(alertRows).toEqual(['guarded at 1']);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.route('**/api/alerts/stream', (route) => route.fulfill({ status: 503, json: {} }));
    await page.reload();
    await storeAlert(fixture.api.pool, 'asked-for');
    await expect.poll(alertRows, { timeout: 25_000 }).toEqual(['asked-for at 1', 'guarded at 1']);
    expect(await page.locator('#live-text').textContent()).toBe('Live');
  } finally {
    await own.stop();
  }
});

test('the stream is let go while the page is paused or hidden, and taken up again', async () => {
  const { page } = opened;
  const streams = async (): Promise<number> => {
    const metric = (await fixture.registry.getMetricsAsJSON()).find(({ name }) => name === 'nta_api_alert_streams');
    return metric!.values[0]!.value;
  };
  await expect.poll(streams).toBe(0);
  await page.goto(`${fixture.url}/alerts`);
  await expect.poll(streams).toBe(1);
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect.poll(streams).toBe(0);
  await storeAlert(fixture.api.pool, 'meanwhile');
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(streams, { timeout: 10_000 }).toBe(1);
  await expect.poll(alertRows, { timeout: 10_000 }).toEqual(['meanwhile at 1']);
  await page.evaluate(HIDE_PAGE);
  await expect.poll(streams).toBe(0);
});
