/**
 * Adds rollups to the traffic tables, within the transaction that stores the packets.
 *
 * The rows of traffic_totals are written first and in one order: their locks keep two sinks from changing the same minute
 * of the same node at once, so that the tables of the busiest keys can be read, bounded and written without a race.
 */
import type pg from 'pg';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../schemas/packets/packet-block.js';
import { boundKeys, type Tally } from './busiest.js';
import { storeSeconds } from './second-store.js';
import type { SourceDictionary } from './source-dictionary.js';
import { sketchLiteral } from './source-sketch.js';
import type { TallyTable } from './tally-table.js';
import {
  countTcp,
  portKey,
  portOf,
  protocolKey,
  protocolOf,
  type TrafficBucket,
  type TrafficRollup,
} from './traffic-rollup.js';

/** The most keys of a bucket, beside the row of the rest, by the bucket's minutes. */
const LIMITS = {
  protocols: { 1: 32, 60: 64 },
  sources: { 1: 50, 60: 200 },
  ports: { 1: 50, 60: 200 },
} as const;

const TOTAL_COLUMNS: readonly (readonly [column: string, value: (bucket: TrafficBucket) => number])[] = [
  ['packets', ({ packets }) => packets],
  ['bytes', ({ bytes }) => bytes],
  ['observed_packets', ({ observedPackets }) => observedPackets],
  ['tcp_fin', (bucket) => countTcp(bucket, TCP_FIN)],
  ['tcp_syn', (bucket) => countTcp(bucket, TCP_SYN)],
  ['tcp_rst', (bucket) => countTcp(bucket, TCP_RST)],
  ['tcp_psh', (bucket) => countTcp(bucket, TCP_PSH)],
  ['tcp_ack', (bucket) => countTcp(bucket, TCP_ACK)],
  ['tcp_urg', (bucket) => countTcp(bucket, TCP_URG)],
  ['tcp_syn_only', (bucket) => countTcp(bucket, TCP_SYN, TCP_ACK)],
  ['failures', ({ failures }) => failures],
];

const TOTALS_SQL = `INSERT INTO traffic_totals
    (resolution, bucket, capture_node, source_sketch, ${TOTAL_COLUMNS.map(([column]) => column).join(', ')})
  SELECT resolution, to_timestamp(start_seconds), capture_node, sketch::bit(12288), ${TOTAL_COLUMNS.map(([column]) => column).join(', ')}
  FROM unnest($1::smallint[], $2::double precision[], $3::text[], $4::text[], ${TOTAL_COLUMNS.map((_, index) => `$${index + 5}::bigint[]`).join(', ')})
    AS added (resolution, start_seconds, capture_node, sketch, ${TOTAL_COLUMNS.map(([column]) => column).join(', ')})
  ON CONFLICT (resolution, bucket, capture_node) DO UPDATE SET
    source_sketch = traffic_totals.source_sketch | excluded.source_sketch,
    ${TOTAL_COLUMNS.map(([column]) => `${column} = traffic_totals.${column} + excluded.${column}`).join(',\n    ')}`;

/** A table of the busiest keys: how its key columns are read and written. */
interface KeyTable {
  readonly table: string;
  readonly columns: readonly string[];
  readonly types: readonly string[];
  readonly limits: { readonly 1: number; readonly 60: number };
  readonly tallies: (bucket: TrafficBucket) => TallyTable;
  readonly toColumns: (key: number, dictionary: SourceDictionary) => readonly (string | number)[];
  /** Not of the row of the rest. */
  readonly fromColumns: (columns: readonly (string | number)[], dictionary: SourceDictionary) => number;
  /** Key columns of the row of the rest. */
  readonly rest: readonly (string | number)[];
}

const PROTOCOLS: KeyTable = {
  table: 'traffic_protocols',
  columns: ['ether_type', 'ip_protocol'],
  types: ['integer', 'smallint'],
  limits: LIMITS.protocols,
  tallies: ({ protocols }) => protocols,
  toColumns: protocolOf,
  fromColumns: ([etherType, ipProtocol]) => protocolKey(etherType as number, ipProtocol as number),
  rest: [-1, -1],
};

