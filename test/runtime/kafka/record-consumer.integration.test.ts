/** Records of a real broker, read here and by kafkajs: plain and compressed, of transactions that were committed and aborted. */
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import {
  type Batch,
  CompressionTypes,
  type Consumer,
  type Kafka,
  type KafkaMessage,
  type Message,
  Partitioners,
} from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeFetchResponse, FETCH_API, type FetchOrder } from '../../../runtime/kafka/fetch-response.js';
import { replaceRequests, withBrokers } from '../../../runtime/kafka/kafkajs-internals.js';
import { createRecordConsumer, recordsOf } from '../../../runtime/kafka/record-consumer.js';
import { createTestTopics, quietKafka, type TestTopics } from '../../support/local-stack.js';
import { Random } from '../../support/random.js';

const KafkajsBatch = createRequire(import.meta.url)('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  fetchedOffset: string,
  partition: unknown,
) => { readonly messages: readonly KafkaMessage[] };

const READ_TIMEOUT_MS = 30_000;
/** Small, so that answers end in the middle of batches. */
const FETCH_BYTES = 3_000;

interface Content {
  readonly committed: number;
  readonly aborted: number;
}

let topics: TestTopics;
let kafka: Kafka;
let topic: string;
let content: Content;

beforeAll(async () => {
  topics = createTestTopics();
  kafka = quietKafka(topics.brokers);
  topic = `${topics.prefix}records`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
  await admin.disconnect();
  content = await fill();
});
afterAll(() => topics.remove());

function messages(random: Random, count: number): Message[] {
  return Array.from({ length: count }, (_, index) => ({
    partition: index % 2,
    key: random.below(4) === 0 ? null : `key ${random.below(100)}`,
    value: random.below(5) === 0 ? null : Buffer.alloc(random.below(400), random.below(256)),
    ...(random.below(3) === 0 ? { timestamp: String(1_700_000_000_000 - random.below(1e9)) } : {}),
    ...(random.below(3) === 0 ? { headers: { reason: 'größe', twice: [Buffer.from('a'), Buffer.from([0])] } } : {}),
  }));
}

/** Runs of all kinds, in turn. */
async function fill(): Promise<Content> {
  const random = new Random(7);
  const options = { createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 1, idempotent: true };
  const plain = kafka.producer(options);
  const transactional = kafka.producer({ ...options, transactionalId: `${topics.prefix}writer` });
  await plain.connect();
  await transactional.connect();
  let committed = 0;
  let aborted = 0;
  for (let round = 0; round < 12; round++) {
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
      const count = random.between(2, 30);
      await plain.send({ topic, compression, messages: messages(random, count) });
      committed += count;
    }
    const transaction = await transactional.transaction();
    const count = random.between(2, 20);
    await transaction.send({ topic, messages: messages(random, count) });
    // What others write in the meantime stays.
    await plain.send({ topic, messages: messages(random, 2) });
    committed += 2;
    if (round % 3 === 1) {
      await transaction.abort();
      aborted += count;
    } else {
      await transaction.commit();
      committed += count;
    }
  }
  await plain.disconnect();
  await transactional.disconnect();
  return { committed, aborted };
}

function visible({ key, value, offset, timestamp, headers }: KafkaMessage) {
  return { key, value, offset, timestamp, headers };
}

/** The next fetch overwrites what was not to be kept. */
function copyOf(message: KafkaMessage): KafkaMessage {
  const copied = (value: unknown): unknown => {
    if (Buffer.isBuffer(value)) return Buffer.from(value);
    return Array.isArray(value) ? value.map(copied) : value;
  };
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, copied(value)]);
  return {
    ...message,
    key: copied(message.key),
    value: copied(message.value),
    headers: Object.fromEntries(headers),
  } as KafkaMessage;
}

type Visible = ReturnType<typeof visible>;

/** All messages by partition, in the order in which they came. */
async function readAll(
  create: (groupId: string) => Consumer,
  messagesOf: (batch: Batch) => readonly KafkaMessage[],
  expected: number,
): Promise<Map<number, Visible[]>> {
  const consumer = create(`${topics.prefix}${Math.random()}`);
  const found = new Map<number, Visible[]>([
    [0, []],
    [1, []],
  ]);
  const count = (): number => found.get(0)!.length + found.get(1)!.length;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        found.get(batch.partition)!.push(...messagesOf(batch).map(visible));
      },
    });
    const deadline = performance.now() + READ_TIMEOUT_MS;
    while (count() < expected && performance.now() < deadline) await setTimeout(20);
    await setTimeout(100); // nothing may come after what was expected
  } finally {
    await consumer.disconnect();
  }
  expect(count()).toBe(expected);
  return found;
}

