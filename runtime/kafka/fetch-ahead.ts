/**
 * Asks a broker for what follows an answer while that answer is being worked on. kafkajs asks again only once all of an
 * answer has been worked on, so that broker and reader wait for each other.
 *
 * What was asked for ahead is what kafkajs would be given later, since records do not change; of it kafkajs gets what it
 * asks for then, partition by partition at the same offset. A partition that was paused, sent elsewhere or given away
 * meanwhile is left out, and one that has come to it waits for the next answer.
 *
 * Nothing is asked for ahead at the end of the log: a broker keeps such a request until there is more, and answers the
 * requests of a connection one after the other, so whatever kafkajs asked for instead would have to wait.
 */
import type { FetchedPartition, FetchOrder, FetchResponse } from './fetch-response.js';
import type { Broker } from './kafkajs-internals.js';

interface Ahead {
  readonly generation: number;
  readonly order: FetchOrder;
  /** Null when it failed, for whatever reason: what fails when it is asked for again is for kafkajs to handle. */
  readonly response: Promise<FetchResponse | null>;
}

/**
 * Lets fetches from this broker be asked for ahead: one of them at any time.
 *
 * @param generation what was asked for ahead in another one is of no use any more. A member that loses a partition and has
 * it again joins twice; in between others may have come further than the end of the log that a response tells.
 */
export function fetchAhead(broker: Broker, generation: () => number): void {
  const fetch = broker.fetch.bind(broker);
  let ahead: Ahead | null = null;
  const respond = async (order: FetchOrder): Promise<FetchResponse> => {
    const asked = ahead;
    ahead = null;
    if (asked === null || asked.generation !== generation()) return fetch(order);
    const early = await asked.response;
    return (early && wantedOf(early, asked.order, order)) ?? fetch(order);
  };
  broker.fetch = async (order) => {
    const response = await respond(order);
    const next = orderBehind(order, response);
    if (next !== null) {
      ahead = { generation: generation(), order: next, response: fetch(next).catch(() => null) };
    }
    return response;
  };
}

/** The partitions of a response that are wanted at the offset at which they were asked for; null when none is. */
function wantedOf(response: FetchResponse, asked: FetchOrder, order: FetchOrder): FetchResponse | null {
  const responses = response.responses.flatMap(({ topicName, partitions }) => {
    const wanted = partitions.filter(({ partition }) => {
      const offset = fetchOffset(order, topicName, partition);
      return offset !== null && offset === fetchOffset(asked, topicName, partition);
    });
    return wanted.length === 0 ? [] : [{ topicName, partitions: wanted }];
  });
  return responses.length === 0 ? null : { ...response, responses };
}

/** What to ask for behind a response; null when the log ends there. */
function orderBehind(order: FetchOrder, { responses }: FetchResponse): FetchOrder | null {
  let hasMore = false;
  const topics = order.topics.map(({ topic, partitions }) => {
    const fetched = responses.find(({ topicName }) => topicName === topic)?.partitions ?? [];
    return {
      topic,
      partitions: partitions.map((ordered) => {
        const own = fetched.find(({ partition }) => partition === ordered.partition);
        if (own === undefined) return ordered;
        const last = own.messages.at(-1)?.offset;
        const next = last === undefined ? Number(ordered.fetchOffset) : Number(last) + 1;
        if (next < readableEnd(own)) hasMore = true;
        return { ...ordered, fetchOffset: String(next) };
      }),
    };
  });
  return hasMore ? { ...order, topics } : null;
}

/** Up to where records can be fetched; the last stable offset is -1 for whoever also reads what is not committed. */
function readableEnd({ lastStableOffset, highWatermark }: FetchedPartition): number {
  const stable = Number(lastStableOffset);
  return stable < 0 ? Number(highWatermark) : stable;
}

/** Where an order begins to read a partition; null when it does not. */
function fetchOffset(order: FetchOrder, topic: string, partition: number): string | null {
  const ordered = order.topics.find((candidate) => candidate.topic === topic)?.partitions;
  return ordered?.find((candidate) => candidate.partition === partition)?.fetchOffset ?? null;
}