const SOURCES: KeyTable = {
  table: 'traffic_sources',
  columns: ['source'],
  types: ['text'],
  limits: LIMITS.sources,
  tallies: ({ sources }) => sources,
  toColumns: (source, dictionary) => [dictionary.textOf(source)],
  fromColumns: ([source], dictionary) => dictionary.numberOfText(source as string),
  rest: ['other'],
};

const PORTS: KeyTable = {
  table: 'traffic_ports',
  columns: ['ip_protocol', 'destination_port'],
  types: ['smallint', 'integer'],
  limits: LIMITS.ports,
  tallies: ({ ports }) => ports,
  toColumns: portOf,
  fromColumns: ([ipProtocol, port]) => portKey(ipProtocol as number, port as number),
  rest: [-1, -1],
};

export async function storeTraffic(client: pg.ClientBase, rollup: TrafficRollup): Promise<void> {
  const buckets = rollup.collect();
  if (buckets.length === 0) return;
  await client.query({
    name: 'nta-traffic-totals',
    text: TOTALS_SQL,
    values: [
      buckets.map(({ resolution }) => resolution),
      buckets.map(({ startSeconds }) => startSeconds),
      buckets.map(({ captureNode }) => captureNode),
      buckets.map(({ sketch }) => sketchLiteral(sketch)),
      ...TOTAL_COLUMNS.map(([, value]) => buckets.map(value)),
    ],
  });
  await storeSeconds(client, rollup.seconds.collect());
  await storeKeys(client, buckets, PROTOCOLS, rollup.dictionary);
  await storeKeys(client, buckets, SOURCES, rollup.dictionary);
  await storeKeys(client, buckets, PORTS, rollup.dictionary);
}

const bucketName = (resolution: number, startSeconds: number, captureNode: string): string =>
  `${resolution} ${startSeconds} ${captureNode}`;

async function storeKeys(
  client: pg.ClientBase,
  buckets: readonly TrafficBucket[],
  table: KeyTable,
  dictionary: SourceDictionary,
): Promise<void> {
  const stored = await readKeys(client, buckets, table, dictionary);
  const added = new RowColumns(table.columns.length);
  const removed = new RowColumns(table.columns.length);
  for (const bucket of buckets) {
    const tallies = table.tallies(bucket);
    if (tallies.size === 0) continue;
    const known = stored.get(bucketName(bucket.resolution, bucket.startSeconds, bucket.captureNode)) ?? new Map();
    const change = boundKeys(known, tallies, table.limits[bucket.resolution === 1 ? 1 : 60]);
    for (const [key, tally] of change.additions) added.push(bucket, table.toColumns(key, dictionary), tally);
    if (change.rest.packets > 0) added.push(bucket, table.rest, change.rest);
    for (const key of change.removals) removed.push(bucket, table.toColumns(key, dictionary), { packets: 0, bytes: 0 });
  }
  const keyColumns = table.columns.join(', ');
  const keyArrays = table.types.map((type, index) => `$${index + 4}::${type}[]`).join(', ');
  if (removed.length > 0) {
    await client.query({
      name: `nta-${table.table}-remove`,
      text: `DELETE FROM ${table.table} AS t
        USING unnest($1::smallint[], $2::double precision[], $3::text[], ${keyArrays})
          AS removed (resolution, start_seconds, capture_node, ${keyColumns})
        WHERE t.resolution = removed.resolution AND t.bucket = to_timestamp(removed.start_seconds)
          AND t.capture_node = removed.capture_node AND ${table.columns.map((column) => `t.${column} = removed.${column}`).join(' AND ')}`,
      values: removed.keys(),
    });
  }
  if (added.length > 0) {
    const tallyArrays = `$${table.columns.length + 4}::bigint[], $${table.columns.length + 5}::bigint[]`;
    await client.query({
      name: `nta-${table.table}-add`,
      text: `INSERT INTO ${table.table} (resolution, bucket, capture_node, ${keyColumns}, packets, bytes)
        SELECT resolution, to_timestamp(start_seconds), capture_node, ${keyColumns}, packets, bytes
        FROM unnest($1::smallint[], $2::double precision[], $3::text[], ${keyArrays}, ${tallyArrays})
          AS added (resolution, start_seconds, capture_node, ${keyColumns}, packets, bytes)
        ON CONFLICT (resolution, bucket, capture_node, ${keyColumns}) DO UPDATE SET
          packets = ${table.table}.packets + excluded.packets, bytes = ${table.table}.bytes + excluded.bytes`,
      values: [...added.keys(), added.packets, added.bytes],
    });
  }
}

