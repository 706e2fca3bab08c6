/** Statistics of a range from the rollups alone: the cost does not depend on how many packets there are. */
import type pg from 'pg';
import { protocolName } from '../../schemas/packets/protocols.js';
import { QueryParameters } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { bucketSeconds, type Interval, segmentsOf } from './stats-range.js';

export interface StatsQuery {
  readonly range: Interval;
  /** Null for all. */
  readonly captureNodes: readonly string[] | null;
  /** Most points of the series, unless the step, seconds, is given; and most rows of a ranking. */
  readonly buckets: number;
  readonly step: number | null;
  readonly top: number;
  /** What rankings are ordered by; each has an order of its own otherwise. */
  readonly orderBy: 'packets' | 'bytes' | null;
}

export interface Volume {
  readonly packets: number;
  readonly bytes: number;
}

export interface Totals extends Volume {
  readonly observed_packets: number;
  readonly sources: number;
  readonly failures: number;
  readonly tcp_fin: number;
  readonly tcp_syn: number;
  readonly tcp_rst: number;
  readonly tcp_psh: number;
  readonly tcp_ack: number;
  readonly tcp_urg: number;
  readonly tcp_syn_only: number;
}

export interface SeriesPoint extends Volume {
  /** Start of the bucket, seconds since the epoch. */
  readonly start: number;
  readonly protocols: Readonly<Record<string, Volume>>;
}

/** Of a column and an interval. */
const within = (column: string, { start, end }: Interval, p: QueryParameters): string => {
  const time = (milliseconds: number): string => p.add(new Date(milliseconds).toISOString(), 'timestamptz');
  return `${column} >= ${time(start)} AND ${column} < ${time(end)}`;
};

/** What a WHERE clause ends with. */
const ofNodes = (captureNodes: StatsQuery['captureNodes'], p: QueryParameters): string =>
  captureNodes === null ? '' : ` AND capture_node = ANY(${p.add(captureNodes, 'text[]')})`;

/** The rows of the range; each segment reads a run of the primary key. */
export function rowsOf(
  segments: readonly { resolution: number; start: number; end: number }[],
  { captureNodes }: StatsQuery,
  p: QueryParameters,
): string {
  const ranges = segments.map(
    (segment) => `(resolution = ${p.add(segment.resolution, 'smallint')} AND ${within('bucket', segment, p)})`,
  );
  return `(${ranges.join(' OR ')})${ofNodes(captureNodes, p)}`;
}

const VOLUME = 'sum(packets)::bigint AS packets, sum(bytes)::bigint AS bytes';

/** First and last minute that hold traffic, with how far the last reaches; null when there is none. */
export async function findExtent(pool: pg.Pool, captureNodes: StatsQuery['captureNodes']): Promise<Interval | null> {
  const p = new QueryParameters();
  const { rows } = await query<{ first: number | null; last: number | null }>(
    pool,
    `SELECT (extract(epoch FROM min(bucket)) * 1000)::float8 AS first, (extract(epoch FROM max(bucket)) * 1000)::float8 AS last
     FROM traffic_totals WHERE resolution = 1${ofNodes(captureNodes, p)}`,
    p.values,
  );
  const { first, last } = rows[0]!;
  return first === null || last === null ? null : { start: first, end: last + 60_000 };
}

export async function findTotals(pool: pg.Pool, wanted: StatsQuery): Promise<Totals> {
  const p = new QueryParameters();
  const counts = [
    'packets',
    'bytes',
    'observed_packets',
    'failures',
    'tcp_fin',
    'tcp_syn',
    'tcp_rst',
    'tcp_psh',
    'tcp_ack',
    'tcp_urg',
    'tcp_syn_only',
  ];
  const { rows } = await query<Totals & Record<string, number>>(
    pool,
    `SELECT ${counts.map((column) => `coalesce(sum(${column}), 0)::bigint AS ${column}`).join(', ')},
       coalesce(distinct_sources(bit_or(source_sketch)), 0)::bigint AS sources
     FROM traffic_totals WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)}`,
    p.values,
  );
  return rows[0]!;
}

/** Protocols named apart in the series; the others of a range together are "other". */
const SERIES_PROTOCOLS = 6;

