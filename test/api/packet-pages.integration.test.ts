/** Pages of random filters over many segments that overlap in time, held to plain SQL over the view with a row a packet. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DECODE_FAILURES } from '../../schemas/packets/decode-failure.js';
import { PACKET_FIELD_NAMES } from '../../schemas/tables/packet-fields.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { insertPackets, type SamplePacket } from './sample-data.js';

const START = Date.parse('2026-03-01T12:00:00Z');
const SPAN_MS = 35_000;
const SOURCES = ['10.0.0.1', '10.0.0.2', '10.0.1.3', '10.1.0.4', '11.0.0.5', '2001:db8::6', '2001:db8:0:1::7', null];
const PORTS = [0, 22, 53, 80, 443, 1000, 1005, 40_000];
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];

const time = fc
  .tuple(fc.integer({ min: 0, max: SPAN_MS }), fc.constantFrom('000', '001', '999'))
  .map(([ms, micros]) => `${new Date(START + ms).toISOString().slice(0, -1)}${micros}Z`);

const packet: fc.Arbitrary<SamplePacket> = fc
  .record({
    time,
    source: fc.constantFrom(...SOURCES),
    destination: fc.constantFrom(...SOURCES),
    sourceMac: fc.constantFrom(...MACS),
    destinationMac: fc.constantFrom(...MACS),
    kind: fc.constantFrom('tcp', 'udp', 'icmp', 'hop-by-hop', 'arp'),
    sourcePort: fc.constantFrom(...PORTS),
    destinationPort: fc.constantFrom(...PORTS),
    tcpFlags: fc.constantFrom(0, 2, 16, 18, 24, 194, 256),
    icmpType: fc.constantFrom(0, 8),
    icmpCode: fc.constantFrom(0, 3),
    vlan: fc.constantFrom(null, null, null, 42),
    innerVlan: fc.constantFrom(null, null, null, 7),
    failure: fc.constantFrom(null, null, null, 3, 4),
    length: fc.integer({ min: 60, max: 1514 }),
    captureNode: fc.constantFrom('edge-1', 'edge-2'),
    interface: fc.constantFrom('eth0', 'eth1'),
    timeline: fc.constantFrom('', 'office'),
    details: fc.constantFrom(null, null, null, { dns: { query: 'example.org', type: 1 } }),
  })
  .map(({ kind, sourcePort, destinationPort, tcpFlags, icmpType, icmpCode, ...common }) => {
    if (kind === 'arp') return { ...common, etherType: 0x0806, ipProtocol: null, arpOperation: 1 };
    if (kind === 'hop-by-hop') return { ...common, ipProtocol: 0 };
    if (kind === 'icmp') return { ...common, ipProtocol: 1, icmpType, icmpCode };
    if (kind === 'udp') return { ...common, ipProtocol: 17, sourcePort, destinationPort };
    return { ...common, ipProtocol: 6, sourcePort, destinationPort, tcpFlags, tcpSequence: common.length };
  });

/** A field of the API with the SQL that it means. */
const CONDITIONS: readonly (readonly [filter: Record<string, unknown>, sql: string])[] = [
  [{}, 'true'],
  [{ source: '10.0.0.1' }, "source = '10.0.0.1'"],
  [{ source: '10.0.0.0/31,2001:db8::6' }, "(source <<= '10.0.0.0/31' OR source = '2001:db8::6')"],
  [{ source: '10.0.0.2,2001:db8::6' }, "source IN ('10.0.0.2', '2001:db8::6')"],
  [{ source: '192.0.2.1' }, "source = '192.0.2.1'"],
  [{ destination: '2001:db8:0:1::7' }, "destination = '2001:db8:0:1::7'"],
  [{ host: '11.0.0.5' }, "inet '11.0.0.5' IN (source, destination)"],
  [{ destination: '10.0.0.0/15' }, "destination <<= '10.0.0.0/15'"],
  [{ host: '10.0.0.0/7' }, "(source <<= '10.0.0.0/7' OR destination <<= '10.0.0.0/7')"],
  [{ host: '2001:db8::/63' }, "(source <<= '2001:db8::/63' OR destination <<= '2001:db8::/63')"],
  [{ host: '2000::/8' }, "(source <<= '2000::/8' OR destination <<= '2000::/8')"],
  [{ host: '::/0' }, '(family(source) = 6 OR family(destination) = 6)'],
  [{ port: 443 }, '443 IN (source_port, destination_port)'],
  [{ port: 0 }, '0 IN (source_port, destination_port)'],
  [{ port: '0-30' }, '(source_port BETWEEN 0 AND 30 OR destination_port BETWEEN 0 AND 30)'],
  [{ port: '53,80' }, '(source_port IN (53, 80) OR destination_port IN (53, 80))'],
  [{ source_port: '1000-1010' }, 'source_port BETWEEN 1000 AND 1010'],
  [{ destination_port: '1000-60000,22' }, '(destination_port BETWEEN 1000 AND 60000 OR destination_port = 22)'],
  [{ protocol: 'icmp' }, 'ip_protocol = 1'],
  [{ protocol: '0' }, 'ip_protocol = 0'],
  [{ protocol: 'udp,dns' }, "(ip_protocol = 17 OR details ? 'dns')"],
  [{ protocol: 'arp' }, 'ether_type = 2054'],
  [{ icmp_type: 8 }, 'icmp_type = 8'],
  [{ icmp_code: '3' }, 'icmp_code = 3'],
  [{ tcp_flags: 'syn,!ack' }, 'tcp_flags & 18 = 2'],
  [{ tcp_flags: 'none' }, 'tcp_flags & 255 = 0'],
  [{ tcp_flags: 'ece,cwr' }, 'tcp_flags & 192 = 192'],
  [{ mac: '02:00:00:00:00:03' }, "macaddr '02:00:00:00:00:03' IN (source_mac, destination_mac)"],
  [{ source_mac: MACS.slice(0, 2) }, "source_mac IN ('02:00:00:00:00:01', '02:00:00:00:00:02')"],
  [{ destination_mac: '02:00:00:00:00:04' }, 'false'],
  [{ vlan: 42 }, '(42 IN (vlan, inner_vlan))'],
  [{ vlan: '0-10' }, '(vlan BETWEEN 0 AND 10 OR inner_vlan BETWEEN 0 AND 10)'],
  [{ length: '60-99,1400' }, '(frame_length BETWEEN 60 AND 99 OR frame_length = 1400)'],
  [{ name: '*.org' }, "details -> 'dns' ->> 'query' LIKE '%.org'"],
  [{ dns_name: 'example.org' }, "details -> 'dns' ->> 'query' = 'example.org'"],
  [{ tls_name: '*' }, "details -> 'tls' ->> 'server_name' IS NOT NULL"],
  [{ http_host: '*' }, "details -> 'http' ->> 'host' IS NOT NULL"],
  [{ dhcp_hostname: '*' }, "details -> 'dhcp' ->> 'hostname' IS NOT NULL"],
  [{ min_length: 1400 }, 'frame_length >= 1400'],
  [{ max_length: 100 }, 'frame_length <= 100'],
  [{ failure: 'any' }, 'failure IS NOT NULL'],
  [{ failure: DECODE_FAILURES[4] }, 'failure = 4'],
  [{ capture_node: 'edge-2' }, "origin_id IN (SELECT id FROM origins WHERE capture_node = 'edge-2')"],
  [{ interface: 'eth1' }, "origin_id IN (SELECT id FROM origins WHERE interface = 'eth1')"],
  [{ timeline: 'office' }, "origin_id IN (SELECT id FROM origins WHERE timeline = 'office')"],
];

