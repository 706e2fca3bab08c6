import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Broker, Connection } from '../../../runtime/kafka/kafkajs-internals.js';
import { type ProduceRequest, writeProduceRequests } from '../../../runtime/kafka/produce-connection.js';
import { encodeProduceOrder, type PlainProduceOrder } from '../../../runtime/kafka/produce-request.js';

const require = createRequire(import.meta.url);
const kafkajsWireRequest = require('kafkajs/src/protocol/request.js') as (request: object) => Promise<{
  readonly buffer: Buffer;
}>;

const KafkajsConnection = require('kafkajs/src/network/connection.js') as new (options: object) => Connection;

/** What a client without a login makes. */
function connectionWithoutLogin(): Pick<Connection, 'sasl' | 'isAuthenticated'> {
  const log = { debug: () => undefined, error: () => undefined };
  const logger = { namespace: () => log };
  const connection = new KafkajsConnection({ host: '127.0.0.1', port: 9, logger });
  return { sasl: connection.sasl, isAuthenticated: () => connection.isAuthenticated() };
}

const NOW = 1_700_000_000_123;
const LARGE = 200_000;
const SMALL = 100;

function produceRequest(valueLength: number, filledWith: number): ProduceRequest {
  const order: PlainProduceOrder = {
    acks: -1,
    timeout: 30_000,
    producerId: { toString: () => '4001' },
    producerEpoch: 0,
    compression: 0,
    topicData: [
      {
        topic: 'packets',
        partitions: [
          {
            partition: 2,
            firstSequence: 17,
            messages: [{ key: Buffer.from('198.51.100.7'), value: Buffer.alloc(valueLength, filledWith) }],
          },
        ],
      },
    ],
  };
  const encode = async () => {
    const bytes = encodeProduceOrder(order, NOW);
    return { buf: bytes, buffer: bytes };
  };
  return {
    request: { apiKey: 0, apiName: 'Produce', apiVersion: 7, encode, order },
    response: {
      decode: async (payload) => ({ decoded: payload.toString(), clientSideThrottleTime: 3 }),
      parse: async (decoded) => ({ parsed: decoded }),
    },
  };
}

interface Pushed {
  readonly entry: { resolve(answer: { payload: Buffer }): void; reject(reason: Error): void };
  readonly sendRequest: () => void;
}

/** A connection as kafkajs has it, whose queue waits to be told. */
function connectionOf() {
  const pushed: Pushed[] = [];
  const written: Buffer[] = [];
  const throttles: unknown[] = [];
  let correlationId = 40;
  const connection = {
    clientId: 'nta-größe',
    sasl: {} as object | null,
    authenticated: true,
    send: async (): Promise<unknown> => 'by kafkajs',
    isConnected: () => true,
    isAuthenticated: () => connection.authenticated,
    nextCorrelationId: () => correlationId++,
    socket: { write: (bytes: Buffer) => void written.push(bytes) },
    requestQueue: {
      push: (request: Pushed) => void pushed.push(request),
      maybeThrottle: (time: unknown) => void throttles.push(time),
    },
  };
  writeProduceRequests({ connectionPool: { pool: [connection, {}] } } as unknown as Broker);
  const send = connection.send as (protocol: ProduceRequest) => Promise<unknown>;
  return { connection, send, pushed, written, throttles };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the connection for produce requests', () => {
  it.for([SMALL, LARGE, 3 * 1024 * 1024])('writes the bytes of kafkajs: a value of %i bytes', async (valueLength) => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
    const { send, pushed, written, throttles } = connectionOf();
    const request = produceRequest(valueLength, 1);
    const answer = send(request);
    expect(written).toEqual([]);
    pushed[0]!.sendRequest();
    const expected = await kafkajsWireRequest({ correlationId: 40, clientId: 'nta-größe', request: request.request });
    expect(written[0]!.equals(expected.buffer)).toBe(true);
    pushed[0]!.entry.resolve({ payload: Buffer.from('answer') });
    expect(await answer).toEqual({ parsed: { decoded: 'answer', clientSideThrottleTime: 3 } });
    expect(throttles).toEqual([3]);
  });

  it('uses the memory of an answered request again, and never that of one that was not answered', async () => {
    const { send, pushed, written } = connectionOf();
    const first = send(produceRequest(LARGE, 1));
    const second = send(produceRequest(LARGE, 2));
    for (const { sendRequest } of pushed) sendRequest();
    const ofFirst = Buffer.from(written[0]!);
    pushed[0]!.entry.reject(new Error('timed out'));
    await expect(first).rejects.toThrow('timed out');
    pushed[1]!.entry.resolve({ payload: Buffer.alloc(0) });
    await second;

    for (const filledWith of [3, 4]) void send(produceRequest(LARGE, filledWith));
    for (const { sendRequest } of pushed.slice(2)) sendRequest();
    const memory = written.map(({ buffer }) => buffer);
    expect(memory[2]).toBe(memory[1]);
    expect(new Set(memory).size).toBe(3);
    expect(written[0]!.equals(ofFirst)).toBe(true);
  });

  it('needs no login where there is none, as a connection of kafkajs says it', async () => {
    const { connection, send, pushed } = connectionOf();
    const { sasl, isAuthenticated } = connectionWithoutLogin();
    Object.assign(connection, { sasl, isAuthenticated });
    void send(produceRequest(SMALL, 1));
    expect(pushed).toHaveLength(1);
  });

  it('leaves to kafkajs what it has to log in for', async () => {
    const { connection, send, pushed } = connectionOf();
    connection.authenticated = false;
    expect(await send(produceRequest(SMALL, 1))).toBe('by kafkajs');
    expect(pushed).toEqual([]);
  });
});
