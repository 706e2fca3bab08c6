/**
 * Standard output as the place of a command's result. Everything written arrives or the command says that it did not:
 * a pipe takes 64 KiB at once and the rest when its reader comes to it, a disk fills up in the middle of a write, and a reader
 * may leave before the end. `process.stdout` alone says none of this to a process that ends with `process.exit()`, and of
 * a short write to a file it says nothing at all.
 */
import { createWriteStream, fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { Failure, messageOf } from './failure.js';

const STANDARD_OUTPUT = 1;

/** What a shell reports of a program that SIGPIPE ended: its reader left before the end, which is no error of the program. */
export const EXIT_READER_GONE = 141;
/** The code of the Failure for that case, which is not worth a line. */
export const READER_GONE = 'OUTPUT_READER_GONE';

export class StandardOutput {
  private opened: Writable | undefined;
  private broken: NodeJS.ErrnoException | undefined;
  private holdsResult = false;

  /** @param open makes the stream, at the first write. */
  constructor(private readonly open: () => Writable = openStandardOutput) {}

  /** Whether something that was written is known to be lost. */
  get failed(): boolean {
    return this.broken !== undefined && this.holdsResult;
  }

  /** For what takes a stream. What is written to it is part of the result. */
  get stream(): Writable {
    this.holdsResult = true;
    return this.target();
  }

  /**
   * Writes a part of the result. A promise only when the reader is behind: it resolves when more may be written, and who
   * waits for it keeps no more in memory than a stream's buffer.
   *
   * @throws Failure as `finish` does, when an earlier write has failed.
   */
  write(text: string | Buffer): void | Promise<void> {
    this.holdsResult = true;
    if (this.broken !== undefined) throw describeFailure(this.broken);
    const stream = this.target();
    if (stream.write(text)) return;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        stream.off('drain', settle).off('error', settle);
        if (this.broken === undefined) resolve();
        else reject(describeFailure(this.broken));
      };
      stream.once('drain', settle).once('error', settle);
    });
  }

  /** Writes what is no result, the progress of a run: that nobody reads it any more must not end the run. */
  offer(text: string): void {
    if (this.broken === undefined) this.target().write(text);
  }

  /**
   * Resolves when everything has been taken.
   *
   * @throws Failure `OUTPUT_READER_GONE` when the reader closed its end first, `OUTPUT` when the result cannot be written.
   */
  async finish(): Promise<void> {
    const stream = this.opened;
    if (stream === undefined) return;
    if (this.broken === undefined) await taken(stream);
    if (this.failed) throw describeFailure(this.broken!);
  }

  private target(): Writable {
    if (this.opened === undefined) {
      this.opened = this.open();
      this.opened.on('error', (error) => {
        this.broken ??= error;
      });
    }
    return this.opened;
  }
}

/** Resolves when a stream has taken everything, or has failed. */
export function taken(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => setImmediate(resolve)); // the event of an error comes after the answer to the write
  });
}

/** A file is written by a stream that goes on after a short write, as `process.stdout` does not. */
function openStandardOutput(): Writable {
  const status = fstatSync(STANDARD_OUTPUT);
  const isFile = status.isFile() || (status.isCharacterDevice() && !isatty(STANDARD_OUTPUT));
  return isFile ? createWriteStream('', { fd: STANDARD_OUTPUT, autoClose: false }) : process.stdout;
}

function describeFailure(error: NodeJS.ErrnoException): Failure {
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET')
    return new Failure(READER_GONE, 'the reader of standard output has left', { cause: error });
  return new Failure(
    'OUTPUT',
    `standard output cannot be written: ${messageOf(error)}; what was printed is incomplete: free some room, or send it elsewhere`,
    { cause: error },
  );
}

let shared: StandardOutput | undefined;

/** That of this process. */
export function standardOutput(): StandardOutput {
  shared ??= new StandardOutput();
  return shared;
}