/** The traffic by protocol, busiest first. */
export async function findProtocols(pool: pg.Pool, wanted: StatsQuery): Promise<({ protocol: string } & Volume)[]> {
  const p = new QueryParameters();
  const { rows } = await query<{ ether_type: number; ip_protocol: number } & Volume>(
    pool,
    `SELECT ether_type, ip_protocol, ${VOLUME} FROM traffic_protocols
     WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)} GROUP BY ether_type, ip_protocol`,
    p.values,
  );
  // TCP over IPv4 and over IPv6 are one protocol to whoever reads a chart.
  const volumes = new Map<string, { packets: number; bytes: number }>();
  const order = wanted.orderBy ?? 'packets';
  for (const row of rows) addVolume(volumes, protocolName(row.ether_type, row.ip_protocol), row);
  return [...volumes]
    .map(([protocol, volume]) => ({ protocol, ...volume }))
    .sort((a, b) => b[order] - a[order] || (a.protocol < b.protocol ? -1 : 1));
}

/**
 * Points of the chart, oldest first; buckets without traffic are absent.
 *
 * @param protocols busiest first; the first few are told apart.
 */
export async function findSeries(
  pool: pg.Pool,
  wanted: StatsQuery,
  protocols: readonly { protocol: string }[],
): Promise<{ bucketSeconds: number; points: SeriesPoint[] }> {
  const seconds = wanted.step ?? bucketSeconds(wanted.range, wanted.buckets);
  const named = new Set(protocols.slice(0, SERIES_PROTOCOLS).map(({ protocol }) => protocol));
  const rows = seconds < 60 ? await findSeconds(pool, wanted, seconds) : await findMinutes(pool, wanted, seconds);
  const points = new Map<
    number,
    { packets: number; bytes: number; protocols: Map<string, { packets: number; bytes: number }> }
  >();
  for (const row of rows) {
    let point = points.get(row.start);
    if (!point) {
      point = { packets: 0, bytes: 0, protocols: new Map() };
      points.set(row.start, point);
    }
    point.packets += row.packets;
    point.bytes += row.bytes;
    addVolume(point.protocols, named.has(row.protocol) ? row.protocol : 'other', row);
  }
  return {
    bucketSeconds: seconds,
    points: [...points].map(([start, point]) => ({ ...point, start, protocols: Object.fromEntries(point.protocols) })),
  };
}

type ProtocolVolume = Volume & { readonly start: number; readonly protocol: string };

/** Of the last hour. */
async function findSeconds(pool: pg.Pool, wanted: StatsQuery, seconds: number): Promise<ProtocolVolume[]> {
  const { range, captureNodes } = wanted;
  const p = new QueryParameters();
  const width = p.add(seconds, 'integer');
  const { rows } = await query<ProtocolVolume>(
    pool,
    `SELECT extract(epoch FROM start)::bigint AS start, protocol, packets, bytes FROM (
       SELECT date_bin(${width} * interval '1 second', second, 'epoch') AS start, protocol, ${VOLUME}
       FROM traffic_seconds WHERE ${within('second', range, p)}${ofNodes(captureNodes, p)} GROUP BY 1, 2 ORDER BY 1
     ) AS binned`,
    p.values,
  );
  return rows;
}

async function findMinutes(pool: pg.Pool, wanted: StatsQuery, seconds: number): Promise<ProtocolVolume[]> {
  const p = new QueryParameters();
  const width = p.add(seconds, 'integer');
  // A bucket of whole hours is made of hourly rows; only a narrower one needs the minutes.
  const segments = seconds % 3600 === 0 ? segmentsOf(wanted.range) : [{ resolution: 1, ...wanted.range }];
  const { rows } = await query<{ start: number; ether_type: number; ip_protocol: number } & Volume>(
    pool,
    `SELECT extract(epoch FROM start)::bigint AS start, ether_type, ip_protocol, packets, bytes FROM (
       SELECT date_bin(${width} * interval '1 second', bucket, 'epoch') AS start, ether_type, ip_protocol, ${VOLUME}
       FROM traffic_protocols WHERE ${rowsOf(segments, wanted, p)} GROUP BY 1, 2, 3 ORDER BY 1
     ) AS binned`,
    p.values,
  );
  return rows.map(({ start, ether_type, ip_protocol, packets, bytes }) => {
    return { start, protocol: protocolName(ether_type, ip_protocol), packets, bytes };
  });
}