describe('a record consumer', () => {
  it.for([
    { readUncommitted: false, name: 'what is committed' },
    { readUncommitted: true, name: 'everything' },
  ])('reads $name as kafkajs does', async ({ readUncommitted }) => {
    const expected = content.committed + (readUncommitted ? content.aborted : 0);
    const options = { readUncommitted, maxWaitTimeInMs: 50, maxBytes: FETCH_BYTES, maxBytesPerPartition: FETCH_BYTES };
    const theirs = await readAll(
      (groupId) => kafka.consumer({ ...options, groupId }),
      (batch) => batch.messages,
      expected,
    );
    for (const keepsRecords of [true, false]) {
      const ours = await readAll(
        (groupId) => createRecordConsumer(kafka, { ...options, groupId, keepsRecords }),
        (batch) =>
          recordsOf(batch)
            .messages()
            .map((message) => (keepsRecords ? message : copyOf(message))),
        expected,
      );
      expect(ours).toEqual(theirs);
    }
  });

  it('gives what stands at an offset however it is paused and sent elsewhere, and while the next answer comes', async () => {
    const options = { maxWaitTimeInMs: 50, maxBytes: FETCH_BYTES, maxBytesPerPartition: FETCH_BYTES };
    const theirs = await readAll(
      (groupId) => kafka.consumer({ ...options, groupId }),
      (batch) => batch.messages,
      content.committed,
    );
    const random = new Random(11);
    const consumer = createRecordConsumer(kafka, { ...options, groupId: `${topics.prefix}sent`, keepsRecords: false });
    const next = [0, 0];
    let records = 0;
    let sent = 0;
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: 2,
        eachBatch: async ({ batch }) => {
          const { partition } = batch;
          await setTimeout(random.below(10));
          for (const message of recordsOf(batch).messages()) {
            const expected = theirs.get(partition)!.find(({ offset }) => offset === message.offset);
            expect(visible(message)).toEqual(expected);
            const skipped = theirs.get(partition)!.filter(({ offset }) => {
              return Number(offset) >= next[partition]! && Number(offset) < Number(message.offset);
            });
            expect(skipped).toEqual([]);
            next[partition] = Number(message.offset) + 1;
            records++;
          }
          if (sent === 20) return;
          sent++;
          const other = 1 - partition;
          if (random.below(2) === 0) {
            consumer.pause([{ topic, partitions: [other] }]);
            void setTimeout(random.below(100)).then(() => consumer.resume([{ topic, partitions: [other] }]));
          } else {
            next[partition] = random.below(next[partition]!);
            consumer.seek({ topic, partition, offset: String(next[partition]) });
          }
        },
      });
      const ends = [0, 1].map((partition) => Number(theirs.get(partition)!.at(-1)!.offset) + 1);
      const deadline = performance.now() + READ_TIMEOUT_MS;
      while (next.some((offset, partition) => offset < ends[partition]!) && performance.now() < deadline) {
        await setTimeout(20);
      }
      expect(next).toEqual(ends);
    } finally {
      await consumer.disconnect();
    }
    expect(sent).toBe(20);
    expect(records).toBeGreaterThan(content.committed);
  });

  it('leaves other consumers of the same client to kafkajs', async () => {
    createRecordConsumer(kafka, { groupId: `${topics.prefix}other`, keepsRecords: true });
    const read = await readAll(
      (groupId) => kafka.consumer({ groupId }),
      (batch) => batch.messages,
      content.committed,
    );
    expect(read.get(0)![0]).toMatchObject({ offset: '0' });
  });
});

describe('every answer of the broker', () => {
  it('is the same to kafkajs and to decodeFetchResponse', async () => {
    let answers = 0;
    let compared = 0;
    const twice = withBrokers(kafka, (broker) =>
      replaceRequests<FetchOrder>(broker, FETCH_API, (protocol, order) => {
        const { decode } = protocol.response;
        const both = async (payload: Buffer): Promise<unknown> => {
          type Theirs = { responses: { topicName: string; partitions: { partition: number }[] }[] };
          const theirs = (await decode(payload)) as Theirs;
          const ours = await decodeFetchResponse(payload, protocol.request.apiVersion, order);
          expect(ours).toMatchObject({ errorCode: 0, clientSideThrottleTime: 0 });
          answers++;
          for (const [index, { topicName, partitions }] of theirs.responses.entries()) {
            for (const [at, partition] of partitions.entries()) {
              const own = ours.responses[index]!.partitions[at]!;
              const from = order.topics
                .flatMap((ordered) => (ordered.topic === topicName ? ordered.partitions : []))
                .find((ordered) => ordered.partition === partition.partition)!.fetchOffset;
              const expected = new KafkajsBatch(topicName, from, partition).messages.map(visible);
              const records = own.messages[0]?.records.messages() ?? [];
              compared += records.length;
              expect(own.partition).toBe(partition.partition);
              expect(records.map(visible)).toEqual(expected);
            }
          }
          return theirs;
        };
        return { ...protocol, response: { ...protocol.response, decode: both } };
      }),
    );
    const options = { maxWaitTimeInMs: 50, maxBytes: FETCH_BYTES, maxBytesPerPartition: FETCH_BYTES };
    await readAll(
      (groupId) => twice.consumer({ ...options, groupId }),
      (batch) => batch.messages,
      content.committed,
    );
    expect(answers).toBeGreaterThan(10);
    expect(compared).toBe(content.committed);
  });
});
