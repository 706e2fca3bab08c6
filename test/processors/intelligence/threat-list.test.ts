/** Lists of threats: what they may hold, how they are read, and which network is the narrowest. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { PrefixTable } from '../../../processors/intelligence/prefix-table.js';
import { parseThreatList, ThreatLists } from '../../../processors/intelligence/threat-list.js';
import { loadRules, RuleLoader } from '../../../processors/rules/detection-settings.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';
import { Random } from '../../support/random.js';

const NOW = Date.UTC(2026, 0, 1);
const JA4 = 't13d1516h2_8daaf6152771_02713d6af862';
const textsOf = (text: string): string[] =>
  parseThreatList('a', 'a.txt', text, NOW).indicators.map((each) => each.text);
const refusalOf = (text: string): string => {
  try {
    parseThreatList('a', 'a.txt', text, NOW);
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a list', () => {
  it.each([
    [
      'plain',
      `# bad ones\n203.0.113.9 # a note\n198.51.100.0/24\nevil[.]example.com\n*.worse.example.org\n${JA4}\n2001:db8:bad::/48\nhttp://site.example.net/\nhttp://shared.example.net/a/page\n`,
      [
        '203.0.113.9',
        '198.51.100.0/24',
        'evil.example.com',
        'worse.example.org',
        JA4,
        '2001:db8:bad::/48',
        'site.example.net',
      ],
    ],
    ['hosts', '0.0.0.0 ads.example.com\n127.0.0.1 spy.example.com\n', ['ads.example.com', 'spy.example.com']],
    [
      'CSV with a header',
      'first_seen,dst_ip,dst_port,malware\n"2026-01-01","203.0.113.9","443","Bad, very"\n2026-01-02,203.0.113.10,80,x\n',
      ['203.0.113.9', '203.0.113.10'],
    ],
    ['CSV without one', '"2026-01-01 10:00","203.0.113.9:443","bot"\n', ['203.0.113.9']],
    [
      'STIX 2.1',
      JSON.stringify({
        type: 'bundle',
        id: 'bundle--1',
        objects: [
          {
            type: 'indicator',
            pattern: "[ipv4-addr:value = '203.0.113.9'] OR [domain-name:value = 'evil.example.com']",
          },
          { type: 'indicator', pattern: "[ipv4-addr:value ISSUBSET '198.51.100.0/24']" },
          { type: 'indicator', pattern: "[ipv4-addr:value = '203.0.113.77']", valid_until: '2025-06-01T00:00:00Z' },
          { type: 'indicator', pattern: "[ipv4-addr:value = '203.0.113.78' AND network-traffic:dst_port = 4444]" },
          { type: 'indicator', pattern: "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']" },
          { type: 'malware', name: 'x' },
        ],
      }),
      ['203.0.113.9', 'evil.example.com', '198.51.100.0/24'],
    ],
    [
      'MISP',
      JSON.stringify({
        Event: {
          Attribute: [
            { type: 'ip-dst', value: '203.0.113.9', to_ids: true },
            { type: 'ip-dst|port', value: '203.0.113.10|443', to_ids: true },
            { type: 'domain', value: 'context.example.com', to_ids: false },
            { type: 'md5', value: 'd41d8cd98f00b204e9800998ecf8427e', to_ids: true },
          ],
          Object: [{ Attribute: [{ type: 'domain|ip', value: 'evil.example.com|203.0.113.11', to_ids: true }] }],
        },
      }),
      ['203.0.113.9', '203.0.113.10', 'evil.example.com', '203.0.113.11'],
    ],
  ])('is read as %s', (_, text, indicators) => {
    expect(textsOf(text)).toEqual(indicators);
  });

  it.each([
    ['203.0.113.9\n10.0.0.0/8\n', /a\.txt: line 2: 10\.0\.0\.0\/8 is private .*take the line out/],
    ['0.0.0.0/0\n', /line 1: 0\.0\.0\.0\/0 is too wide .*\/8 and longer/],
    ['::/0\n', /too wide/],
    ['127.0.0.1\n', /loopback/],
    ['fe80::1\n', /link-local/],
    ['192.0.0.0/8\n', /192\.0\.0\.0\/8 is private \(192\.168\.0\.0\/16\)/],
    ['com\nco.uk\n', /line 1: "com" is no address/],
    ['co.uk\n', /suffix that everybody.s domains end in/],
    ['not an indicator\n', /line 1: "not" is no address, network, domain or JA4/],
    ['ip,note\n192.168.1.1,router\n', /line 2: 192\.168\.1\.1 is private/],
    ['<html><body>404</body></html>', /a page of HTML/],
    ['{"type":"report"}', /neither a bundle of STIX 2\.1 nor events of MISP/],
    [
      JSON.stringify({ type: 'bundle', objects: [{ type: 'indicator', pattern: "[ipv4-addr:value = '10.1.2.3']" }] }),
      /line 1: 10\.1\.2\.3 is private/,
    ],
    ['# nothing\n', /no address, network, domain or JA4 fingerprint in it/],
  ])('that holds %j is refused with the line and what to do', (text, reason) => {
    expect(refusalOf(text)).toMatch(reason);
  });

  it('finds the narrowest network, as a search through all does', () => {
    const generator = new Random(7);
    const random = (): number => generator.unit();
    const networks = Array.from({ length: 400 }, (_, value) => {
      const bits = 8 + Math.floor(random() * 25);
      // Few high bytes, so that networks lie within each other.
      const address =
        (Math.floor(random() * 3) * 2 ** 24 + Math.floor(random() * 2 ** 24)) &
        (bits === 32 ? -1 : ~(2 ** (32 - bits) - 1));
      const bytes = Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
      return { bytes, bits, value: `${value}`, number: address >>> 0 };
    });
    const distinct = [...new Map(networks.map((each) => [`${each.number}/${each.bits}`, each])).values()];
    const table = new PrefixTable(distinct);
    for (let i = 0; i < 20_000; i++) {
      const near = distinct[i % distinct.length]!;
      const address = i % 2 === 0 ? Math.floor(random() * 2 ** 26) : (near.number + Math.floor(random() * 3) - 1) >>> 0;
      const holding = distinct.filter(
        ({ number, bits }) => Math.floor(address / 2 ** (32 - bits)) === Math.floor(number / 2 ** (32 - bits)),
      );
      const best = holding.sort((a, b) => b.bits - a.bits)[0];
      expect(table.findIpv4(address)).toBe(best?.value);
    }
    const ipv6 = new ThreatLists([parseThreatList('six', 'six', '2001:db8::/32\n2001:db8:1::/48\n', NOW)]);
    const slot = conversationBlock([{ start: 0, responder: '2001:db8:1::5' }]).responder;
    expect(ipv6.address(slot, 0)?.indicator).toBe('2001:db8:1::/48');
    expect(ipv6.name('')).toBeUndefined();
  });
});

describe('rules of lists', () => {
  let folder: string;
  let file: string;
  let server: Server | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nta-lists-'));
    file = join(folder, 'bad.txt');
    writeFileSync(file, `203.0.113.9\nevil.example.com\n${JA4}\n`);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    server?.close();
    server = undefined;
  });

  function alertsOf(engine: DetectionEngine, conversations: readonly TestConversation[]): readonly AlertDocument[] {
    engine.process(new PacketBlock(0), 0, 0, conversationBlock(conversations));
    return engine.takeAlerts();
  }

  it('find addresses, names and fingerprints, and say the list and its version', async () => {
    const rules = await loadRules({ detectionConfig: '', detector: [], threatIntel: [file] });
    const engine = new DetectionEngine(
      { rules: rules.rules.filter(({ detector }) => detector.id === 'threat-intel') },
      DEFAULT_ENGINE_LIMITS,
    );
    const alerts = alertsOf(engine, [
      { start: 1e15, responder: '203.0.113.9' },
      { start: 1e15 + 1, originator: '203.0.113.9', responder: '10.0.0.2', outcome: 1 },
      { start: 1e15 + 2, responder: '198.51.100.1', names: { serverName: 'www.EVIL.example.com' } },
      { start: 1e15 + 3, responder: '198.51.100.2', names: { serverName: 'fine.example', ja4: JA4 } },
      { start: 1e15 + 4, responder: '198.51.100.3', names: { serverName: 'evil.example.com.fine.example' } },
    ]);
    const said = [...alerts].sort((a, b) => b.event.severity - a.event.severity);
    expect(said.map(({ event, message, source }) => [event.severity, source.ip, message])).toEqual([
      [4, '10.0.0.1', '10.0.0.1 called 203.0.113.9 port 443: 203.0.113.9 is on the list bad.txt'],
      [
        4,
        '10.0.0.1',
        '10.0.0.1 called 198.51.100.1 port 443: www.EVIL.example.com is on the list bad.txt (by evil.example.com)',
      ],
      [4, '10.0.0.1', `10.0.0.1 called 198.51.100.2 port 443: its JA4 ${JA4} is on the list bad.txt`],
      [1, '203.0.113.9', '203.0.113.9 called 10.0.0.2 port 443 without an answer: 203.0.113.9 is on the list bad.txt'],
    ]);
    expect(said[0]!.nta.alert.evidence.details).toMatchObject({
      list: 'bad.txt',
      list_version: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it('change with the file, and are refused as a whole when a line of it is harmful', async () => {
    const loader = new RuleLoader({ detectionConfig: '', detector: [], threatIntel: [file] });
    const versionOf = async (): Promise<unknown> =>
      (await loader.load()).rules.find(({ detector }) => detector.id === 'threat-intel')!.options['lists'];
    const before = await versionOf();
    expect(await versionOf()).toEqual(before);
    expect(loader.files).toEqual([file]);
    writeFileSync(file, '203.0.113.10\n');
    expect(await versionOf()).not.toEqual(before);
    writeFileSync(file, '203.0.113.10\n0.0.0.0/0\n');
    await expect(loader.load()).rejects.toThrow(/bad\.txt: line 2: 0\.0\.0\.0\/0 is too wide/);
    await expect(loadRules({ detectionConfig: '', detector: [], threatIntel: [join(folder, 'none')] })).rejects.toThrow(
      /cannot be read/,
    );
    // Without a list there is no rule that every conversation would pass through.
    expect(
      (await loadRules({ detectionConfig: '', detector: [] })).rules.some(
        ({ detector }) => detector.id === 'threat-intel',
      ),
    ).toBe(false);
  });

  it('are asked for again by their ETag, and stay while their server does not answer', async () => {
    const asked: (string | undefined)[] = [];
    let isAway = false;
    server = createServer((request, response) => {
      asked.push(request.headers['if-none-match']);
      if (isAway) response.writeHead(503).end();
      else if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"v1"' }).end('203.0.113.9\n');
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feeds/bad.txt`;
    const stale: string[] = [];
    const loader = new RuleLoader({ detectionConfig: '', detector: [], threatIntel: [url] }, (reason) =>
      stale.push(reason),
    );
    const first = await loader.load();
    expect(JSON.stringify(await loader.load())).toBe(JSON.stringify(first));
    isAway = true;
    expect((await loader.load()).rules.length).toBe(first.rules.length);
    expect(asked).toEqual([undefined, '"v1"', '"v1"']);
    expect(stale).toEqual([expect.stringMatching(/bad\.txt: cannot be read: the server answers 503/)]);
    expect(loader.asksAgain).toBe(true);
  });
});
