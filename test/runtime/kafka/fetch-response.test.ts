import { createRequire } from 'node:module';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { decodeFetchResponse, type FetchedPartition, type FetchOrder } from '../../../runtime/kafka/fetch-response.js';
import { Failure } from '../../../runtime/process/failure.js';
import {
  batchBytes,
  fetchResponseBytes,
  type LogBatch,
  type LogRecord,
  markerBatch,
  sealed,
} from '../../support/record-log.js';

const require = createRequire(import.meta.url);
const KafkajsBatch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  fetchedOffset: string,
  partition: unknown,
) => {
  readonly messages: readonly KafkaMessage[];
  lastOffset(): string;
  isEmptyDueToFiltering(): boolean;
};

const TOPIC = 'packets';
const NOW = 1_700_000_000_000;

async function byKafkajs(payload: Buffer, version: number, from: number) {
  const { decode } = require(`kafkajs/src/protocol/requests/fetch/v${version}/response.js`) as {
    decode(payload: Buffer): Promise<{ responses: { partitions: unknown[] }[] }>;
  };
  const { responses } = await decode(payload);
  return new KafkajsBatch(TOPIC, String(from), responses[0]!.partitions[0]);
}

function order(from: number, partition = 0): FetchOrder {
  return { topics: [{ topic: TOPIC, partitions: [{ partition, fetchOffset: String(from) }] }] };
}

async function byOurs(payload: Buffer, version: number, from: number) {
  const { responses } = await decodeFetchResponse(payload, version, order(from));
  const partition = responses[0]!.partitions[0]!;
  return {
    partition,
    batch: new KafkajsBatch(TOPIC, String(from), partition),
    messages: partition.messages[0]?.records.messages() ?? [],
  };
}

/** What a reader of records sees of a message. */
function visible({ key, value, offset, timestamp, headers }: KafkaMessage) {
  return { key, value, offset, timestamp, headers };
}

const records: fc.Arbitrary<LogRecord[]> = fc
  .array(
    fc.record({
      skipped: fc.integer({ min: 0, max: 3 }),
      timestampDelta: fc.oneof(fc.integer({ min: -5, max: 5_000 }), fc.integer({ min: -1e12, max: 1e12 })),
      key: fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))),
      value: fc.option(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
      headers: fc.array(
        fc.tuple(
          fc.constantFrom('reason', 'größe', ''),
          fc.option(
            fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
            { freq: 9 },
          ),
        ),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 12 },
  )
  .map((list) => {
    let offsetDelta = -1;
    return list.map(({ skipped, ...record }) => {
      offsetDelta += 1 + skipped;
      return { ...record, offsetDelta };
    });
  });

/** What happens next in a log: a producer writes, or ends its transaction. */
const step = fc.record({
  producer: fc.integer({ min: 1, max: 3 }),
  ends: fc.option(fc.constantFrom('commit', 'abort'), { freq: 2 }),
  inTransaction: fc.boolean(),
  records,
  /** Offsets at the end of the batch whose records compaction has taken. */
  compacted: fc.integer({ min: 0, max: 2 }),
  gzip: fc.boolean(),
  appendTime: fc.boolean(),
});

interface Log {
  readonly batches: readonly LogBatch[];
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number; readonly end: number }[];
  /** Base offsets of batches that a reader of what is committed does not see. */
  readonly hidden: ReadonlySet<number>;
  readonly end: number;
}

const logs: fc.Arbitrary<Log> = fc.array(step, { minLength: 1, maxLength: 12 }).map((steps) => {
  const batches: LogBatch[] = [];
  const open = new Map<number, LogBatch[]>();
  const aborted: { producerId: number; firstOffset: number; end: number }[] = [];
  const hidden = new Set<number>();
  let next = 40;
  const end = (producerId: number, commits: boolean): void => {
    const own = open.get(producerId) ?? [];
    open.delete(producerId);
    batches.push(markerBatch(next, producerId, commits, NOW));
    hidden.add(next);
    if (!commits && own.length > 0) {
      aborted.push({ producerId, firstOffset: own[0]!.baseOffset, end: next });
      for (const { baseOffset } of own) hidden.add(baseOffset);
    }
    next++;
  };
  for (const { producer, ends, inTransaction, compacted, ...content } of steps) {
    const lastOffsetDelta = (content.records.at(-1)?.offsetDelta ?? 0) + compacted;
    // A producer writes within transactions or never.
    const producerId = inTransaction ? producer : producer + 100;
    const times = { baseTimestamp: NOW, maxTimestamp: NOW + 77 };
    const batch = { ...content, ...times, baseOffset: next, lastOffsetDelta, producerId, transactional: inTransaction };
    batches.push({ ...batch, control: false });
    next += lastOffsetDelta + 1;
    if (!inTransaction) continue;
    open.set(producerId, [...(open.get(producerId) ?? []), batches.at(-1)!]);
    if (ends !== null) end(producerId, ends === 'commit');
  }
  for (const producerId of [...open.keys()]) end(producerId, false);
  return { batches, aborted, hidden, end: next };
});