function addVolume(
  volumes: Map<string, { packets: number; bytes: number }>,
  name: string,
  { packets, bytes }: Volume,
): void {
  const volume = volumes.get(name);
  if (volume) {
    volume.packets += packets;
    volume.bytes += bytes;
  } else {
    volumes.set(name, { packets, bytes });
  }
}

/** Busiest sources; the row of the rest ("other"), where there is one, comes last. */
export async function findTopSources(pool: pg.Pool, wanted: StatsQuery): Promise<({ source: string } & Volume)[]> {
  const p = new QueryParameters();
  const { rows } = await query<{ source: string } & Volume>(
    pool,
    `WITH volumes AS (
       SELECT source, ${VOLUME} FROM traffic_sources WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)} GROUP BY source
     )
     (SELECT * FROM volumes WHERE source <> 'other' ORDER BY ${wanted.orderBy ?? 'packets'} DESC, source LIMIT ${p.add(wanted.top, 'integer')})
     UNION ALL SELECT * FROM volumes WHERE source = 'other'`,
    p.values,
  );
  return rows;
}

export interface PortVolume extends Volume {
  readonly destination_port: number;
  readonly protocol: string;
}

/** Busiest destination ports of packets, whoever began; without the row of the rest. */
export async function findPacketPorts(pool: pg.Pool, wanted: StatsQuery): Promise<PortVolume[]> {
  const p = new QueryParameters();
  const { rows } = await query<{ destination_port: number; ip_protocol: number } & Volume>(
    pool,
    `SELECT destination_port, ip_protocol, ${VOLUME} FROM traffic_ports
     WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)} AND ip_protocol >= 0
     GROUP BY destination_port, ip_protocol
     ORDER BY ${wanted.orderBy ?? 'packets'} DESC, destination_port LIMIT ${p.add(wanted.top, 'integer')}`,
    p.values,
  );
  return rows.map(({ destination_port, ip_protocol, packets, bytes }) => ({
    destination_port,
    protocol: protocolName(null, ip_protocol),
    packets,
    bytes,
  }));
}

/** The capture nodes that look into any of these sites; a node that was moved looks into each. */
export async function nodesOfSites(pool: pg.Pool, sites: readonly string[]): Promise<string[]> {
  const { rows } = await query<{ capture_node: string }>(
    pool,
    'SELECT DISTINCT capture_node FROM origins WHERE site = ANY($1::text[])',
    [sites],
  );
  return rows.map(({ capture_node }) => capture_node);
}

/** By the site that each node looks into now. */
export async function findSiteTraffic(pool: pg.Pool, wanted: StatsQuery): Promise<({ site: string } & Volume)[]> {
  const p = new QueryParameters();
  const { rows } = await query<{ site: string } & Volume>(
    pool,
    `SELECT coalesce(site, '') AS site, ${VOLUME} FROM traffic_totals
     LEFT JOIN (SELECT DISTINCT ON (capture_node) capture_node, site FROM origins ORDER BY capture_node, id DESC) AS looks USING (capture_node)
     WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)}
     GROUP BY 1 ORDER BY ${wanted.orderBy ?? 'packets'} DESC, site LIMIT ${p.add(wanted.top, 'integer')}`,
    p.values,
  );
  return rows;
}

export async function findNodeTraffic(
  pool: pg.Pool,
  wanted: StatsQuery,
): Promise<({ capture_node: string } & Volume)[]> {
  const p = new QueryParameters();
  const { rows } = await query<{ capture_node: string } & Volume>(
    pool,
    `SELECT capture_node, ${VOLUME} FROM traffic_totals WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)}
     GROUP BY capture_node ORDER BY ${wanted.orderBy ?? 'packets'} DESC, capture_node LIMIT ${p.add(wanted.top, 'integer')}`,
    p.values,
  );
  return rows;
}
