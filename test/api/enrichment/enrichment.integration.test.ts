/** What is known of addresses beside traffic, in the answers: names of assets, places, makers of cards, and names by the DNS on request. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Enricher } from '../../../api/enrichment/enricher.js';
import { ReverseNames } from '../../../api/enrichment/reverse-names.js';
import { ConversationRows } from '../../../sinks/conversations/conversation-rows.js';
import { conversationBlock } from '../../support/conversation-blocks.js';
import { createOrigin, storeRows } from '../../support/conversation-rows.js';
import { type DnsServer, startDnsServer } from '../../support/dns-server.js';
import { testLog } from '../../support/local-stack.js';
import { mmdbFile } from '../../support/mmdb-file.js';
import { type ApiFixture, createApiFixture } from '../api-fixture.js';
import { apiSettings } from '../api-settings.js';
import { insertAlerts, insertPackets } from '../sample-data.js';

let folder: string;
let api: ApiFixture;
let dns: DnsServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nta-enrichment-'));
  dns = await startDnsServer({
    '1.2.0.192.in-addr.arpa': 'www.shop.example',
    '1.0.0.10.in-addr.arpa': null,
  });
  await writeFile(join(folder, 'assets.csv'), 'address,name,site\n10.0.0.0/8,campus,\n10.0.0.1,laptop-7,branch-7\n');
  await writeFile(
    join(folder, 'country.mmdb'),
    mmdbFile('GeoLite2-Country', {
      '192.0.2.0/24': { country: { iso_code: 'SE' } },
      '2001:db8::/32': { country: 'NO' },
    }),
  );
  await writeFile(
    join(folder, 'asn.mmdb'),
    mmdbFile('GeoLite2-ASN', {
      '192.0.0.0/16': { autonomous_system_number: 64_500, autonomous_system_organization: 'Example Net' },
    }),
  );
  api = await createApiFixture({
    settings: {
      assets: join(folder, 'assets.csv'),
      geoipDatabase: [join(folder, 'country.mmdb'), join(folder, 'asn.mmdb')],
      reverseDns: true,
      dnsServer: [dns.address],
    },
  });
  const client = await api.pool.connect();
  const originId = await createOrigin(client, 'edge-1', 'branch-7');
  const rows = new ConversationRows();
  const block = conversationBlock([{ start: Date.UTC(2026, 2, 1) * 1000 }]);
  rows.take(block, 0, originId, 0, 0);
  await storeRows(client, rows);
  client.release();
  await insertAlerts(api.pool, [
    { id: 'a', source: '192.0.2.1', firstSeen: '2026-03-01T09:00:00Z', lastSeen: '2026-03-01T09:10:00Z' },
  ]);
  await insertPackets(api.pool, [
    { time: '2026-03-01T09:00:00Z', source: '192.0.2.1', destination: '10.0.0.1', sourceMac: 'b8:27:eb:00:00:01' },
  ]);
});
afterAll(async () => {
  await api?.remove();
  await dns?.close();
  await rm(folder, { recursive: true, force: true });
});

const SERVER = { country: 'SE', asn: 64_500, organisation: 'Example Net' };

test('stands beside conversations, alerts and hosts', async () => {
  expect(await api.get('/api/conversations')).toMatchObject({
    conversations: [{ enrichment: { originator: { asset: 'laptop-7' }, responder: SERVER } }],
  });
  expect(await api.get('/api/alerts')).toMatchObject({ alerts: [{ enrichment: { source: SERVER, destination: {} } }] });
  expect(await api.get('/api/alerts/a')).toMatchObject({ enrichment: { source: SERVER } });
  expect(await api.get('/api/hosts/192.0.2.1')).toMatchObject({
    enrichment: SERVER,
    mac_vendors: { 'b8:27:eb:00:00:01': expect.stringMatching(/Raspberry Pi/) },
  });
  expect(await api.get('/api/hosts/10.0.0.2')).toMatchObject({ enrichment: { asset: 'campus' }, mac_vendors: {} });
  expect(await api.get('/api/hosts/2001:db8::7')).toMatchObject({ enrichment: { country: 'NO' } });
});

test('has names by the DNS where they are asked for, of whoever answers in time, and asks once', async () => {
  expect(dns.questions).toEqual([]);
  const { conversations } = await api.get<{ conversations: { enrichment: object }[] }>(
    '/api/conversations?reverse_dns=true',
  );
  expect(conversations[0]!.enrichment).toEqual({
    originator: { asset: 'laptop-7' },
    responder: { ...SERVER, reverse_dns: 'www.shop.example' },
  });
  const asked = dns.questions.length;
  expect(await api.get('/api/alerts?reverse_dns=1')).toMatchObject({
    alerts: [{ enrichment: { source: { reverse_dns: 'www.shop.example' } } }],
  });
  expect(await api.get('/api/hosts/192.0.2.1?reverse_dns=true')).toMatchObject({
    enrichment: { reverse_dns: 'www.shop.example' },
  });
  expect(dns.questions).toHaveLength(asked);
});

test('asks for a bounded number of names, and remembers that there is none', async () => {
  const before = dns.questions.length;
  const names = new ReverseNames([dns.address]);
  const addresses = Array.from({ length: 300 }, (_, index) => `198.51.${index >> 8}.${index & 255}`);
  expect((await names.find(addresses)).size).toBe(0);
  expect(dns.questions.length - before).toBe(100);
  await names.find(addresses.slice(0, 100));
  expect(dns.questions.length - before).toBe(100);
});

test('does not ask the DNS where the server is not told to', async () => {
  const own = await createApiFixture();
  try {
    const response = await own.request('/api/conversations?reverse_dns=true');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ input: 'reverse_dns', reason: expect.stringMatching(/start it with --reverse-dns/) }],
    });
    expect((await own.request('/api/hosts/192.0.2.1?reverse_dns=1')).status).toBe(400);
    expect((await own.request('/api/hosts/192.0.2.1?reverse_dns=perhaps')).status).toBe(400);
    expect(await own.get('/api/hosts/192.0.2.1')).toMatchObject({ enrichment: {} });
  } finally {
    await own.remove();
  }
});

test('reads files again when they change, and keeps what it has when one is wrong', async () => {
  const file = join(folder, 'assets.csv');
  const asset = async () => (await api.get<{ enrichment: { asset?: string } }>('/api/hosts/10.0.0.2')).enrichment.asset;
  await writeFile(file, 'address,name\nnowhere,x\n');
  await writeFile(file, 'address,name\n10.0.0.2,scanner\n');
  await expect.poll(asset, { timeout: 10_000 }).toBe('scanner');
});

test.each([
  [{ assets: '/nowhere/assets.csv' }, /--assets: \/nowhere\/assets.csv cannot be used: .*address,name,site/],
  [{ geoipDatabase: [import.meta.filename] }, /--geoip-database: .* cannot be read: .*\.mmdb/],
])('refuses %j at the start', async (changes, reason) => {
  const enricher = new Enricher(apiSettings(changes), testLog());
  await expect(enricher.start()).rejects.toThrow(reason);
});
