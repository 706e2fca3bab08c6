/**
 * Reads a whole capture from a file or from standard input (`-`), packed or not, through the capture parser. Files are
 * read in chunks into one buffer that is used again; a consumer that is busy holds the reading back.
 */
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../runtime/process/failure.js';
import { COMPRESSION_MAGIC_LENGTH, type Compression, compressionOf, decompressor } from './decompression.js';
import type { CaptureFailure, CaptureFailureCode } from './failure.js';
import type { FrameHandler } from './frame-handler.js';
import { CaptureParser } from './parser.js';

/** Measured on a file in the page cache: smaller costs system calls, larger falls out of the processor's cache. */
const CHUNK_LENGTH = 128 * 1024;

/** Chunks of a file between which whatever else the process does has its turn. */
const CHUNKS_A_TURN = 2;

export const STANDARD_INPUT = '-';

export interface CaptureConsumer extends FrameHandler {
  /**
   * Called when the parser was paused from within `onFrame`, and awaited before anything more is read; a consumer that
   * never pauses needs none. Without a promise the reading goes on at once.
   */
  onPause?(): Promise<void> | void;
}

export interface ReadOptions {
  /** Ends the reading between two chunks, without a failure. */
  readonly signal?: AbortSignal;
  /** What `-` stands for; `process.stdin` by default. */
  readonly standardInput?: Readable;
}

/**
 * Reads to the end of a capture, to its first unreadable byte, or until stopped. The consumer gets the parser before
 * the first frame, for `pause`.
 */
export async function readCapture(
  path: string,
  createConsumer: (parser: Pick<CaptureParser, 'pause'>) => CaptureConsumer,
  options: ReadOptions = {},
): Promise<CaptureFailure | null> {
  const intake = new Intake(createConsumer, options.signal);
  if (path === STANDARD_INPUT) return intake.readStream(options.standardInput ?? process.stdin);
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return intake.failed('unreadable', unreadable(error));
  }
  try {
    return await intake.readFile(file);
  } catch (error) {
    return intake.failed('unreadable', unreadable(error));
  } finally {
    await file.close();
  }
}

/** No closure over the parser: V8 takes one for a constant, and compiles all that calls it anew for the next file. */
class Pausing {
  parser: CaptureParser | null = null;

  pause(): void {
    this.parser?.pause();
  }
}

class Intake {
  private readonly parser: CaptureParser;
  private readonly consumer: CaptureConsumer;
  private readonly signal: AbortSignal | undefined;

  constructor(
    createConsumer: (parser: Pick<CaptureParser, 'pause'>) => CaptureConsumer,
    signal: AbortSignal | undefined,
  ) {
    // The consumer and the parser know each other: the one pauses, the other hands on.
    const pausing = new Pausing();
    this.consumer = createConsumer(pausing);
    this.parser = new CaptureParser(this.consumer);
    pausing.parser = this.parser;
    this.signal = signal;
  }

  async readFile(file: FileHandle): Promise<CaptureFailure | null> {
    // A pipe or a device may keep whoever reads it waiting.
    if (!(await file.stat()).isFile()) return this.readStream(file.createReadStream());
    const magic = Buffer.alloc(COMPRESSION_MAGIC_LENGTH);
    const { bytesRead } = await file.read(magic, 0, magic.length, null);
    const start = magic.subarray(0, bytesRead);
    const compression = compressionOf(start);
    if (compression !== 'none') return this.readPacked(compression, start, handleChunks(file));
    const startFailure = this.push(start);
    if (startFailure instanceof Promise ? await startFailure : startFailure) return this.parser.end();
    return this.readPlain(file);
  }

