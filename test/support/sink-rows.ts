/** What the sinks have stored, and waiting for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresConnection } from '../../deploy/local-stack/postgres-server.js';
import { createKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import { topicName } from '../../schemas/topics.js';
import { testLog } from './local-stack.js';
import type { TrafficRecord } from './packet-blocks.js';

/** Resolves when the condition holds; fails after `timeoutMs`. A condition that throws does not hold. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let last: unknown = null; ; ) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`not reached within ${timeoutMs / 1000} s`, { cause: last });
    await sleep(50);
  }
}

/** Sends records to the topic `packets`; returns how many packets they hold. */
export async function publishPackets(settings: KafkaSettings, records: Iterable<TrafficRecord>): Promise<number> {
  // A broker that was killed is away for as long as a busy machine takes to start it.
  const kafka = createKafka(settings, 'test', testLog(), {
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 60 },
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let packets = 0;
  let messages: { key: string; value: Buffer }[] = [];
  const flush = async (): Promise<void> => {
    if (messages.length === 0) return;
    await producer.send({ topic: topicName('packets', settings.topicPrefix), messages, acks: -1 });
    messages = [];
  };
  try {
    for (const { key, value, packets: count } of records) {
      messages.push({ key, value });
      packets += count;
      if (messages.length === 200) await flush();
    }
    await flush();
  } finally {
    await producer.disconnect();
  }
  return packets;
}

/** Looks into a database with a connection for each query, so that the server may be killed in between. */
export class StoredRows {
  constructor(private readonly connection: PostgresConnection) {}

  async query<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    const { host, port, user, password, database } = this.connection;
    const client = new pg.Client({ host, port, user, password, database, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(sql, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** The only column of the only row. */
  async value<T>(sql: string, values: unknown[] = []): Promise<T> {
    const [row] = await this.query(sql, values);
    return Object.values(row!)[0] as T;
  }

  /** Stores what a SELECT gives, as columns of the view `packets` by name, under new ids; the others are null. */
  async storePackets(select: string, values: unknown[] = []): Promise<void> {
    const client = new pg.Client({ ...this.connection });
    await client.connect();
    try {
      const given = await client.query({ text: `SELECT * FROM (${select}) AS given LIMIT 0`, values });
      const columns = given.fields.map(({ name }) => pg.escapeIdentifier(name)).join(', ');
      await client.query('CREATE TEMPORARY TABLE given_packets AS SELECT * FROM packets WITH NO DATA');
      await client.query(`INSERT INTO given_packets (${columns}) ${select}`, values);
      await client.query(`SELECT pack_packets('given_packets')`);
    } finally {
      await client.end();
    }
  }

  /** Packets that the sinks have accounted for. */
  accounted(): Promise<number> {
    return this.value<number>('SELECT coalesce(sum(packets), 0)::float8 FROM sink_offsets');
  }

  /**
   * Everything that the sinks wrote about packets and conversations, as counts and checksums. What depends on the order in which
   * sinks met (numbers of origins and streams, which sources were among the busiest when) is left out.
   */
  async fingerprint(): Promise<
    Record<'packets' | 'totals' | 'sums' | 'conversations' | 'services', pg.QueryResultRow[]>
  > {
    const packets = await this.query(
      `SELECT count(*)::float8 AS rows, count(DISTINCT packets.id)::float8 AS ids,
         sum(hashtextextended(concat_ws('|', captured_at, tcp_sequence, ip_id, capture_node, interface, frame_length, captured_length,
           ether_type, source_port, destination_port, fragment_offset, source_mac, destination_mac, vlan, inner_vlan,
           ip_protocol, ttl, tcp_flags, icmp_type, icmp_code, arp_operation, role, failure, source, destination, details), 0)::numeric)::text AS checksum
       FROM packets JOIN origins ON origins.id = origin_id`,
    );
    const totals = await this.query(
      `SELECT count(*)::float8 AS rows, sum(packets)::float8 AS packets, sum(bytes)::float8 AS bytes,
         sum(hashtextextended(traffic_totals::text, 0)::numeric)::text AS checksum FROM traffic_totals`,
    );
    const sums = await this.query(
      `SELECT 'sources' AS of, resolution, sum(packets)::float8 AS packets, sum(bytes)::float8 AS bytes
         FROM traffic_sources GROUP BY resolution
       UNION ALL SELECT 'ports', resolution, sum(packets), sum(bytes) FROM traffic_ports GROUP BY resolution
       UNION ALL SELECT 'protocols', resolution, sum(packets), sum(bytes) FROM traffic_protocols GROUP BY resolution
       ORDER BY 1, 2`,
    );
    const conversations = await this.query(
      `SELECT count(*)::float8 AS rows, count(DISTINCT conversations.id)::float8 AS ids,
         count(*) FILTER (WHERE ended_at = 'infinity')::float8 AS open,
         sum(hashtextextended(concat_ws('|', conversations.id, ended_at, started_at, last_at, capture_node, interface, site, originator, responder,
           originator_port, responder_port, originator_packets, responder_packets, originator_bytes, responder_bytes,
           originator_payload, responder_payload, vlan, ip_protocol, state, outcome, logins_failed, logins_succeeded, begun,
           history, service, names), 0)::numeric)::text AS checksum
       FROM conversations JOIN origins ON origins.id = origin_id`,
    );
    const services = await this.query(
      `SELECT resolution, kind, sum(conversations)::float8 AS conversations, sum(packets)::float8 AS packets, sum(bytes)::float8 AS bytes
         FROM traffic_conversations GROUP BY resolution, kind ORDER BY 1, 2`,
    );
    return { packets, totals, sums, conversations, services };
  }
}
