/** How every page looks in real Chromium: nothing is cut at any width, light or dark, axe finds nothing, charts show in forced colours. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { insertCaptureNode, insertPackets, rebuildRollups } from '../api/sample-data.js';
import {
  at,
  axeFindings,
  type BrowserFixture,
  emptyTables,
  insertConversations,
  insertScan,
  SCAN,
  setUpBrowser,
} from './browser-fixture.js';
import { CHART_HAS_INK, PAGE_WIDTH } from './page-probes.js';

/** Where screenshots go, to be looked at; nowhere unless it is said. */
const SCREENSHOTS = process.env['NTA_SCREENSHOTS'];

let fixture: BrowserFixture;
let conversation = '';

setUpBrowser(async (made) => {
  fixture = made;
  const { api } = fixture;
  await emptyTables(api.pool);
  await insertScan(api.pool);
  await insertConversations(api.pool, [
    { originator: '2001:db8:1111:2222:3333:4444:5555:6666', responder: '2001:db8:1111:2222:3333:4444:5555:7777' },
  ]);
  await insertPackets(api.pool, [
    {
      time: at(5),
      source: '2001:db8:1111:2222:3333:4444:5555:6666',
      destination: '2001:db8:1111:2222:3333:4444:5555:7777',
      etherType: 0x86dd,
    },
  ]);
  await rebuildRollups(api.pool);
  await insertCaptureNode(api.pool, 'edge-1');
  await insertCaptureNode(api.pool, 'edge-2', { ageSeconds: 60 });
  await api.post(`/api/alerts/${SCAN.id}/triage`, { status: 'in_progress', assignee: 'ada', note: 'asked the owner' });
  await api.post('/api/exceptions', {
    rules: ['port-scan', 'host-sweep'],
    sources: ['2001:db8:1111:2222::/64', '192.0.2.0/24'],
    hours: { from: '22:00', to: '05:00', zone: 'Europe/Berlin', days: ['sat', 'sun'] },
    note: 'our own scanner, every weekend',
  });
  const page = await api.get<{ conversations: { id: string }[] }>('/api/conversations?service=ssl&limit=1');
  conversation = page.conversations[0]!.id;
});

/** What each page has to show before it is looked at. */
const PAGES: readonly (readonly [name: string, path: () => string, sight: string])[] = [
  ['overview', () => '/', '#traffic .legend'],
  ['searched', () => '/?q=tcp', '#responder .ranking'],
  ['alerts', () => '/alerts', '#alert-rows .message'],
  ['grouped', () => '/alerts?group=rule&status=all', '[data-tone="group"]'],
  ['alert', () => `/alerts/${SCAN.id}`, '#history'],
  ['incidents', () => '/incidents', '#incident-rows .message'],
  ['incident', () => '/incidents/incident-1', '#incident-alerts .message'],
  ['host', () => `/hosts/${SCAN.source}`, '.side .ranking'],
  ['conversations', () => '/conversations', '#conversation-rows .outcome'],
  ['conversation', () => `/conversations/${conversation}`, '.facts .outcome'],
  ['packets', () => '/packets', '#packet-rows .time button'],
  ['nodes', () => '/nodes', '.node .facts'],
  ['rules', () => '/rules', '#exception-rows .exception-parts'],
  ['settings', () => '/settings', 'main .facts'],
  ['empty', () => '/packets?q=port+1', '.empty'],
  ['refused', () => '/packets?q=portt+1', '.marked-search'],
];

const LOOKS = [
  [1440, 'light'],
  [1440, 'dark'],
  [390, 'light'],
  [390, 'dark'],
] as const;

test.each(LOOKS)('at %i px in the %s scheme', async (width, colorScheme) => {
  const { page } = await fixture.open({ width, height: width > 1000 ? 900 : 844 });
  await page.emulateMedia({ colorScheme });
  const found: string[] = [];
  for (const [name, path, sight] of PAGES) {
    await page.goto(fixture.url + path());
    await page.locator(sight).first().waitFor();
    if (SCREENSHOTS) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    const wide = await page.evaluate<number>(PAGE_WIDTH);
    if (wide > width) found.push(`${name}: ${wide} px wide`);
    found.push(...(await axeFindings(page)).map((finding) => `${name}: ${finding}`));
  }
  expect(found).toEqual([]);
});

test('in forced colours and on paper the charts are there', async () => {
  const { page } = await fixture.open();
  await page.emulateMedia({ forcedColors: 'active' });
  await page.goto(fixture.url);
  await page.locator('#traffic .legend').waitFor();
  await expect.poll(() => page.evaluate(CHART_HAS_INK)).toBe(true);
  await page.emulateMedia({ forcedColors: 'none', media: 'print' });
  expect(await page.locator('.top').isVisible()).toBe(false);
  expect(await page.locator('#traffic .chart').isVisible()).toBe(true);
});

test('on a phone the menu opens and leads on', async () => {
  const { page } = await fixture.open({ width: 390, height: 844 });
  await page.goto(fixture.url);
  await page.getByRole('button', { name: /Overview/ }).click();
  await page.getByRole('link', { name: 'Packets', exact: true }).click();
  await page.locator('#packet-rows .time button').first().waitFor();
  expect(await page.getByRole('link', { name: 'Nodes' }).isVisible()).toBe(false);
});