  /**
   * Reads on the very core that decodes, into memory that its cache keeps. A thread that reads ahead (Node's
   * promises) costs more than the reading, and leaves the bytes in the cache of another core; the system reads ahead of
   * us anyway.
   */
  private async readPlain({ fd }: FileHandle): Promise<CaptureFailure | null> {
    const chunk = Buffer.allocUnsafe(CHUNK_LENGTH);
    for (let chunks = 1; !this.signal?.aborted; chunks++) {
      const bytesRead = readSync(fd, chunk, 0, CHUNK_LENGTH, null);
      if (bytesRead === 0) return this.parser.end();
      const pushed = this.push(bytesRead === CHUNK_LENGTH ? chunk : chunk.subarray(0, bytesRead));
      const failure = pushed instanceof Promise ? await pushed : pushed;
      if (failure !== null) return failure;
      if (chunks % CHUNKS_A_TURN === 0) await nextTurn();
    }
    return null;
  }

  async readStream(stream: Readable): Promise<CaptureFailure | null> {
    const abort = (): void => void stream.destroy();
    this.signal?.addEventListener('abort', abort, { once: true });
    try {
      const chunks = streamChunks(stream);
      let start = Buffer.alloc(0);
      while (start.length < COMPRESSION_MAGIC_LENGTH) {
        const { value, done } = await chunks.next();
        if (done) break;
        start = Buffer.concat([start, value]);
      }
      const compression = compressionOf(start);
      if (compression !== 'none') return await this.readPacked(compression, start, chunks);
      return await this.readChunks(start, chunks);
    } catch (error) {
      return this.signal?.aborted ? null : this.failed('unreadable', unreadable(error));
    } finally {
      this.signal?.removeEventListener('abort', abort);
    }
  }

  failed(code: CaptureFailureCode, message: string): CaptureFailure {
    return { code, message, offset: 0, frames: this.parser.frames };
  }

  private async readPacked(
    compression: Exclude<Compression, 'none'>,
    start: Buffer,
    rest: AsyncIterable<Buffer>,
  ): Promise<CaptureFailure | null> {
    const transform = decompressor(compression, CHUNK_LENGTH);
    if ('message' in transform) return this.failed(transform.code, transform.message);
    const packed = Readable.from(prepend(start, rest), { objectMode: false });
    packed.on('error', (error) => transform.destroy(error));
    packed.pipe(transform);
    try {
      return await this.readChunks(Buffer.alloc(0), streamChunks(transform));
    } catch (error) {
      const cutOff = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
      return cutOff
        ? this.failed('truncated', `the ${compression} stream is cut off after packet ${this.parser.frames}`)
        : this.failed('decompression_failed', `the ${compression} stream is damaged: ${messageOf(error)}`);
    } finally {
      packed.destroy();
      transform.destroy();
    }
  }

  private async readChunks(start: Buffer, chunks: AsyncIterable<Buffer>): Promise<CaptureFailure | null> {
    for await (const chunk of prepend(start, chunks)) {
      const pushed = this.push(chunk);
      const failure = pushed instanceof Promise ? await pushed : pushed;
      if (failure !== null || this.signal?.aborted) return failure;
    }
    return this.signal?.aborted ? null : this.parser.end();
  }

  /** Synchronous as long as the consumer is: a promise for every chunk would be noticed. */
  private push(chunk: Buffer): CaptureFailure | null | Promise<CaptureFailure | null> {
    let failure = this.parser.push(chunk);
    while (this.parser.paused) {
      const wait = this.consumer.onPause?.();
      if (wait instanceof Promise) return this.pushOn(wait);
      failure = this.parser.resume();
    }
    return failure;
  }

  private async pushOn(firstWait: Promise<void>): Promise<CaptureFailure | null> {
    await firstWait;
    // Stopped in the middle of a chunk: what is left of it is not handed on, however long a paced replay would take.
    if (this.signal?.aborted) return null;
    let failure = this.parser.resume();
    while (this.parser.paused) {
      await this.consumer.onPause?.();
      if (this.signal?.aborted) return null;
      failure = this.parser.resume();
    }
    return failure;
  }
}

async function* prepend(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}

async function* streamChunks(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer;
}

/** Chunks of their own, as a decompressor may still hold one when the next is read. */
async function* handleChunks(file: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_LENGTH);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return;
    yield chunk.subarray(0, bytesRead);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied: make it readable for this user',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory: name the files in it',
};

function unreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code !== undefined && REASONS[code]) || messageOf(error);
}
