/** Segments, read through the view, against the same values as text: every type of column, and its extremes. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDestination, formatMac, formatSource } from '../../../schemas/address.js';
import { formatTimestamp } from '../../../schemas/alerts/alert.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  PacketBlock,
} from '../../../schemas/packets/packet-block.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { COPY_HEADER, COPY_TRAILER } from '../../../sinks/packets/copy-buffer.js';
import { packetDetails } from '../../../sinks/packets/packet-details.js';
import { SEGMENT_COPY_SQL, SegmentRows } from '../../../sinks/packets/segment-rows.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';
import { addPacket, TEST_ORIGIN } from '../../support/packet-blocks.js';
import { Random } from '../../support/random.js';

const COLUMNS = [
  'id',
  'captured_at',
  'origin_id',
  'frame_length',
  'captured_length',
  'role',
  'ether_type',
  'source_mac',
  'destination_mac',
  'source',
  'destination',
  'ip_protocol',
  'ttl',
  'ip_id',
  'source_port',
  'destination_port',
  'tcp_flags',
  'tcp_sequence',
  'vlan',
  'inner_vlan',
  'fragment_offset',
  'icmp_type',
  'icmp_code',
  'arp_operation',
  'failure',
  'details',
];
const FIRST_ID = 2 ** 52;
const ORIGIN_ID = 2_147_483_647;

/** What the row is in text, or null where it is null: read from the block by other code than the encoder's. */
function textRow(block: PacketBlock, row: number, ordinal: number): (string | null)[] {
  const has = (bit: number, value: number | string): string | null =>
    (block.present[row]! & bit) === 0 ? null : String(value);
  const nonZero = (value: number): string | null => (value === 0 ? null : String(value));
  const extra = block.extraOf(row);
  const address = (kind: number, text: string): string | null =>
    kind === ADDRESS_IPV4 || kind === ADDRESS_IPV6 ? text : null;
  return [
    String(FIRST_ID + ordinal),
    formatTimestamp(block.timestamp[row]!),
    String(ORIGIN_ID),
    String(Math.min(block.frameLength[row]!, 2 ** 31 - 1)),
    String(Math.min(block.capturedLength[row]!, 2 ** 31 - 1)),
    String(block.role[row]),
    nonZero(block.etherType[row]!),
    has(HAS_MACS, formatMac(block.macs, row * 12)),
    has(HAS_MACS, formatMac(block.macs, row * 12 + 6)),
    address(block.sourceKind[row]!, formatSource(block, row)),
    address(block.destinationKind[row]!, formatDestination(block, row)),
    has(HAS_IP, block.ipProtocol[row]!),
    has(HAS_IP, block.ttl[row]!),
    has(HAS_IP_ID, block.ipId[row]!),
    has(HAS_PORTS, block.sourcePort[row]!),
    has(HAS_PORTS, block.destinationPort[row]!),
    has(HAS_TCP, block.tcpFlags[row]!),
    has(HAS_TCP, block.tcpSequence[row]!),
    nonZero(block.vlan[row]!),
    nonZero(block.innerVlan[row]!),
    has(HAS_FRAGMENT, block.fragmentOffset[row]!),
    has(HAS_ICMP, block.icmpType[row]!),
    has(HAS_ICMP, block.icmpCode[row]!),
    extra?.arp ? String(extra.arp.operation) : null,
    nonZero(block.failure[row]!),
    extra === null ? null : packetDetails(extra),
  ];
}

