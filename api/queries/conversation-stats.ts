/** Who talks to whom and by what, from the rollups of conversations: what is not among the largest of a minute is not told apart. */
import type pg from 'pg';
import { protocolName } from '../../schemas/packets/protocols.js';
import { QueryParameters } from '../../schemas/tables/sql-values.js';
import { query } from '../pool.js';
import { type PortVolume, rowsOf, type StatsQuery } from './stats-query.js';
import { segmentsOf } from './stats-range.js';

export interface ConversationVolume {
  readonly conversations: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface ConversationStats {
  readonly services: readonly ({ readonly service: string } & ConversationVolume)[];
  readonly outcomes: readonly ({ readonly outcome: string } & ConversationVolume)[];
  readonly pairs: readonly ({ readonly originator: string; readonly responder: string } & ConversationVolume)[];
  /** By the port that was called, without the rest; null where no conversation tells of it. */
  readonly ports: readonly (PortVolume & ConversationVolume)[] | null;
  readonly destinations: readonly ({ readonly destination: string } & ConversationVolume)[];
}

interface Row extends ConversationVolume {
  readonly kind: 'service' | 'outcome' | 'pair' | 'port' | 'destination';
  readonly name: string;
  readonly has_ports: boolean;
}

/** Largest first, by bytes unless asked otherwise. */
export async function findConversationStats(pool: pg.Pool, wanted: StatsQuery): Promise<ConversationStats> {
  const p = new QueryParameters();
  // Each kind by itself: sorting all for the few that are shown took longer than reading them.
  const order = `ORDER BY ${wanted.orderBy ?? 'bytes'} DESC, name LIMIT ${p.add(wanted.top, 'integer')}`;
  const largest = [
    ...['service', 'outcome'].map((kind) => `(SELECT * FROM volumes WHERE kind = '${kind}' ${order})`),
    ...['pair', 'port'].map((kind) => `(SELECT * FROM volumes WHERE kind = '${kind}' AND name <> 'other' ${order})`),
    `(SELECT * FROM destinations ${order})`,
  ];
  const { rows } = await query<Row>(
    pool,
    `WITH volumes AS MATERIALIZED (
       SELECT kind, name COLLATE "C" AS name, sum(conversations)::bigint AS conversations, sum(packets)::bigint AS packets,
         sum(bytes)::bigint AS bytes
       FROM traffic_conversations WHERE ${rowsOf(segmentsOf(wanted.range), wanted, p)} GROUP BY kind, name COLLATE "C"
     ), destinations AS MATERIALIZED (
       SELECT 'destination' AS kind, split_part(name, ' ', 2) AS name, sum(conversations)::bigint AS conversations,
         sum(packets)::bigint AS packets, sum(bytes)::bigint AS bytes
       FROM volumes WHERE kind = 'pair' AND name <> 'other' GROUP BY 2
     )
     SELECT kind, name, conversations, packets, bytes, EXISTS (SELECT FROM volumes WHERE kind = 'port') AS has_ports
     FROM (${largest.join(' UNION ALL ')}) AS ranked`,
    p.values,
  );
  const of = (kind: Row['kind']): Row[] => rows.filter((row) => row.kind === kind);
  const volume = ({ conversations, packets, bytes }: Row): ConversationVolume => ({ conversations, packets, bytes });
  return {
    services: of('service').map((row) => ({ service: row.name, ...volume(row) })),
    outcomes: of('outcome').map((row) => ({ outcome: row.name, ...volume(row) })),
    pairs: of('pair').map((row) => {
      const [originator = '', responder = ''] = row.name.split(' ');
      return { originator, responder, ...volume(row) };
    }),
    ports: rows[0]?.has_ports
      ? of('port').map((row) => {
          const [protocol, port] = row.name.split(' ').map(Number);
          return { destination_port: port!, protocol: protocolName(null, protocol!), ...volume(row) };
        })
      : null,
    destinations: of('destination').map((row) => ({ destination: row.name, ...volume(row) })),
  };
}
