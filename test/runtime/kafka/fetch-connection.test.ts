import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import getPort from 'get-port';
import type { ISocketFactory } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { joinFetchAnswers } from '../../../runtime/kafka/fetch-connection.js';
import type { Broker } from '../../../runtime/kafka/kafkajs-internals.js';

interface Answer {
  readonly correlationId: number;
  readonly payload: Buffer;
}

/** A broker whose connection for fetches notes what came: answers, and what went to kafkajs. */
function brokerOf(reuse: boolean) {
  const answers: Answer[] = [];
  const views: Buffer[] = [];
  const toKafkajs: Buffer[] = [];
  const destroyedBy: Error[] = [];
  const connection = {
    socketFactory: (() => {
      throw new Error('not asked for');
    }) as unknown as ISocketFactory,
    processData: (data: Buffer) => void toKafkajs.push(data),
    authHandlers: null as object | null,
    socket: { destroy: (error: Error) => void destroyedBy.push(error) } as unknown as Socket,
    requestQueue: {
      fulfillRequest: ({ size, correlationId, payload }: Answer & { readonly size: number }) => {
        expect(size).toBe(payload.length + 4);
        answers.push({ correlationId, payload: Buffer.from(payload) });
        views.push(payload);
      },
    },
  };
  const pool: unknown[] = [{}, connection];
  joinFetchAnswers({ connectionPool: { pool } } as unknown as Broker, reuse);
  return { connection, answers, views, toKafkajs, destroyedBy };
}

function bytesOf({ correlationId, payload }: Answer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(payload.length + 4);
  head.writeInt32BE(correlationId, 4);
  return Buffer.concat([head, payload]);
}

const answersSent = fc.array(
  fc.record({
    correlationId: fc.nat(),
    payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('the connection for fetches', () => {
  it('joins answers whatever the pieces in which they come', () => {
    fc.assert(
      fc.property(
        answersSent,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        fc.boolean(),
        (sent, lengths, reuse) => {
          const { connection, answers } = brokerOf(reuse);
          const bytes = Buffer.concat(sent.map(bytesOf));
          for (let at = 0, piece = 0; at < bytes.length; piece++) {
            const to = Math.min(bytes.length, at + lengths[piece % lengths.length]!);
            connection.processData(bytes.subarray(at, to));
            at = to;
          }
          expect(answers).toEqual(sent);
        },
      ),
    );
  });

  it('uses the memory of the answer before the last again, only where that is allowed', () => {
    const answer = { correlationId: 1, payload: Buffer.alloc(100, 7) };
    for (const reuse of [false, true]) {
      const { connection, views } = brokerOf(reuse);
      connection.processData(bytesOf(answer));
      connection.processData(bytesOf({ correlationId: 2, payload: Buffer.alloc(100, 8) }));
      expect(views[0]!.equals(answer.payload)).toBe(true);
      connection.processData(bytesOf({ correlationId: 3, payload: Buffer.alloc(100, 9) }));
      expect(views[0]!.equals(answer.payload)).toBe(!reuse);
      expect(views[1]!.equals(Buffer.alloc(100, 8))).toBe(true);
    }
  });

  it('leaves it to kafkajs while the client logs in', () => {
    const { connection, answers, toKafkajs } = brokerOf(true);
    connection.authHandlers = {};
    connection.processData(Buffer.from('a token'));
    connection.authHandlers = null;
    connection.processData(bytesOf({ correlationId: 5, payload: Buffer.from('records') }));
    expect(toKafkajs.map(String)).toEqual(['a token']);
    expect(answers).toEqual([{ correlationId: 5, payload: Buffer.from('records') }]);
  });

  it.for([-1, 0, 3, 0x7fffffff])('gives up at an announced length of %d', (length) => {
    const { connection, answers, destroyedBy } = brokerOf(true);
    const bytes = Buffer.alloc(12);
    bytes.writeInt32BE(length);
    connection.processData(bytes);
    expect(destroyedBy[0]).toMatchObject({ code: 'KAFKA_RESPONSE', message: expect.stringContaining(String(length)) });
    expect(answers).toEqual([]);
  });
});

describe('its socket', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('gives what the broker sends, and starts again with every connection', async () => {
    const payload = Buffer.alloc(300_000, 'record');
    const half = bytesOf({ correlationId: 1, payload }).subarray(0, 150_000);
    const replies = [half, bytesOf({ correlationId: 2, payload })];
    server = createServer((socket) => socket.end(replies.shift()!));
    const port = await getPort({ host: '127.0.0.1' });
    await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
    const { connection, answers } = brokerOf(true);
    for (let attempt = 0; attempt < 2; attempt++) {
      const options = { host: '127.0.0.1', port, onConnect: () => undefined };
      const socket = connection.socketFactory(options as Parameters<ISocketFactory>[0]);
      await new Promise((resolve) => socket.on('data', () => undefined).on('close', resolve));
    }
    expect(answers).toEqual([{ correlationId: 2, payload }]);
  });
});
