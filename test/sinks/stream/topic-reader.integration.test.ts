/** Positions that come late, with a real Kafka and Postgres: only the way of one answer to the reader is made longer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKafka } from '../../../runtime/kafka/client.js';
import { createPool } from '../../../runtime/postgres/client.js';
import { createRegistry } from '../../../runtime/process/metrics.js';
import { topicName } from '../../../schemas/topics.js';
import { migrate } from '../../../sinks/migrations/migration.js';
import { Availability } from '../../../sinks/stream/availability.js';
import { SinkMetrics } from '../../../sinks/stream/sink-metrics.js';
import { IDENTITY_MS, TopicReader } from '../../../sinks/stream/topic-reader.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../../support/local-stack.js';
import { createTopicsFor, recreateTopic } from '../../support/packet-topic.js';
import { until } from '../../support/sink-rows.js';

let topics: TestTopics;
let database: TestDatabase;
let pool: pg.Pool;
let reader: TopicReader;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  pool = createPool(database.settings, 'nta-test', () => undefined);
  await createTopicsFor(topics, 1);
});

afterEach(async () => {
  await reader.stop();
  for (const close of closing.splice(0)) await close();
  await pool.end();
  await topics.remove();
  await database.remove();
});

it('takes nothing again for a position that was read before its records were taken', async () => {
  const topic = topicName('packets', topics.prefix);
  const unit = signal();
  const slow = slowPool(pool);
  const { taken, wait } = read(slow.pool);
  const publish = await publisher();
  const store = (offset: number) =>
    pool.query('UPDATE sink_offsets SET next_offset = $1 WHERE topic = $2', [offset, topic]);

  await publish(['a']);
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
  await publish(['b']);
  await until(async () => taken.length === 2);
  wait.settled = unit.promise;
  reader.reposition();
  deliver();
  await sleep(1_000);
  await store(2);
  unit.resolve();
  await publish(['c']);
  await until(async () => taken.length >= 3);
  expect(taken).toEqual(['a', 'b', 'c']);
});

it('takes all of a topic that was recreated, and had more records, while nothing was fetched', async () => {
  const { taken, wait } = read(pool);
  const publish = await publisher();
  await publish(['old 1', 'old 2']);
  const unit = signal();
  wait.take = unit.promise; // Postgres is away, and what is under way waits for it
  await reader.start();
  await until(async () => wait.takes === 1);
  const takenAt = performance.now();
  await recreateTopic(topics, topicName('packets', topics.prefix), 1);
  await publish(['new 1', 'new 2', 'new 3', 'new 4']);
  await until(async () => performance.now() - takenAt > IDENTITY_MS);
  unit.resolve();
  await until(async () => taken.includes('new 4'));
  expect(taken).toEqual(['old 1', 'old 2', 'new 1', 'new 2', 'new 3', 'new 4']);
});

it('takes nothing for a topic that was recreated after it was fetched and before its id was asked for', async () => {
  const { taken, wait } = read(pool);
  const publish = await publisher();
  await publish(['old 1', 'old 2']);
  const unit = signal();
  wait.settled = unit.promise; // which is waited for before a position is read
  await reader.start();
  await until(async () => wait.settles === 2); // by joining the group, and by the batch
  await recreateTopic(topics, topicName('packets', topics.prefix), 1);
  await publish(['new 1', 'new 2', 'new 3', 'new 4']);
  unit.resolve();
  await until(async () => taken.includes('new 4'));
  expect(taken).toEqual(['new 1', 'new 2', 'new 3', 'new 4']);
});

/** A reader whose takers do as they are told; `taken` has the values of the records. */
function read(from: pg.Pool): {
  taken: string[];
  wait: { take: Promise<void>; settled: Promise<void>; takes: number; settles: number };
} {
  const taken: string[] = [];
  const wait = { take: Promise.resolve(), settled: Promise.resolve(), takes: 0, settles: 0 };
  const log = testLog();
  const metrics = new SinkMetrics(createRegistry());
  reader = new TopicReader(
    {
      kafka: createKafka(topics.settings, 'test', log),
      pool: from,
      availability: new Availability(log, metrics, new AbortController().signal),
      metrics,
      log,
    },
    {
      topic: topicName('packets', topics.prefix),
      groupId: `${topics.prefix}reader`,
      readCommitted: false,
      maxBytes: 1 << 20,
      partitionsAtOnce: 1,
    },
    {
      take: async (position, records) => {
        wait.takes++;
        while (records.next()) {
          if (records.offset < position.nextOffset) continue;
          taken.push(String(records.value));
          position.nextOffset = records.offset + 1;
        }
        await wait.take;
      },
      settled: () => {
        wait.settles++;
        return wait.settled;
      },
    },
  );
  return { taken, wait };
}

async function publisher(): Promise<(values: readonly string[]) => Promise<void>> {
  const producer = quietKafka(topics.brokers).producer();
  await producer.connect();
  closing.push(() => producer.disconnect());
  const topic = topicName('packets', topics.prefix);
  return async (values) =>
    until(async () => {
      await producer.send({ topic, messages: values.map((value) => ({ key: 'a', value })) });
      return true;
    });
}

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
