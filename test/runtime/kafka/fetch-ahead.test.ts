import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchAhead } from '../../../runtime/kafka/fetch-ahead.js';
import type {
  FetchedPartition,
  FetchOrder,
  FetchResponse,
  RecordCarrier,
} from '../../../runtime/kafka/fetch-response.js';
import type { Broker } from '../../../runtime/kafka/kafkajs-internals.js';

const TOPIC = 'packets';

/** A broker that gives `perFetch` records of each partition that is asked for, up to the end of its log. */
function brokerOf(ends: readonly number[], perFetch: number) {
  const orders: FetchOrder[] = [];
  const state = { generation: 0, isGone: false };
  const ask = async (order: FetchOrder): Promise<FetchResponse> => {
    orders.push(order);
    const { isGone } = state;
    await setImmediate();
    if (isGone) throw new Error('the broker is gone');
    const responses = order.topics.map(({ topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.map(({ partition, fetchOffset }) => {
        const end = ends[partition]!;
        const last = Math.min(end, Number(fetchOffset) + perFetch) - 1;
        return partitionWith(partition, end, last < Number(fetchOffset) ? null : last);
      }),
    }));
    return { throttleTime: 0, clientSideThrottleTime: 0, errorCode: 0, sessionId: 0, responses };
  };
  const broker = { fetch: ask } as unknown as Broker;
  fetchAhead(broker, () => state.generation);
  return { broker, orders, state };
}

function partitionWith(partition: number, end: number, last: number | null): FetchedPartition {
  const messages = last === null ? [] : [{ offset: String(last) } as RecordCarrier];
  return {
    partition,
    errorCode: 0,
    highWatermark: String(end),
    lastStableOffset: String(end),
    abortedTransactions: [],
    preferredReadReplica: -1,
    messages,
  };
}

/** Partition and offset pairs. */
function orderOf(...partitions: readonly (readonly [number, number])[]): FetchOrder {
  return {
    topics: [
      {
        topic: TOPIC,
        partitions: partitions.map(([partition, offset]) => ({ partition, fetchOffset: String(offset) })),
      },
    ],
  };
}

/** Last offset by partition. */
function lastOffsets({ responses }: FetchResponse): Record<number, string | undefined> {
  return Object.fromEntries(
    responses.flatMap(({ partitions }) =>
      partitions.map(({ partition, messages }) => [partition, messages.at(-1)?.offset]),
    ),
  );
}

describe('fetching ahead', () => {
  it('asks for what follows before it is asked to', async () => {
    const { broker, orders } = brokerOf([30, 10], 10);
    expect(lastOffsets(await broker.fetch(orderOf([0, 0], [1, 0])))).toEqual({ 0: '9', 1: '9' });
    expect(orders).toEqual([orderOf([0, 0], [1, 0]), orderOf([0, 10], [1, 10])]);
    expect(lastOffsets(await broker.fetch(orderOf([0, 10], [1, 10])))).toEqual({ 0: '19', 1: undefined });
    expect(orders.at(-1)).toEqual(orderOf([0, 20], [1, 10]));
    expect(orders).toHaveLength(3);
  });

  it('asks for nothing ahead where the log ends', async () => {
    const { broker, orders } = brokerOf([10], 10);
    await broker.fetch(orderOf([0, 0]));
    await broker.fetch(orderOf([0, 10]));
    expect(orders).toEqual([orderOf([0, 0]), orderOf([0, 10])]);
  });

  it('keeps the rest of an order', async () => {
    const { broker, orders } = brokerOf([30], 10);
    const order = { ...orderOf([0, 0]), maxBytes: 1000, rackId: 'a' };
    await broker.fetch(order);
    expect(orders[1]).toEqual({ ...order, ...orderOf([0, 10]) });
  });

  it('leaves out partitions that are no longer wanted, or not from there', async () => {
    const { broker, orders } = brokerOf([30, 30, 30], 10);
    await broker.fetch(orderOf([0, 0], [1, 0], [2, 0]));
    expect(lastOffsets(await broker.fetch(orderOf([0, 5], [2, 10])))).toEqual({ 2: '19' });
    expect(orders.at(-1)).toEqual(orderOf([0, 5], [2, 20]));
  });

  it('asks again when nothing of what came is wanted', async () => {
    const { broker } = brokerOf([30, 30], 10);
    await broker.fetch(orderOf([0, 0]));
    expect(lastOffsets(await broker.fetch(orderOf([1, 0])))).toEqual({ 1: '9' });
  });

  it('asks again for what failed ahead, so that the failure is told when it was asked for', async () => {
    const { broker, orders, state } = brokerOf([30], 10);
    const first = broker.fetch(orderOf([0, 0]));
    state.isGone = true;
    await first;
    state.isGone = false;
    expect(lastOffsets(await broker.fetch(orderOf([0, 10])))).toEqual({ 0: '19' });
    expect(orders.map(({ topics }) => topics[0]!.partitions[0]!.fetchOffset)).toEqual(['0', '10', '10', '20']);
    state.isGone = true;
    await expect(broker.fetch(orderOf([0, 5]))).rejects.toThrow('the broker is gone');
  });

  it('forgets with a new generation what it has asked for', async () => {
    const { broker, orders, state } = brokerOf([30], 10);
    await broker.fetch(orderOf([0, 0]));
    state.generation++;
    await broker.fetch(orderOf([0, 10]));
    expect(orders.map(({ topics }) => topics[0]!.partitions[0]!.fetchOffset)).toEqual(['0', '10', '10', '20']);
  });

  it('gives every record once and in order, whatever is paused, sought and rejoined', async () => {
    const step = fc.record({
      wanted: fc.subarray([0, 1, 2], { minLength: 1 }),
      seek: fc.option(fc.nat(40), { freq: 3 }),
      joins: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 15 }), async (steps, perFetch) => {
        const ends = [40, 25, 3];
        const { broker, state } = brokerOf(ends, perFetch);
        const next = [0, 0, 0];
        for (const { wanted, seek, joins } of steps) {
          if (joins) state.generation++;
          const sought = wanted[0]!;
          if (seek !== null) next[sought] = Math.min(seek, ends[sought]!);
          const response = await broker.fetch(
            orderOf(...wanted.map((partition) => [partition, next[partition]!] as const)),
          );
          for (const [partition, last] of Object.entries(lastOffsets(response))) {
            const from = next[Number(partition)]!;
            expect(wanted).toContain(Number(partition));
            const to = Math.min(ends[Number(partition)]!, from + perFetch) - 1;
            expect(last).toBe(to < from ? undefined : String(to));
            next[Number(partition)] = Math.max(from, to + 1);
          }
        }
        // Whoever asks for all comes to all the ends.
        for (let round = 0; round < 100 && next.some((offset, partition) => offset < ends[partition]!); round++) {
          const response = await broker.fetch(orderOf([0, next[0]!], [1, next[1]!], [2, next[2]!]));
          for (const [partition, last] of Object.entries(lastOffsets(response))) {
            if (last !== undefined) next[Number(partition)] = Number(last) + 1;
          }
        }
        expect(next).toEqual(ends);
      }),
      { numRuns: 200 },
    );
  });
});