/** Every column at its least, then at its greatest. */
function addExtremes(block: PacketBlock): void {
  const ipv6 = [Buffer.alloc(16), Buffer.alloc(16, 0xff)];
  const extremes = [
    { bit: 0, byte: 0, word: 0, double: 0, long: 0, time: 0 },
    { bit: 1, byte: 255, word: 65_535, double: 2 ** 32 - 1, long: 2 ** 32 - 1, time: Number.MAX_SAFE_INTEGER },
    { bit: 0, byte: 1, word: 1, double: 2 ** 31, long: 2 ** 31, time: -1 },
    { bit: 1, byte: 127, word: 32_768, double: 1, long: 1, time: 946_684_800_000_000 - 1 },
    { bit: 0, byte: 128, word: 32_767, double: 2 ** 31 - 1, long: 2 ** 31 - 1, time: -2_208_988_800_000_001 },
  ];
  for (const { bit, byte, word, double, long, time } of extremes) {
    for (const family of [ADDRESS_IPV4, ADDRESS_IPV6]) {
      const row = block.addRow();
      block.origin[row] = block.originIndex(TEST_ORIGIN);
      block.timestamp[row] = time;
      block.present[row] = HAS_MACS | HAS_IP | HAS_IP_ID | HAS_FRAGMENT | HAS_PORTS | HAS_TCP | HAS_ICMP;
      block.frameLength[row] = block.capturedLength[row] = double;
      block.macs.fill(byte, row * 12, row * 12 + 12);
      block.vlan[row] = block.innerVlan[row] = Math.min(word, 4095);
      block.etherType[row] = word;
      block.sourceKind[row] = block.destinationKind[row] = family;
      block.sourceAddress[row] = family === ADDRESS_IPV4 ? double : block.addIpv6(ipv6[bit]!, 0);
      block.destinationAddress[row] = family === ADDRESS_IPV4 ? double : block.addIpv6(ipv6[bit]!, 0);
      block.ipProtocol[row] = block.ttl[row] = block.icmpType[row] = block.icmpCode[row] = byte;
      block.ipId[row] = block.tcpSequence[row] = long;
      block.fragmentOffset[row] = block.sourcePort[row] = block.destinationPort[row] = word;
      block.tcpFlags[row] = Math.min(word, 4095);
      block.role[row] = bit * 3;
      block.failure[row] = byte;
      if (bit === 1) {
        block.setExtra(row, {
          arp: {
            operation: 2,
            senderMac: Buffer.alloc(6, 0xff),
            senderAddress: Buffer.alloc(4),
            targetMac: Buffer.alloc(6),
            targetAddress: Buffer.alloc(4),
          },
          neighborDiscovery: null,
          application: {
            protocol: 'dns',
            dnsQuery: `${'ü€😀'.repeat(25)}"\\\n`,
            dnsType: 65_535,
            tlsServerName: null,
            httpHost: null,
            dhcpMessageType: null,
            dhcpHostname: null,
          },
          tunnel: null,
        });
      }
    }
  }
}

