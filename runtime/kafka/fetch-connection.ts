/**
 * The bytes of a connection for fetches, put together in two buffers that are used in turn, again and again. kafkajs takes a piece of
 * 64 KiB for each read of the socket, and another of the size of the whole answer to join them. V8 counts such memory, and
 * walked the whole heap after every few megabytes of it: an eighth to a fifth of the processor time of a reader.
 */
import { connect } from 'node:net';
import { Failure } from '../process/failure.js';
import type { Broker, Connection } from './kafkajs-internals.js';

/** kafkajs gives fetches a connection of their own. */
const FETCH_CONNECTION = 1;
const READ_BYTES = 64 * 1024;
const KEEP_ALIVE_DELAY_MS = 60_000;
const LENGTH_BYTES = 4;
const CORRELATION_BYTES = 4;
/** Answers up to this size share buffers; a larger one, of a record that is larger by itself, has one of its own. */
const SHARED_BYTES_MAX = 16 << 20;
/** An announced length beyond this is none. */
const ANSWER_BYTES_MAX = 1 << 30;

/**
 * Lets the next answers to fetches from this broker be put together here.
 *
 * @param reuse whether an answer may be overwritten by the one after the next. kafkajs asks a broker again once all batches
 * of the last answer have been worked on, and no more than one fetch is asked for ahead (`fetch-ahead.ts`): so while an
 * answer is worked on one more may come, and nothing of it may be kept beyond that.
 */
export function joinFetchAnswers({ connectionPool }: Broker, reuse: boolean): void {
  const connection = connectionPool.pool[FETCH_CONNECTION];
  if (connection === undefined) throw new Error('this kafkajs has no connection of its own for fetches');
  const { socketFactory } = connection;
  const processData = connection.processData.bind(connection);
  const buffers = reuse ? new AnswerBuffers() : null;
  let answers = new Answers(connection, buffers);
  connection.processData = (data) => {
    if (connection.authHandlers !== null) processData(data);
    else answers.take(data);
  };
  connection.socketFactory = (options) => {
    answers = new Answers(connection, buffers);
    if (options.ssl) return socketFactory(options); // TLS decrypts into pieces of its own
    const { host, port, onConnect } = options;
    const callback = (length: number, bytes: Uint8Array): boolean => {
      const data = Buffer.from(bytes.buffer, bytes.byteOffset, length);
      connection.processData(connection.authHandlers === null ? data : Buffer.from(data));
      return true;
    };
    const socket = connect({ host, port, onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback } }, onConnect);
    return socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  };
}

/** The memory of answers: two buffers in turn. */
class AnswerBuffers {
  private current = Buffer.alloc(0);
  private last = Buffer.alloc(0);

  /** Room for the next answer, in the place of the one before the last; null when it is too large to be shared. */
  take(size: number): Buffer | null {
    if (size > SHARED_BYTES_MAX) return null;
    const buffer = this.last.length < size ? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size))) : this.last;
    this.last = this.current;
    this.current = buffer;
    return buffer.subarray(0, size);
  }
}

/** Joins the pieces of one connection to answers: a length, the number of the request, the payload. */
class Answers {
  private readonly length = Buffer.alloc(LENGTH_BYTES);
  private lengthBytes = 0;
  private answer: Buffer | null = null;
  private answerBytes = 0;

  constructor(
    private readonly connection: Connection,
    private readonly buffers: AnswerBuffers | null,
  ) {}

  take(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      if (this.answer === null) {
        const copied = data.copy(this.length, this.lengthBytes, at);
        at += copied;
        this.lengthBytes += copied;
        if (this.lengthBytes < LENGTH_BYTES) return;
        this.begin(this.length.readInt32BE());
      }
      const { answer } = this;
      if (answer === null) return;
      const copied = data.copy(answer, this.answerBytes, at);
      at += copied;
      this.answerBytes += copied;
      if (this.answerBytes === answer.length) this.finish(answer);
    }
  }

  private begin(size: number): void {
    this.lengthBytes = 0;
    this.answerBytes = 0;
    if (size < CORRELATION_BYTES || size > ANSWER_BYTES_MAX) {
      this.connection.socket.destroy(
        new Failure(
          'KAFKA_RESPONSE',
          `the broker announces an answer of ${size} bytes; check what stands between it and nta`,
          {
            retriable: true,
          },
        ),
      );
      return;
    }
    this.answer = this.buffers?.take(size) ?? Buffer.allocUnsafeSlow(size);
  }

  private finish(answer: Buffer): void {
    this.answer = null;
    this.connection.requestQueue.fulfillRequest({
      size: answer.length,
      correlationId: answer.readInt32BE(),
      payload: answer.subarray(CORRELATION_BYTES),
    });
  }
}
