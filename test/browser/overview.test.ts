/** The overview in real Chromium: what goes on appears by itself, and the address says what is looked at. */
import { beforeEach, expect, test } from 'vitest';
import { insertAlerts, insertCaptureNode, insertPackets, rebuildRollups } from '../api/sample-data.js';
import {
  type BrowserFixture,
  emptyTables,
  insertConversations,
  insertScan,
  type OpenPage,
  SCAN,
  setUpBrowser,
} from './browser-fixture.js';
import { CHART_HAS_INK, HIDE_PAGE } from './page-probes.js';

let fixture: BrowserFixture;
let opened: OpenPage;

setUpBrowser((made) => {
  fixture = made;
});
beforeEach(async () => {
  await emptyTables(fixture.api.pool);
  opened = await fixture.open();
});

test('traffic, alerts and nodes appear by themselves while the page is open', async () => {
  const { page } = opened;
  await page.goto(fixture.url);
  await page.getByText('No unresolved alerts in the last hour.').waitFor();
  await page.getByText('No traffic has been stored yet.').first().waitFor();
  await insertScan(fixture.api.pool);
  await insertCaptureNode(fixture.api.pool, 'edge-1');

  await page.getByRole('link', { name: SCAN.message, exact: true }).waitFor({ timeout: 20_000 });
  await expect.poll(() => page.locator('#sources').textContent(), { timeout: 20_000 }).toContain('192.0.2.7');
  expect(await page.locator('#protocols').textContent()).toMatch(/tcp[\s\S]*98 %[\s\S]*udp/);
  expect(await page.locator('#tiles').textContent()).toMatch(/Packets41mean/);
  expect(await page.locator('#live-text').textContent()).toBe('Live');
  await expect.poll(() => page.title(), { timeout: 20_000 }).toBe('(1) nta');
  await expect.poll(() => page.evaluate(CHART_HAS_INK)).toBe(true);
  await page.goto(`${fixture.url}/nodes`);
  await page.getByRole('heading', { name: 'edge-1' }).waitFor();
  expect(await page.locator('main').textContent()).toMatch(
    /(online|stale|offline)[\s\S]*Seen120,000[\s\S]*spool full: 10/,
  );
});