describe('SegmentRows', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.settings, testLog());
    const { host, port, user, password, database: name } = database.connection;
    client = new pg.Client({ host, port, user, password, database: name });
    await client.connect();
  });

  afterAll(async () => {
    await client?.end();
    await database?.remove();
  });

  it('stores what the same values as text store', async () => {
    const block = new PacketBlock(6_000);
    addExtremes(block);
    const random = new Random(11);
    while (block.count < block.capacity) {
      // Some seconds apart, so that segments of several spans are open at a time.
      const time = 1_700_000_000_000_000 + random.below(60_000_000);
      addPacket(block, (limit) => random.below(limit), TEST_ORIGIN, random.below(500), time, 3);
    }
    const rows = new SegmentRows(block);
    rows.begin(FIRST_ID);
    rows.append(0, block.count, 1, ORIGIN_ID);
    rows.finish();
    expect(rows.copy.rows).toBeGreaterThan(block.count / 256);
    expect(rows.copy.rows).toBeLessThan(block.count / 100);
    const texts: (string | null)[][] = [];
    for (let ordinal = 0; ordinal < block.count; ordinal++)
      texts.push(textRow(block, rows.blockRows[ordinal]!, ordinal));
    await pipeline(
      Readable.from([COPY_HEADER, rows.copy.slice(0, rows.copy.rows), COPY_TRAILER]),
      client.query(copyFrom(SEGMENT_COPY_SQL)),
    );
    await client.query('CREATE TABLE expected (LIKE packets)');
    const casts = `SELECT * FROM unnest(${COLUMNS.map((_, index) => `$${index + 1}::text[]`).join(', ')}) AS t (${COLUMNS.join(', ')})`;
    const types = new Map(
      (
        await client.query<{ name: string; type: string }>(
          `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
           WHERE attrelid = 'packets'::regclass AND attnum > 0`,
        )
      ).rows.map(({ name, type }) => [name, type]),
    );
    await client.query(
      `INSERT INTO expected (${COLUMNS.join(', ')})
       SELECT ${COLUMNS.map((column) => `${column}::${types.get(column)}`).join(', ')} FROM (${casts}) AS texts`,
      COLUMNS.map((_, column) => texts.map((text) => text[column])),
    );
    const differences = await client.query(
      `(SELECT 'stored' AS which, t.* FROM (SELECT * FROM packets EXCEPT SELECT * FROM expected) AS t)
       UNION ALL (SELECT 'expected', t.* FROM (SELECT * FROM expected EXCEPT SELECT * FROM packets) AS t) ORDER BY id LIMIT 10`,
    );
    expect(differences.rows).toEqual([]);
    const { rows: counts } = await client.query('SELECT count(*)::int AS rows FROM packets');
    expect(counts).toEqual([{ rows: block.count }]);
  });

  it('finds every packet by its addresses, their networks, its ports and its protocol', async () => {
    await client.query('TRUNCATE packet_segments');
    const block = new PacketBlock(8_192);
    for (let row = 0; row < block.capacity; row++) {
      block.addRow();
      block.origin[row] = block.originIndex(TEST_ORIGIN);
      block.timestamp[row] = 1_700_000_000_000_000 + row;
      block.present[row] = HAS_IP | HAS_PORTS;
      block.ipProtocol[row] = row % 3 === 0 ? 17 : 6;
      // Half of it from a few hosts, half a flood from forged addresses, of IPv4 and of IPv6.
      const flood = row >= block.capacity / 2;
      const family = row % 2048 < 1024 ? ADDRESS_IPV4 : ADDRESS_IPV6;
      const number = flood ? Math.imul(row, 0x9e3779b1) >>> 0 : 0x0a000000 + (row % 50);
      block.sourceKind[row] = block.destinationKind[row] = family;
      block.sourceAddress[row] = family === ADDRESS_IPV4 ? number : block.addIpv6(ipv6Of(number), 0);
      block.destinationAddress[row] = family === ADDRESS_IPV4 ? 0xc0000201 : block.addIpv6(ipv6Of(7), 0);
      block.sourcePort[row] = flood ? row : 40_000 + (row % 20);
      block.destinationPort[row] = 443;
    }
    const rows = new SegmentRows(block);
    rows.begin(0);
    rows.append(0, block.count, 1, 1);
    rows.finish();
    await pipeline(
      Readable.from([COPY_HEADER, rows.copy.slice(0, rows.copy.rows), COPY_TRAILER]),
      client.query(copyFrom(SEGMENT_COPY_SQL)),
    );
    const { rows: keys } = await client.query(
      `SELECT max(cardinality(sources)) AS most, count(*) FILTER (WHERE source_ports[1] < 0)::int AS many_ports,
         count(*)::int AS segments FROM packet_segments`,
    );
    expect(keys[0].most).toBeLessThan(400);
    expect(keys[0].many_ports).toBeGreaterThan(keys[0].segments / 3);
    expect(keys[0].many_ports).toBeLessThan(keys[0].segments);
    const { rows: missed } = await client.query(
      `WITH asked AS (
         SELECT *, CASE family(source) WHEN 4 THEN ARRAY[8, 16, 24] ELSE ARRAY[32, 48, 64] END AS prefixes
         FROM unpacked_packets
       ), widest AS (
         SELECT *, set_masklen(broadcast(set_masklen(source, prefixes[1])), prefixes[1]) AS last_source FROM asked
       )
       SELECT count(*)::int AS packets FROM widest WHERE
         NOT sources && ARRAY[source, last_source]
         OR NOT sources && ARRAY[network(set_masklen(source, prefixes[2]))::inet, last_source]
         OR NOT sources && ARRAY[network(set_masklen(source, prefixes[3]))::inet, last_source]
         OR NOT sources && ARRAY[network(set_masklen(source, prefixes[1]))::inet, last_source]
         OR NOT destinations @> ARRAY[destination]
         OR NOT source_ports && ARRAY[source_port, -1 - (source_port >> 11)] OR NOT destination_ports @> ARRAY[destination_port]
         OR NOT ip_protocols @> ARRAY[ip_protocol]`,
    );
    expect(missed).toEqual([{ packets: 0 }]);
  });
});

function ipv6Of(number: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(number, 0);
  bytes.writeUInt32BE(number, 12);
  return bytes;
}
