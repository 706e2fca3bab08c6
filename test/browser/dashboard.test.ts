/** The dashboard in real Chromium, over a real server and database. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import type { Severity } from '../../schemas/alerts/alert.js';
import { storeAlerts } from '../../sinks/alerts/alert-sink.js';
import { type ApiFixture, createApiFixture } from '../api/api-fixture.js';
import { apiSettings, TOKEN } from '../api/api-settings.js';
import { insertAlerts, insertCaptureNode, insertPackets, rebuildRollups } from '../api/sample-data.js';
import { alertEvent } from '../support/alert-events.js';
import { testLog } from '../support/local-stack.js';
import { requireCondition } from '../support/requirement.js';
import { CHROMIUM_ARGUMENTS, findChromium } from './chromium.js';
import { CHART_HAS_INK, contrastOf, HIDE_PAGE, PAGE_STATE, PAGE_WIDTH } from './page-probes.js';

const executablePath = findChromium();

let api: ApiFixture;
let service: ApiService;
const registry = createRegistry();
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];

const start = async (port = 0, host = '127.0.0.1', registry = createRegistry()): Promise<ApiService> => {
  const started = createApi(
    {
      ...api.database.settings,
      ...apiSettings({ apiHost: host, apiPort: port }),
    },
    testLog().child({}, { level: 'fatal' }),
    registry,
  );
  await started.start();
  return started;
};

const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString();

beforeAll(async () => {
  if (executablePath === undefined) return;
  api = await createApiFixture();
  service = await start(0, '127.0.0.1', registry);
  browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
});
afterAll(async () => {
  await browser?.close();
  await service?.stop();
  await api?.remove();
});

beforeEach(async (test) => {
  requireCondition(test, executablePath !== undefined, 'not installed: chromium');
  await api.pool.query(
    'TRUNCATE packet_segments, alerts, alert_events, capture_nodes, traffic_totals, traffic_protocols, traffic_sources, traffic_ports',
  );
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail' && page) console.error(`the page says: ${await page.evaluate<string>(PAGE_STATE)}`);
  await context?.close();
  // A refused script, style or markup (content security policy, trusted types) is reported here too.
  expect(complaints ?? []).toEqual([]);
});

const SCAN = { id: 'scan-1', source: '192.0.2.7', severity: 4, message: '192.0.2.7 probed 40 ports of 198.51.100.1' };

async function insertScan(): Promise<void> {
  await insertPackets(
    api.pool,
    Array.from({ length: 40 }, (_, index) => ({
      time: at(30 - index / 10),
      source: SCAN.source,
      destination: '198.51.100.1',
      sourcePort: 50_000,
      destinationPort: 20 + index,
      tcpFlags: 2,
    })),
  );
  await insertPackets(api.pool, [
    {
      time: at(20),
      source: '192.0.2.99',
      destination: '192.0.2.1',
      ipProtocol: 17,
      sourcePort: 5000,
      destinationPort: 53,
    },
  ]);
  await rebuildRollups(api.pool);
  await insertAlerts(api.pool, [{ ...SCAN, firstSeen: at(30), lastSeen: at(26) }]);
}

test('alerts and packets appear by themselves while the page is open', async () => {
  await page.goto(service.url);
  await page.getByText('No unresolved alerts in the last 1 h.').waitFor();
  await page.getByText('No traffic has been stored yet.').first().waitFor();
  await insertScan();
  await insertCaptureNode(api.pool, 'edge-1');

  await page.getByRole('button', { name: SCAN.message, exact: true }).waitFor();
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(41);
  await expect.poll(() => page.locator('#sources').textContent()).toContain('192.0.2.7');
  expect(await page.locator('#protocols').textContent()).toMatch(/tcp[\s\S]*98 %[\s\S]*udp/);
  expect(await page.locator('#nodes').textContent()).toContain('online');
  expect(await page.locator('#live-text').textContent()).toBe('Live');
  expect(await page.title()).toBe('(1) nta');
  await expect.poll(() => page.evaluate(CHART_HAS_INK)).toBe(true);
});

test('an alert shows its evidence, is resolved with the token of the address, and reopened', async () => {
  await insertScan();
  await page.goto(`${service.url}/#token=${TOKEN}`);
  await page.getByRole('button', { name: SCAN.message, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('40 distinct: 21, 22, 23, 25, 80, 443, …').waitFor();
  // Neither the address bar nor the history keeps the token.
  expect(page.url()).not.toContain(TOKEN);

  await dialog.getByRole('textbox', { name: 'Note' }).fill('our own scanner <b>&');
  await dialog.getByRole('button', { name: 'Resolve' }).click();
  await dialog.getByText('resolved by dashboard: our own scanner <b>&').waitFor();
  expect((await api.get<{ resolved: boolean }>('/api/alerts/scan-1')).resolved).toBe(true);
  await dialog.getByRole('button', { name: 'Reopen' }).click();
  await dialog.getByRole('button', { name: 'Resolve' }).waitFor();
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: `Resolve: ${SCAN.message}` }).click();
  await page.getByText('No unresolved alerts in the last 1 h.').waitFor();
  await page.locator('#alert-status').getByText('Resolved', { exact: true }).click();
  await page.getByRole('button', { name: SCAN.message, exact: true }).waitFor();
  expect(new URL(page.url()).searchParams.get('status')).toBe('resolved');
});

test('without a token the page asks for it when one is needed, and goes on with it', async () => {
  await insertScan();
  await page.goto(service.url);
  await page.getByRole('button', { name: `Resolve: ${SCAN.message}` }).click();
  await page.getByRole('heading', { name: 'This needs the API token' }).waitFor();
  await page.locator('#token').fill('not-the-right-token');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('the bearer token is wrong').waitFor();
  await page.locator('#token').fill(TOKEN);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect.poll(async () => (await api.get<{ resolved: boolean }>('/api/alerts/scan-1')).resolved).toBe(true);
});

test('a server for other machines shows nothing until the token is given, and says when it was wrong', async () => {
  await insertScan();
  const own = await start(0, '0.0.0.0');
  const url = own.url.replace('0.0.0.0', '127.0.0.1');
  try {
    await page.goto(url);
    await page.getByRole('heading', { name: 'This needs the API token' }).waitFor();
    await page.locator('#token').fill('not-the-right-token');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('The token was refused. Check it and try again.').waitFor();
    expect(await page.locator('#packet-rows tr').count()).toBe(0);
    await page.locator('#token').fill(TOKEN);
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(41);
    // The tab keeps it, and a new one starts without.
    await page.reload();
    await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(41);
  } finally {
    await own.stop();
  }
});

test('filters stand in the address, and back goes back', async () => {
  await insertScan();
  await page.goto(`${service.url}/?range=15m`);
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(41);
  await page.locator('#sources').getByRole('button', { name: '192.0.2.99' }).click();
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(1);
  expect(new URL(page.url()).search).toBe('?range=15m&host=192.0.2.99');

  await page.getByRole('textbox', { name: 'Port' }).fill('53x');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByText('port: "53x" is no number from 0 to 65535').waitFor();
  await page.getByRole('textbox', { name: 'Port' }).fill('20-29');
  await page.getByRole('textbox', { name: 'Host' }).fill('192.0.2.0/24');
  await page.getByRole('textbox', { name: 'TCP flags' }).fill('syn,!ack');
  await page.getByRole('textbox', { name: 'TCP flags' }).press('Enter');
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(10);

  await page.goBack();
  await page.goBack();
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(1);
  await page.reload();
  expect(await page.getByRole('textbox', { name: 'Host' }).inputValue()).toBe('192.0.2.99');
  await expect.poll(() => page.locator('#packet-rows tr').count()).toBe(1);
});

test('a replayed capture of long ago is found under "All data", by itself when no range was chosen', async () => {
  await insertPackets(api.pool, [
    { time: '2019-05-06T07:08:09.123456Z', source: '192.0.2.7', destination: '192.0.2.8', timeline: 'old' },
  ]);
  await rebuildRollups(api.pool);
  await page.goto(`${service.url}/?range=1h`);
  await page
    .getByText(/No traffic in this range; there is some from 2019-05-0/)
    .first()
    .waitFor();
  await page.getByText('All data', { exact: true }).click();
  await expect.poll(() => page.locator('#packet-rows').textContent()).toContain('.123456');
  await page.goto(service.url);
  await expect.poll(() => page.locator('#packet-rows').textContent()).toContain('.123456');
  await expect.poll(() => page.locator('#tiles').textContent()).toMatch(/Packets1mean/);
  expect(await page.locator('#range input:checked').inputValue()).toBe('all');
});

test('text from the network is text: markup in it stays harmless', async () => {
  const markup = '<img src=x onerror="document.title=1">';
  await insertAlerts(api.pool, [
    { id: 'x', message: markup, firstSeen: at(20), lastSeen: at(10), captureNodes: [markup] },
  ]);
  await insertPackets(api.pool, [
    { time: at(5), source: '192.0.2.7', captureNode: markup, details: { dns: { query: markup, type: 1 } } },
  ]);
  await insertCaptureNode(api.pool, markup);
  await rebuildRollups(api.pool);
  await page.goto(service.url);
  await page.getByRole('button', { name: markup, exact: true }).click();
  await page.getByRole('dialog').getByText(markup).first().waitFor();
  expect(await page.locator('main img, dialog img').count()).toBe(0);
  expect(await page.title()).toBe('(1) nta');
});

test('a server that is away is said, and its return is noticed', async () => {
  await insertScan();
  const own = await start();
  await page.goto(own.url);
  await page.getByRole('button', { name: SCAN.message, exact: true }).waitFor();
  await own.stop();
  await page.getByText('The server does not answer.').waitFor();
  expect(await page.locator('#live').getAttribute('data-state')).toBe('away');
  // What was there stays there.
  expect(await page.locator('#packet-rows tr').count()).toBe(41);
  const again = await start(Number(new URL(own.url).port));
  try {
    await expect.poll(() => page.locator('#live-text').textContent(), { timeout: 30_000 }).toBe('Live');
    expect(await page.locator('#notice').isHidden()).toBe(true);
  } finally {
    await again.stop();
  }
});

test('it asks every two seconds, not while it is paused or hidden', async () => {
  let requests = 0;
  page.on('request', (request) => {
    if (request.url().includes('/api/stats')) requests++;
  });
  await page.goto(service.url);
  await expect.poll(() => requests, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.waitForTimeout(500);
  const paused = requests;
  await page.waitForTimeout(5000);
  expect(requests).toBe(paused);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(() => requests, { timeout: 10_000 }).toBeGreaterThan(paused);

  await page.evaluate(HIDE_PAGE);
  await page.waitForTimeout(500);
  const hidden = requests;
  await page.waitForTimeout(5000);
  expect(requests).toBe(hidden);
});

/** As the sink does: an alert of now, stored and announced in one transaction. */
async function storeAlert(id: string, changes: { severity?: Severity; source?: string; sequence?: number } = {}) {
  const { sequence = 1, source = '198.51.100.9', severity = 3 } = changes;
  const document = alertEvent(sequence, { id, source, severity });
  const { alert } = document.nta;
  const now = { first_seen: at(2), last_seen: at(1), packets: 12 };
  const current = {
    ...document,
    '@timestamp': at(1),
    message: `${id} at ${sequence}`,
    nta: { alert: { ...alert, crossed: at(1), evidence: { ...alert.evidence, ...now } } },
  };
  const client = await api.pool.connect();
  try {
    await client.query('BEGIN');
    await storeAlerts(client, [{ value: Buffer.from(JSON.stringify(current)) } as never]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

const alertRows = (): Promise<string[]> => page.locator('#alert-rows .message').allTextContents();

/** Opens the page and lets nothing of the list through from when it is live, so that what appears was pushed. */
async function openWithoutPolls(url: string): Promise<void> {
  const streaming = page.waitForResponse((response) => response.url().endsWith('/api/alerts/stream'));
  await page.goto(url);
  await streaming;
  await page.waitForTimeout(500); // the list that the stream's beginning asks for
  await page.route('**/api/alerts?**', () => undefined);
  await page.route('**/api/stats?**', () => undefined);
}

test('alerts are pushed: there at once, in their place, without the list being asked for', async () => {
  await insertAlerts(api.pool, [{ ...SCAN, firstSeen: at(30), lastSeen: at(26) }]);
  await openWithoutPolls(`${service.url}/?range=1h&severity=3`);
  expect(await alertRows()).toEqual([SCAN.message]);
  const storedAt = performance.now();
  await storeAlert('new');
  await expect.poll(alertRows, { interval: 10 }).toEqual(['new at 1', SCAN.message]);
  expect(performance.now() - storedAt).toBeLessThan(1_500);
  // One that goes on stays one row; one that the filter leaves out is none.
  await storeAlert('harmless', { severity: 2 });
  await storeAlert('new', { sequence: 2 });
  await expect.poll(alertRows).toEqual(['new at 2', SCAN.message]);
  // Resolved by somebody else, it leaves the list of the unresolved.
  await api.post('/api/alerts/new/resolve');
  await expect.poll(alertRows).toEqual([SCAN.message]);
});

test('alerts are pushed to a page with a token, and asked for where they cannot be', async () => {
  const own = await start(0, '0.0.0.0');
  try {
    await openWithoutPolls(`${own.url.replace('0.0.0.0', '127.0.0.1')}/#token=${TOKEN}`);
    await storeAlert('guarded');
    await expect.poll(alertRows).toEqual(['guarded at 1']);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.route('**/api/alerts/stream', (route) => route.fulfill({ status: 503, json: {} }));
    await page.reload();
    await storeAlert('asked-for');
    await expect.poll(alertRows, { timeout: 10_000 }).toEqual(['asked-for at 1', 'guarded at 1']);
    expect(await page.locator('#live-text').textContent()).toBe('Live');
  } finally {
    await own.stop();
  }
});

test('the stream is let go while the page is paused or hidden, and taken up again', async () => {
  const streams = async (): Promise<number> => {
    const metric = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'nta_api_alert_streams');
    return metric!.values[0]!.value;
  };
  await expect.poll(streams).toBe(0);
  await page.goto(service.url);
  await expect.poll(streams).toBe(1);
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect.poll(streams).toBe(0);
  await storeAlert('meanwhile');
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(streams, { timeout: 10_000 }).toBe(1);
  await expect.poll(alertRows).toEqual(['meanwhile at 1']);
  await page.evaluate(HIDE_PAGE);
  await expect.poll(streams).toBe(0);
});

test.each([
  [1280, 'light'],
  [1280, 'dark'],
  [400, 'light'],
  [400, 'dark'],
] as const)(
  'nothing overflows the page at %i px in the %s theme, and names are legible',
  async (width, colorScheme) => {
    await insertScan();
    await insertPackets(api.pool, [
      {
        time: at(5),
        source: '2001:db8:1111:2222:3333:4444:5555:6666',
        destination: '2001:db8:1111:2222:3333:4444:5555:7777',
        etherType: 0x86dd,
      },
    ]);
    await rebuildRollups(api.pool);
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await page.goto(service.url);
    await page.getByRole('button', { name: SCAN.message, exact: true }).waitFor();
    expect(await page.evaluate<number>(PAGE_WIDTH)).toBeLessThanOrEqual(width);
    const ratios = await page.evaluate<{ selector: string; ratio: number }[]>(
      contrastOf([
        '.subtitle',
        'td',
        'th',
        '.tag',
        '.tile dt',
        '.tile dd',
        '.segments span',
        '.legend li',
        '.ranking .share',
        'button',
      ]),
    );
    // WCAG 2.2, 1.4.3: contrast of text, level AA.
    for (const { selector, ratio } of ratios) expect(ratio, selector).toBeGreaterThanOrEqual(4.5);
  },
);
