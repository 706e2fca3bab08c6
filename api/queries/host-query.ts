/**
 * What is known of one host: of the conversations it began and of those begun towards it, the last heard of, and of its latest packets.
 * Both sides are read in the order of an index, and bounded, so that the busiest server takes no longer than this.
 */
import type pg from 'pg';
import { OUTCOMES, type Outcome } from '../../schemas/conversations/conversation.js';
import { HOST_NAME_KEYS } from '../../schemas/tables/conversation-table.js';
import { parsePacketField } from '../../schemas/tables/packet-fields.js';
import { QueryParameters, type SqlValues } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { newestSql } from './newest-conversations.js';
import { findPackets } from './packet-query.js';
import type { TimeRange } from './time-range.js';

/** Conversations of each side that are summed: the last heard of. */
export const HOST_CONVERSATIONS_MAX = 5_000;
/** Services, peers and names of an answer: the largest. */
const LIST_MAX = 50;
/** Packets whose MACs are looked at: the latest it sent. */
const MAC_PACKETS = 50;

export interface HostVolume {
  readonly conversations: number;
  readonly packets_sent: number;
  readonly packets_received: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
}

export interface HostService extends HostVolume {
  readonly service: string;
  readonly ip_protocol: number;
  readonly port: number;
  readonly peers: number;
}

export interface HostPeer extends HostVolume {
  readonly address: string;
}

export interface HostSide extends HostVolume {
  readonly first_seen: string | null;
  readonly last_seen: string | null;
  readonly services: HostService[];
  readonly peers: HostPeer[];
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** What others asked for on the side of the responder; on the other, what it said of itself. */
  readonly names: { readonly name: string; readonly conversations: number }[];
  /** Whether these are all; otherwise the last `HOST_CONVERSATIONS_MAX`. */
  readonly complete: boolean;
}

const VOLUME = `count(*) AS conversations, coalesce(sum(packets_sent), 0)::bigint AS packets_sent,
  coalesce(sum(packets_received), 0)::bigint AS packets_received, coalesce(sum(bytes_sent), 0)::bigint AS bytes_sent,
  coalesce(sum(bytes_received), 0)::bigint AS bytes_received`;
/** Of rows that are volumes. */
const VOLUME_OF_VOLUMES = ['conversations', 'packets_sent', 'packets_received', 'bytes_sent', 'bytes_received']
  .map((column) => `sum(${column})::bigint AS ${column}`)
  .join(', ');

/** What servers are asked for by name, and what a client says of itself. */
const NAMES = {
  responder: `coalesce(${HOST_NAME_KEYS.filter((key) => key === 'serverName' || key === 'httpHost')
    .map((key) => `names ->> '${key}'`)
    .join(', ')})`,
  originator: `names ->> 'dhcpHostName'`,
} as const;

const list = (select: string): string => `(SELECT coalesce(json_agg(t), '[]') FROM (${select}) AS t)`;

/** @param side `originator` for what the host began. */
export async function findHostSide(
  pool: pg.Pool,
  address: string,
  side: 'originator' | 'responder',
  range: TimeRange,
): Promise<HostSide> {
  const sql = new QueryParameters();
  const peer = side === 'originator' ? 'responder' : 'originator';
  const ofHost = (values: SqlValues): string => `${side} = ${values.add(address, 'inet')}`;
  const newest = newestSql(ofHost, range, HOST_CONVERSATIONS_MAX, sql, 'address');
  const { rows } = await query<HostSide & { readonly counted: { outcome: number; conversations: number }[] }>(
    pool,
    `WITH own AS MATERIALIZED (
       SELECT ${peer} AS peer, service, ip_protocol, responder_port AS port, outcome, started_at, heard_last,
         ${side}_packets AS packets_sent, ${peer}_packets AS packets_received, ${side}_bytes AS bytes_sent,
         ${peer}_bytes AS bytes_received, ${NAMES[side]} AS name
       FROM (${newest}) AS newest ORDER BY heard_last DESC LIMIT ${sql.add(HOST_CONVERSATIONS_MAX, 'integer')}
     )
     SELECT ${VOLUME}, min(started_at) AS first_seen, max(heard_last) AS last_seen,
       count(*) < ${HOST_CONVERSATIONS_MAX} AS complete,
       ${list(`SELECT coalesce(service, 'unknown') AS service, ip_protocol, port, count(*) AS peers, ${VOLUME_OF_VOLUMES}
         FROM (SELECT service, ip_protocol, port, peer, ${VOLUME} FROM own GROUP BY 1, 2, 3, 4) AS of_peers
         GROUP BY 1, 2, 3 ORDER BY conversations DESC, port LIMIT ${LIST_MAX}`)} AS services,
       ${list(`SELECT host(peer) AS address, ${VOLUME} FROM own GROUP BY peer
         ORDER BY sum(bytes_sent + bytes_received) DESC, peer LIMIT ${LIST_MAX}`)} AS peers,
       ${list(`SELECT lower(name) AS name, count(*) AS conversations FROM own WHERE name IS NOT NULL
         GROUP BY 1 ORDER BY conversations DESC, name LIMIT ${LIST_MAX}`)} AS names,
       ${list('SELECT outcome, count(*) AS conversations FROM own GROUP BY 1')} AS counted
     FROM own`,
    sql.values,
  );
  const { counted, ...found } = rows[0]!;
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const { outcome, conversations } of counted) outcomes[OUTCOMES[outcome] ?? OUTCOMES[0]] += conversations;
  return { ...found, outcomes };
}

/** The MACs that its latest packets came from: its own, or a router's. */
export async function findHostMacs(pool: pg.Pool, address: string, range: TimeRange): Promise<string[]> {
  const filter = parsePacketField('source', [address]);
  const packets = await findPackets(pool, { filter, range, after: null, limit: MAC_PACKETS });
  return [...new Set(packets.flatMap(({ source_mac: mac }) => mac ?? []))];
}
