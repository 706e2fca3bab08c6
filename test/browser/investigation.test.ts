/** "Who scanned me, what else did this host do, give me its packets": in real Chromium, by clicks that are counted. */
import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { TOKEN } from '../api/api-settings.js';
import { insertAlerts } from '../api/sample-data.js';
import {
  at,
  type BrowserFixture,
  emptyTables,
  insertConversations,
  insertScan,
  SCAN,
  setUpBrowser,
} from './browser-fixture.js';

let fixture: BrowserFixture;

setUpBrowser((made) => {
  fixture = made;
});
beforeEach(async () => {
  await emptyTables(fixture.api.pool);
  await insertScan(fixture.api.pool);
  await insertConversations(fixture.api.pool);
});

/** Bytes of a pcap file's global header and of each record's. */
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;

function packetsOfPcap(file: Buffer): number {
  let count = 0;
  for (let at = PCAP_HEADER; at < file.length; count++) at += PCAP_RECORD + file.readUInt32LE(at + 8);
  return count;
}

test('three questions are answered in at most four clicks', async () => {
  const { page } = await fixture.open();
  let clicks = 0;
  const click = async (what: Locator): Promise<void> => {
    clicks++;
    await what.click();
  };
  await page.goto(fixture.url);
  // Who scanned me: it stands on the first page, and leads to the host.
  const alert = page.locator('.alert-lines li', { hasText: SCAN.message });
  await click(alert.getByRole('link', { name: SCAN.source, exact: true }));
  // What else did it do: the services and hosts it spoke to.
  await page.getByRole('heading', { name: SCAN.source }).waitFor();
  const services = page.getByRole('region', { name: 'Services used' });
  await services.getByRole('link', { name: 'ssl 443/tcp' }).waitFor();
  await page.getByRole('region', { name: 'Hosts it spoke to' }).getByRole('link', { name: '198.51.100.80' }).waitFor();
  // Give me its packets: as a file.
  const downloading = page.waitForEvent('download');
  await click(page.getByRole('link', { name: 'Download its packets (pcap)' }));
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/\.pcap$/);
  expect(packetsOfPcap(readFileSync(await download.path()))).toBe(40);
  // Or to look at.
  await click(page.getByRole('link', { name: 'Packets', exact: true }).last());
  await page.getByText('These are all 40.').waitFor();
  expect(clicks).toBeLessThanOrEqual(4);
});

test('from an alert to its conversations, one of them, its packets, and following one of these', async () => {
  const { page } = await fixture.open();
  await page.goto(`${fixture.url}/alerts/${SCAN.id}`);
  await page.getByRole('link', { name: 'Its conversations' }).click();
  const rows = page.locator('#conversation-rows .table-body .row');
  await expect.poll(() => rows.count()).toBe(6);
  const state = rows.first().locator('abbr');
  expect([await state.textContent(), await state.getAttribute('title')]).toEqual(['S0', 'Attempt seen, no answer']);
  await rows
    .first()
    .getByRole('link', { name: /198\.51\.100\.1:24/ })
    .click();
  await page.getByRole('heading', { name: /192\.0\.2\.7:50000 → 198\.51\.100\.1:24/ }).waitFor();
  const permalink = page.url();
  await page.getByRole('link', { name: 'All of them' }).click();
  await page.waitForURL(/\/packets\?/);
  await page.goto(`${fixture.url}/packets?q=port+25&columns=source,destination,ttl,info`);
  await page.getByText('These are all 1.').waitFor();
  expect(await page.getByRole('columnheader').allTextContents()).toEqual([
    'Time',
    'Source',
    'Destination',
    'TTL',
    'Info',
  ]);
  await page.locator('#packet-rows').getByRole('button').first().click();
  await page.locator('.packet-detail').getByText('25 (smtp)').waitFor();
  await page.getByRole('link', { name: 'Follow the conversation' }).click();
  await page.waitForURL(/q=proto\+6/);
  await page.getByText('These are all 1.').waitFor();
  // The address of a conversation means the same later.
  await page.goto(permalink);
  await page.getByRole('heading', { name: /198\.51\.100\.1:24/ }).waitFor();
});

test('an incident tells what belongs together, and all of it is decided about at once', async () => {
  const { page } = await fixture.open();
  await insertAlerts(fixture.api.pool, [
    {
      ...SCAN,
      id: 'scan-2',
      incidentId: 'incident-1',
      severity: 2,
      message: 'before it, a sweep',
      firstSeen: at(50),
      lastSeen: at(40),
    },
  ]);
  await page.goto(`${fixture.url}/incidents#token=${TOKEN}`);
  await page.getByText('2 alerts: port-scan').waitFor();
  await page.getByRole('link', { name: SCAN.message, exact: true }).click();
  await page.getByRole('link', { name: 'before it, a sweep' }).waitFor();
  await page.getByRole('button', { name: 'Resolve' }).click();
  await page.getByText('2 alerts resolved').waitFor();
  expect(await fixture.api.get('/api/incidents/incident-1')).toMatchObject({ resolved: true });
  await page.goto(`${fixture.url}/alerts/scan-2`);
  await page.getByRole('link', { name: 'what it is part of' }).click();
  await page.getByRole('heading', { name: SCAN.message }).waitFor();
});

test('what was searched for wrongly is marked, and an unknown page says where to go', async () => {
  const { page } = await fixture.open();
  await page.goto(`${fixture.url}/packets?q=src+10.0.0.0/8+and+portt+4`);
  await page.locator('.marked-search mark', { hasText: 'portt' }).waitFor();
  await page.getByText(/did you mean port\?/).waitFor();
  // What alerts do not know is no mistake: it is said kindly, with where to look, and the other panels answer.
  await page.goto(`${fixture.url}/?q=service+ssl`);
  await page.getByText('Alerts have no “service”, so that this search does not find any.').waitFor();
  await page.locator('#responder .ranking').getByText('198.51.100.80').waitFor();
  expect(await page.locator('.problem').count()).toBe(0);
  await page.goto(`${fixture.url}/alerts?q=service+ssl`);
  await page.locator('#alerts').getByRole('link', { name: 'conversations' }).click();
  await page.locator('#conversation-rows .outcome').first().waitFor();
  await page.goto(`${fixture.url}/no-such-page`);
  await page.getByText('There is no such page').waitFor();
  await page.goto(`${fixture.url}/hosts/203.0.113.99`);
  await page.getByText(/Nothing was seen of 203\.0\.113\.99/).waitFor();
  await page.goto(`${fixture.url}/alerts/no-such-alert`);
  await page.getByText(/there is no alert "no-such-alert"/).waitFor();
});