const leaf = fc.constantFrom(...CONDITIONS);
const expression = fc.oneof(
  { weight: 3, arbitrary: leaf },
  fc.tuple(leaf, leaf).map(([a, b]) => [{ and: [a[0], b[0]] }, `(${a[1]}) AND (${b[1]})`] as const),
  fc.tuple(leaf, leaf).map(([a, b]) => [{ or: [a[0], b[0]] }, `(${a[1]}) OR (${b[1]})`] as const),
  fc.tuple(leaf, leaf).map(([a, b]) => [{ ...a[0], not: b[0] }, `(${a[1]}) AND (${b[1]}) IS NOT TRUE`] as const),
);

interface Page {
  readonly packets: readonly { readonly id: string }[];
  readonly next: string | null;
}

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture();
  for (const packets of fc.sample(fc.array(packet, { minLength: 1, maxLength: 400, size: 'max' }), {
    seed: 7,
    numRuns: 30,
  })) {
    await insertPackets(api.pool, packets);
  }
});
afterAll(() => api.remove());

test('every field is among the filters', () => {
  expect(new Set(CONDITIONS.flatMap(([filter]) => Object.keys(filter)))).toEqual(new Set(PACKET_FIELD_NAMES));
});

test('pages of any filter visit every packet of it once, newest first', async () => {
  await fc.assert(
    fc.asyncProperty(
      expression,
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.tuple(time, time)),
      async ([filter, where], limit, range) => {
        const [from, to] = range === null ? [null, null] : [...range].sort();
        if (from !== null && from === to) return;
        const { rows } = await api.pool.query<{ id: string }>(
          `SELECT id::text AS id FROM packets
           WHERE (${where}) AND captured_at >= coalesce($1::timestamptz, '-infinity') AND captured_at < coalesce($2::timestamptz, 'infinity')
           ORDER BY captured_at DESC, packets.id DESC LIMIT $3`,
          [from, to, limit * 6],
        );
        const seen: string[] = [];
        let next: string | null = null;
        do {
          const { status, body }: { status: number; body: Page } = await api.post<Page>('/api/packets/search', {
            filter,
            limit,
            ...(from === null ? {} : { from, to }),
            ...(next === null ? {} : { next }),
          });
          expect(status, JSON.stringify(body)).toBe(200);
          expect(body.packets.length).toBeLessThanOrEqual(limit);
          seen.push(...body.packets.map(({ id }) => id));
          next = body.next;
        } while (next !== null && seen.length < limit * 6);
        expect(seen).toEqual(rows.map(({ id }) => id));
      },
    ),
    { numRuns: 200, seed: 11, examples: CONDITIONS.map((leaf) => [leaf, 20, null] as [typeof leaf, number, null]) },
  );
}, 120_000);

test('a packet is shown as the view has it', async () => {
  const { rows } = await api.pool.query(
    `SELECT packets.id::text AS id, captured_at, host(source) AS source, host(destination) AS destination, source_mac,
       destination_mac, vlan, ether_type, ip_protocol, ttl, ip_id, source_port, destination_port, tcp_sequence, icmp_type,
       icmp_code, frame_length, captured_length, capture_node
     FROM packets JOIN origins ON origins.id = origin_id ORDER BY captured_at DESC, packets.id DESC LIMIT 500`,
  );
  const { packets } = await api.get<{ packets: Record<string, unknown>[] }>('/api/packets?limit=500');
  expect(packets).toMatchObject(
    rows.map(({ captured_at, frame_length, ...same }) => ({ time: captured_at, length: frame_length, ...same })),
  );
});
