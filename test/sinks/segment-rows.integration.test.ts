/** Segments, read through the view, against the same values as text: every type of column, and its extremes. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDestination, formatMac, formatSource } from '../../schemas/address.js';
import { formatTimestamp } from '../../schemas/alert.js';
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
} from '../../schemas/packet-block.js';
import { COPY_HEADER, COPY_TRAILER } from '../../sinks/copy-buffer.js';
import { migrate } from '../../sinks/migration.js';
import { packetDetails } from '../../sinks/packet-details.js';
import { SEGMENT_COPY_SQL, SegmentRows } from '../../sinks/segment-rows.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';
import { addPacket, TEST_ORIGIN } from '../support/packet-blocks.js';
import { Random } from '../support/random.js';

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
    const rows = new SegmentRows();
    rows.begin(FIRST_ID);
    for (let row = 0; row < block.count; row++) rows.append(block, row, ORIGIN_ID, row);
    rows.finish();
    expect(rows.copy.rows).toBeGreaterThan(block.count / 256);
    expect(rows.copy.rows).toBeLessThan(block.count / 100);
    const texts: (string | null)[][] = [];
    for (let ordinal = 0; ordinal < block.count; ordinal++) texts.push(textRow(block, rows.tags[ordinal]!, ordinal));
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
});
