/** Positions that come late, with a real Kafka and Postgres: only the way of one answer to the reader is made longer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { ensureTopics } from '../../../runtime/kafka/topic-setup.js';
import { createPool } from '../../../runtime/postgres/client.js';
import { createRegistry } from '../../../runtime/process/metrics.js';
import { topicName } from '../../../schemas/topics.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { Availability } from '../../../sinks/stream/availability.js';
import { SinkMetrics } from '../../../sinks/stream/sink-metrics.js';
import { TopicReader } from '../../../sinks/stream/topic-reader.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../../support/local-stack.js';
import { until } from '../../support/sink-rows.js';

let topics: TestTopics;
let database: TestDatabase;
let pool: pg.Pool;
let reader: TopicReader;

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  pool = createPool(database.settings, 'nta-test', () => undefined);
  await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
    partitions: 1,
    replicationFactor: 1,
    retentionHours: 24,
    retentionBytes: 0,
    topicPrefix: topics.prefix,
  });
});

afterEach(async () => {
  await reader.stop();
  await pool.end();
  await topics.remove();
  await database.remove();
});

it('takes nothing again for a position that was read before its records were taken', async () => {
  const topic = topicName('packets', topics.prefix);
  const taken: number[] = [];
  const unit = signal();
  let settled = Promise.resolve();
  const log = testLog();
  const metrics = new SinkMetrics(createRegistry());
  const slow = slowPool(pool);
  reader = new TopicReader(
    {
      kafka: createKafka(topics.settings, 'test', log),
      pool: slow.pool,
      availability: new Availability(log, metrics, new AbortController().signal),
      metrics,
      log,
    },
    { topic, groupId: `${topics.prefix}reader`, readCommitted: false, maxBytes: 1 << 20, partitionsAtOnce: 1 },
    {
      take: async (position, records) => {
        while (records.next()) {
          if (records.offset < position.nextOffset) continue;
          taken.push(records.offset);
          position.nextOffset = records.offset + 1;
        }
      },
      settled: () => settled,
    },
  );
  const producer = quietKafka(topics.brokers).producer();
  await producer.connect();
  const publish = () => producer.send({ topic, messages: [{ key: 'a', value: 'record' }] });
  const store = (offset: number) =>
    pool.query('UPDATE sink_offsets SET next_offset = $1 WHERE topic = $2', [offset, topic]);

  await publish();
  await reader.start();
  await until(async () => taken.length === 1);
  await store(1);
  // What joining the group has asked for is answered: the answer kept back below is to be that of `reposition`.
  await until(async () => slow.quietMs() > 1_500);
  // A connection breaks, and the position that is read therefore is long on its way; meanwhile the next record is taken, and
  // before it is stored another connection breaks.
  const deliver = slow.holdNextAnswer();
  reader.reposition();
  await slow.held;
  await publish();
  await until(async () => taken.length === 2);
  settled = unit.promise;
  reader.reposition();
  deliver();
  await sleep(1_000);
  await store(2);
  unit.resolve();
  await publish();
  await until(async () => taken.length >= 3);
  await producer.disconnect();
  expect(taken).toEqual([0, 1, 2]);
});

/** The same pool, but that one answer of it may be kept back. */
function slowPool(of: pg.Pool): {
  pool: pg.Pool;
  held: Promise<void>;
  holdNextAnswer(): () => void;
  /** Since the latest answer. */
  quietMs(): number;
} {
  const held = signal();
  let gate: Promise<void> | null = null;
  let answeredAt = performance.now();
  const query = async (text: string, values: unknown[]): Promise<unknown> => {
    const mine = gate;
    gate = null;
    const answer = await of.query(text, values);
    answeredAt = performance.now();
    if (mine !== null) {
      held.resolve();
      await mine;
    }
    return answer;
  };
  return {
    pool: Object.create(of, { query: { value: query } }) as pg.Pool,
    held: held.promise,
    quietMs: () => performance.now() - answeredAt,
    holdNextAnswer: () => {
      const opened = signal();
      gate = opened.promise;
      return opened.resolve;
    },
  };
}

interface Signal {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function signal(): Signal {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