/** The stored keys of the buckets, without the row of the rest, by bucketName. */
async function readKeys(
  client: pg.ClientBase,
  buckets: readonly TrafficBucket[],
  table: KeyTable,
  dictionary: SourceDictionary,
): Promise<Map<string, Map<number, Tally>>> {
  const { rows } = await client.query<unknown[], unknown[]>({
    name: `nta-${table.table}-read`,
    rowMode: 'array',
    text: `SELECT t.resolution, wanted.start_seconds, t.capture_node, t.packets::double precision,
        t.bytes::double precision, ${table.columns.map((column) => `t.${column}`).join(', ')}
      FROM unnest($1::smallint[], $2::double precision[], $3::text[]) AS wanted (resolution, start_seconds, capture_node)
      JOIN ${table.table} AS t ON t.resolution = wanted.resolution AND t.bucket = to_timestamp(wanted.start_seconds)
        AND t.capture_node = wanted.capture_node
      WHERE t.bucket BETWEEN to_timestamp($4::double precision) AND to_timestamp($5::double precision)`,
    values: [
      buckets.map(({ resolution }) => resolution),
      buckets.map(({ startSeconds }) => startSeconds),
      buckets.map(({ captureNode }) => captureNode),
      // The bounds let Postgres leave out the partitions of other months.
      Math.min(...buckets.map(({ startSeconds }) => startSeconds)),
      Math.max(...buckets.map(({ startSeconds }) => startSeconds)),
    ],
  });
  const stored = new Map<string, Map<number, Tally>>();
  for (const row of rows) {
    const [resolution, startSeconds, captureNode, packets, bytes, ...columns] = row as [
      number,
      number,
      string,
      number,
      number,
      ...(string | number)[],
    ];
    if (columns[0] === table.rest[0]) continue;
    const key = table.fromColumns(columns, dictionary);
    const name = bucketName(resolution, startSeconds, captureNode);
    let keys = stored.get(name);
    if (keys === undefined) {
      keys = new Map();
      stored.set(name, keys);
    }
    keys.set(key, { packets, bytes });
  }
  return stored;
}

/** Rows as columns, the form that unnest takes. */
class RowColumns {
  private readonly resolutions: number[] = [];
  private readonly starts: number[] = [];
  private readonly nodes: string[] = [];
  private readonly keyColumns: (string | number)[][];
  readonly packets: number[] = [];
  readonly bytes: number[] = [];

  constructor(keyColumns: number) {
    this.keyColumns = Array.from({ length: keyColumns }, () => []);
  }

  get length(): number {
    return this.nodes.length;
  }

  push(bucket: TrafficBucket, key: readonly (string | number)[], tally: Tally): void {
    this.resolutions.push(bucket.resolution);
    this.starts.push(bucket.startSeconds);
    this.nodes.push(bucket.captureNode);
    for (const [index, column] of this.keyColumns.entries()) column.push(key[index]!);
    this.packets.push(tally.packets);
    this.bytes.push(tally.bytes);
  }

  keys(): unknown[] {
    return [this.resolutions, this.starts, this.nodes, ...this.keyColumns];
  }
}