test('time, search and unit stand in the address; a span drawn over the chart is looked at; back goes back', async () => {
  const { page } = opened;
  await insertScan(fixture.api.pool);
  await insertConversations(fixture.api.pool);
  await page.goto(fixture.url);
  await page.locator('#unit').getByText('Packets', { exact: true }).click();
  await page.waitForURL('**/?unit=packets');
  await page.getByRole('button', { name: /Last hour/ }).click();
  const drawn = page.waitForResponse((response) => response.url().includes('/api/stats?hours=6&'));
  await page.getByRole('button', { name: 'Last 6 hours' }).click();
  await page.waitForURL('**/?unit=packets&range=6h');
  await drawn;

  const over = page.locator('#traffic .u-over');
  // Another width of the bars is another chart.
  await page.waitForTimeout(300);
  await expect.poll(() => over.boundingBox()).not.toBeNull();
  const box = (await over.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.98, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=[\d-]+T[\d:]+\.000Z&to=[\d-]+T[\d:]+\.000Z/);
  await page.goBack();
  await page.waitForURL('**/?unit=packets&range=6h');

  await page.getByRole('combobox', { name: 'Search' }).fill('serv');
  await page.getByRole('option', { name: /^service/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.type('ssl');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=service\+ssl/);
  await expect.poll(() => page.locator('#responder').textContent()).toMatch(/198\.51\.100\.80/);
  expect(await page.locator('#responder').textContent()).not.toContain('198.51.100.1 ');
  // What has no such field says so in its place.
  await page.locator('#alerts').getByText('Alerts have no “service”').waitFor();
  await page.goBack();
  await page.locator('#sources').getByRole('link', { name: '192.0.2.99' }).click();
  await page.waitForURL('**/hosts/192.0.2.99?range=6h');
  await page.goBack();
  await page.goForward();
  await page.waitForURL('**/hosts/192.0.2.99?range=6h');
  await page.getByRole('heading', { name: '192.0.2.99' }).waitFor();
});

test('a replayed capture of long ago is found under all data, by itself when no time was chosen', async () => {
  const { page } = opened;
  await insertPackets(fixture.api.pool, [
    { time: '2019-05-06T07:08:09.123456Z', source: '192.0.2.7', destination: '192.0.2.8', timeline: 'old' },
  ]);
  await rebuildRollups(fixture.api.pool);
  await page.goto(`${fixture.url}/?range=1h`);
  await page
    .getByText(/No traffic in the last hour; there is some from 2019-05-0/)
    .first()
    .waitFor();
  await page.getByRole('link', { name: 'Show all data' }).click();
  await expect.poll(() => page.locator('#tiles').textContent()).toMatch(/Packets1mean/);
  await page.goto(`${fixture.url}/packets`);
  await expect.poll(() => page.locator('#packet-rows').textContent()).toContain('.123456');
  expect(await page.locator('#range').textContent()).toContain('All data (none in the last hour)');
});

test('times are told in the zone that was chosen, with daylight saving as it was then', async () => {
  await insertAlerts(fixture.api.pool, [
    { id: 'summer', firstSeen: '2024-07-01T10:00:00Z', lastSeen: '2024-07-01T10:05:00Z' },
    { id: 'winter', firstSeen: '2024-12-01T10:00:00Z', lastSeen: '2024-12-01T10:05:00Z' },
  ]);
  const berlin = await fixture.open({ timezoneId: 'Europe/Berlin' });
  const { page } = berlin;
  await page.goto(`${fixture.url}/alerts/winter`);
  await page.getByText('2024-12-01 11:00:00.000000').first().waitFor();
  await page.goto(`${fixture.url}/alerts/summer`);
  await page.getByText('2024-07-01 12:00:00.000000').first().waitFor();
  await page.getByText('Times in Europe/Berlin.').waitFor();
  await page.getByRole('button', { name: 'Show UTC' }).click();
  await page.getByText('2024-07-01 10:00:00.000000').first().waitFor();
  // The next tab has it so, too.
  const tab = await berlin.context.newPage();
  await tab.goto(`${fixture.url}/alerts/summer`);
  await tab.getByText('2024-07-01 10:00:00.000000').first().waitFor();
});

test('it asks every few seconds, not while it is paused or hidden', async () => {
  const { page } = opened;
  let requests = 0;
  page.on('request', (request) => {
    if (request.url().includes('/api/stats')) requests++;
  });
  await page.goto(`${fixture.url}/?range=1h`);
  await expect.poll(() => requests, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.waitForTimeout(500);
  const paused = requests;
  await page.waitForTimeout(7_000);
  expect(requests).toBe(paused);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(() => requests, { timeout: 15_000 }).toBeGreaterThan(paused);

  await page.evaluate(HIDE_PAGE);
  await page.waitForTimeout(500);
  const hidden = requests;
  await page.waitForTimeout(7_000);
  expect(requests).toBe(hidden);
});

test('a server that is away is said, and its return is noticed', async () => {
  const { page } = opened;
  await insertScan(fixture.api.pool);
  const own = await fixture.start();
  await page.goto(own.url);
  await page.getByRole('link', { name: SCAN.message, exact: true }).waitFor();
  await expect.poll(() => page.locator('#sources').textContent()).toContain('192.0.2.7');
  await own.stop();
  await page.getByText('The server does not answer.').waitFor({ timeout: 30_000 });
  expect(await page.locator('#live').getAttribute('data-state')).toBe('away');
  // What was there stays there.
  expect(await page.locator('#sources').textContent()).toContain('192.0.2.7');
  const again = await fixture.start(Number(new URL(own.url).port));
  try {
    await expect.poll(() => page.locator('#live-text').textContent(), { timeout: 40_000 }).toBe('Live');
    expect(await page.locator('#outage').count()).toBe(0);
  } finally {
    await again.stop();
  }
});

test('what is not looked at any more is not waited for', async () => {
  const { page } = opened;
  await page.route('**/api/stats?**', () => undefined);
  const failed = page.waitForEvent('requestfailed', { predicate: (request) => request.url().includes('buckets=120') });
  await page.goto(`${fixture.url}/?range=1h`);
  await page.getByRole('link', { name: 'Nodes' }).click();
  expect((await failed).failure()?.errorText).toContain('ABORTED');
});

test('a part of the overview that is loading, refused or empty says so, each in its own words', async () => {
  const { page } = opened;
  const panel = page.locator('.nodes-panel');
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route('**/api/nodes', async (route) => {
    await held;
    await route.continue();
  });
  await page.route('**/api/stats?*buckets=120*', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(fixture.url);
  await panel.getByText('Loading capture nodes…').waitFor();
  expect(await panel.textContent()).not.toContain('No capture node');
  // It stands over the whole width, not in one column of the twelve.
  const loading = page.getByText('Loading traffic…');
  await loading.waitFor();
  const [own, whole] = [await loading.boundingBox(), await page.locator('.overview').boundingBox()];
  expect(own!.width).toBeGreaterThan(whole!.width * 0.9);
  answer();
  await panel.getByText('No capture node has reported yet.').waitFor();

  await page.unroute('**/api/nodes');
  await page.route('**/api/nodes', (route) =>
    route.fulfill({ status: 403, json: { code: 'FORBIDDEN', detail: 'this token may not see nodes', errors: [] } }),
  );
  await page.reload();
  await panel.getByRole('alert').getByText('this token may not see nodes').waitFor();
  expect(await panel.textContent()).not.toContain('No capture node');
  expect(await page.locator('#tiles').textContent()).toMatch(/Nodes–not known/);
});