const fetches = fc.record({
  log: logs,
  version: fc.integer({ min: 4, max: 11 }),
  /** Where in the log the fetch begins, and how much of the last bytes is cut off. */
  begin: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** What the broker sends for a fetch from `from`: from the batch that has it, up to some byte. */
function answer({ batches, end }: Log, begin: number, cut: number) {
  const from = Math.min(end - 1, batches[0]!.baseOffset + Math.floor(begin * (end - batches[0]!.baseOffset)));
  const sent = batches.filter(({ baseOffset, lastOffsetDelta }) => baseOffset + lastOffsetDelta >= from);
  const bytes = sent.map((batch) => batchBytes(batch));
  const whole = Buffer.concat(bytes);
  const first = bytes[0]!.length;
  const kept = whole.subarray(0, first + Math.floor(cut * (whole.length - first)));
  const ends = bytes.map((_, index) => Buffer.concat(bytes.slice(0, index + 1)).length);
  const complete = sent.filter((_, index) => ends[index]! <= kept.length);
  return { from, complete, records: kept };
}

describe('decodeFetchResponse', () => {
  it('gives what kafkajs gives to those who read everything', async () => {
    await fc.assert(
      fc.asyncProperty(fetches, async ({ log, version, begin, cut }) => {
        const { from, records: sent } = answer(log, begin, cut);
        const payload = fetchResponseBytes(version, TOPIC, log.end, [
          { partition: 0, errorCode: 0, aborted: null, records: sent },
        ]);
        const theirs = await byKafkajs(payload, version, from);
        const ours = await byOurs(payload, version, from);
        expect(ours.messages.map(visible)).toEqual(theirs.messages.map(visible));
      }),
      { numRuns: 300 },
    );
  });

  it('leaves out what was aborted, and goes on behind the last whole batch', async () => {
    await fc.assert(
      fc.asyncProperty(fetches, async ({ log, version, begin, cut }) => {
        const { from, complete, records: sent } = answer(log, begin, cut);
        const aborted = log.aborted.filter(({ end }) => end >= from).reverse();
        const payload = fetchResponseBytes(version, TOPIC, log.end, [
          { partition: 0, errorCode: 0, aborted, records: sent },
        ]);
        const { batch, messages } = await byOurs(payload, version, from);
        const expected = complete
          .filter(({ baseOffset }) => !log.hidden.has(baseOffset))
          .flatMap(({ baseOffset, records: own }) => own.map(({ offsetDelta }) => baseOffset + offsetDelta))
          .filter((offset) => offset >= from);
        expect(messages.map(({ offset }) => Number(offset))).toEqual(expected);
        const last = complete.at(-1)!;
        expect(batch.lastOffset()).toBe(String(last.baseOffset + last.lastOffsetDelta));
        // Nobody is asked about batches that were left out; the consumer moves on by itself.
        const isSeen = complete.some(({ baseOffset }) => !log.hidden.has(baseOffset));
        expect(batch.isEmptyDueToFiltering()).toBe(!isSeen);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves an error of the broker to kafkajs', async () => {
    const payload = fetchResponseBytes(11, TOPIC, 0, [
      { partition: 0, errorCode: 1, aborted: null, records: Buffer.from('not to be looked at') },
    ]);
    const { responses } = await decodeFetchResponse(payload, 11, order(5));
    expect(responses[0]!.partitions[0]).toMatchObject({
      errorCode: 1,
      messages: [],
    } satisfies Partial<FetchedPartition>);
    const { parse } = require('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
      parse(decoded: unknown): Promise<unknown>;
    };
    await expect(parse({ responses })).rejects.toMatchObject({ type: 'OFFSET_OUT_OF_RANGE', partition: 0 });
  });

  it('gives nothing when not even the first batch is whole', async () => {
    const bytes = batchBytes(plainBatch(3));
    for (const length of [0, 1, 11, 12, 16, 17, 60, 61, bytes.length - 1]) {
      const { batch } = await byOurs(answerOf(bytes.subarray(0, length)), 11, 0);
      expect(batch.messages).toEqual([]);
      expect(batch.isEmptyDueToFiltering()).toBe(false);
    }
  });
});

describe('a partition that cannot be read', () => {
  const broken = batchBytes({ ...plainBatch(2), baseOffset: 902 });
  broken[broken.length - 1]! ^= 1;

  async function read(from: number, parts: readonly { partition: number; errorCode: number; records: Buffer }[]) {
    const payload = fetchResponseBytes(
      11,
      TOPIC,
      1_000,
      parts.map((part) => ({ ...part, aborted: null })),
    );
    const asked = parts.map(({ partition }) => ({ partition, fetchOffset: String(from) }));
    const { responses } = await decodeFetchResponse(payload, 11, { topics: [{ topic: TOPIC, partitions: asked }] });
    return responses[0]!.partitions;
  }

  it('gives what comes before the damage, then the damage in its place', async () => {
    const records = Buffer.concat([batchBytes(plainBatch(2)), broken]);
    const [before] = await read(900, [{ partition: 0, errorCode: 0, records }]);
    expect(before!.messages[0]!.offset).toBe('901');
    expect(before!.messages[0]!.records.messages()).toHaveLength(2);
    const [damaged] = await read(902, [{ partition: 0, errorCode: 0, records: broken }]);
    expect(damaged!.messages[0]).toMatchObject({ offset: '902', isControlRecord: false });
    expect(() => damaged!.messages[0]!.records.next()).toThrow(
      /^packets\/0 at offset 902 cannot be read: its checksum/,
    );
  });

  it('leaves the others as they are, whoever finds the damage', async () => {
    const good = batchBytes(plainBatch(2));
    for (const bad of [
      { partition: 0, errorCode: 0, records: broken },
      { partition: 0, errorCode: 2, records: Buffer.alloc(0) }, // CORRUPT_MESSAGE
    ]) {
      const [damaged, sound] = await read(900, [bad, { partition: 1, errorCode: 0, records: good }]);
      expect(damaged).toMatchObject({ errorCode: 0 });
      expect(() => damaged!.messages[0]!.records.next()).toThrow(/^packets\/0 at offset 90\d cannot be read/);
      expect(sound!.messages[0]!.records.messages()).toHaveLength(2);
    }
  });
});

describe('what is refused', () => {
  it('a byte that came to harm anywhere in a batch', async () => {
    const original = batchBytes(plainBatch(5));
    for (let at = 17; at < original.length; at++) {
      const bytes = Buffer.from(original);
      bytes[at] = bytes[at]! ^ 0x10;
      await expect(byOurs(answerOf(bytes), 11, 0)).rejects.toMatchObject({ code: 'KAFKA_RECORDS', retriable: true });
    }
  });

  it.for([
    {
      name: 'another format',
      change: (bytes: Buffer) => void bytes.writeInt8(1, 16),
      problem: 'its format is 1, not 2',
    },
    { name: 'a batch too short', change: (bytes: Buffer) => void bytes.writeInt32BE(48, 8), problem: 'a batch of 48' },
    { name: 'a negative length', change: (bytes: Buffer) => void bytes.writeInt32BE(-1, 8), problem: 'a batch of -1' },
    {
      name: 'more records than there can be',
      change: (bytes: Buffer) => void bytes.writeInt32BE(1_000_000, 57),
      problem: '1000000 records in',
    },
    { name: 'a negative count', change: (bytes: Buffer) => void bytes.writeInt32BE(-3, 57), problem: '-3 records' },
    {
      name: 'broken gzip',
      change: (bytes: Buffer) => void bytes.writeInt16BE(1, 21),
      problem: 'its gzip is broken: incorrect header check',
    },
  ])('$name, with partition and offset', async ({ change, problem }) => {
    const bytes = batchBytes(plainBatch(2));
    change(bytes);
    const failure = await byOurs(answerOf(sealed(bytes)), 11, 0).catch((error: unknown) => error as Failure);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ code: 'KAFKA_RECORDS' });
    expect((failure as Failure).message).toContain(`packets/0 at offset 900 cannot be read: ${problem}`);
  });

  it.for([
    { method: 2, name: 'snappy' },
    { method: 7, name: 'method 7' },
  ])('records that are compressed with $name', async ({ method, name }) => {
    const bytes = batchBytes(plainBatch(2));
    bytes.writeInt16BE(method, 21);
    await expect(byOurs(answerOf(sealed(bytes)), 11, 0)).rejects.toMatchObject({
      code: 'KAFKA_COMPRESSION',
      retriable: false,
      message: expect.stringContaining(`packets/0 at offset 900 is compressed with ${name}`),
    });
  });

  it.for([
    { name: 'bytes after the last record', damage: { trailing: Buffer.from([0, 0, 0]) } },
    { name: 'fewer records than announced', damage: { recordCount: 3 } },
    { name: 'more records than announced', damage: { recordCount: 1 } },
  ])('$name', async ({ damage }) => {
    for (const gzip of [false, true]) {
      const bytes = batchBytes({ ...plainBatch(2), gzip }, damage);
      const read = byOurs(answerOf(bytes), 11, 0);
      await expect(read).rejects.toMatchObject({ code: 'KAFKA_RECORDS' });
    }
  });

  it('a truncation of the answer, wherever it is, and what follows its end', async () => {
    const payload = fetchResponseBytes(11, TOPIC, 1000, [
      { partition: 0, errorCode: 0, aborted: [{ producerId: 1, firstOffset: 3 }], records: batchBytes(plainBatch(2)) },
    ]);
    for (let length = 0; length < payload.length; length++) {
      await expect(decodeFetchResponse(payload.subarray(0, length), 11, order(0))).rejects.toMatchObject({
        code: 'KAFKA_RESPONSE',
      });
    }
    await expect(decodeFetchResponse(Buffer.concat([payload, Buffer.alloc(1)]), 11, order(0))).rejects.toMatchObject({
      code: 'KAFKA_RESPONSE',
    });
  });

  it('a partition that was not asked for, and a broker of another age', async () => {
    const payload = answerOf(batchBytes(plainBatch(2)));
    await expect(decodeFetchResponse(payload, 11, order(0, 1))).rejects.toMatchObject({ code: 'KAFKA_RESPONSE' });
    await expect(decodeFetchResponse(payload, 3, order(0))).rejects.toMatchObject({ code: 'KAFKA_VERSION' });
  });

  it('any damage behind a checksum that fits: refused, or read within the batch', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    let refused = 0;
    let read = 0;
    await fc.assert(
      fc.asyncProperty(records, damage, async (list, changes) => {
        const bytes = batchBytes({ ...plainBatch(0), records: list, lastOffsetDelta: 60 });
        for (const [at, byte] of changes) bytes[23 + (at % (bytes.length - 23))] = byte;
        const payload = answerOf(sealed(bytes));
        const start = payload.length - bytes.length;
        try {
          const { responses } = await decodeFetchResponse(payload, 11, order(0));
          const carried = responses[0]!.partitions[0]!.messages[0]!.records;
          while (carried.next()) {
            const { keyStart, keyLength, valueStart, valueLength } = carried;
            expect(keyStart).toBeGreaterThanOrEqual(start + 61);
            expect(keyStart + Math.max(0, keyLength)).toBeLessThanOrEqual(valueStart);
            expect(valueStart + Math.max(0, valueLength)).toBeLessThan(payload.length);
            carried.toMessage();
          }
          read++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'KAFKA_RECORDS' });
          refused++;
        }
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(read).toBeGreaterThan(100);
  });
});

function plainBatch(count: number): LogBatch {
  return {
    baseOffset: 900,
    lastOffsetDelta: Math.max(0, count - 1),
    baseTimestamp: NOW,
    maxTimestamp: NOW,
    producerId: -1,
    gzip: false,
    appendTime: false,
    transactional: false,
    control: false,
    records: Array.from({ length: count }, (_, offsetDelta) => ({
      offsetDelta,
      timestampDelta: offsetDelta,
      key: Buffer.from(`key ${offsetDelta}`),
      value: Buffer.alloc(20, offsetDelta),
      headers: [],
    })),
  };
}

function answerOf(bytes: Buffer): Buffer {
  return fetchResponseBytes(11, TOPIC, 1_000, [{ partition: 0, errorCode: 0, aborted: null, records: bytes }]);
}
