/**
 * Captures in chunks, as files, standard input and the live engine's pipe give them, to frames. Frames within a chunk
 * are handed on where they lie; only one that straddles two chunks is put together in a buffer of the parser's own.
 */
import type { CaptureFailure } from './failure.js';
import { foreignFormat } from './foreign-format.js';
import type { FrameHandler } from './frame-handler.js';
import { PcapFormat, pcapByteOrder } from './pcap.js';
import { isPcapng, PcapngFormat } from './pcapng.js';
import type { RecordFormat } from './record-format.js';

/** Enough to tell the formats apart. */
const MAGIC_LENGTH = 12;
const STRADDLING_LENGTH = 64 * 1024;

export class CaptureParser {
  private readonly handler: FrameHandler;
  private format: RecordFormat | null = null;
  private failure: CaptureFailure | null = null;
  /** The begin of a record whose rest has not come yet; `straddlingLength` bytes of it. */
  private straddling: Buffer = Buffer.allocUnsafe(STRADDLING_LENGTH);
  private straddlingLength = 0;
  /** Bytes still to be passed over. */
  private skip = 0;
  /** The rest of a chunk in which the parser was paused. */
  private chunk: Buffer | null = null;
  private chunkOffset = 0;
  /** Bytes of the stream before `straddling`, or before the rest of the chunk. */
  private streamOffset = 0;

  constructor(handler: FrameHandler) {
    this.handler = handler;
  }

  get frames(): number {
    return this.format?.frames ?? 0;
  }

  /** Whether a pause was asked for: `resume` comes before the next `push`. */
  get paused(): boolean {
    return this.chunk !== null;
  }

  /** To be called by the handler within `onFrame`: nothing more is handed on before `resume`. */
  pause(): void {
    if (this.format !== null) this.format.paused = true;
  }

  /**
   * Hands on the frames that are whole now. The chunk is the caller's again when the call returns (when paused: after
   * the last `resume`). After a failure everything is ignored and the failure is returned again.
   */
  push(chunk: Uint8Array): CaptureFailure | null {
    if (this.failure !== null) return this.failure;
    // One class of array for the decoders: loads from a mix of Uint8Array and Buffer are slower.
    this.chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.chunkOffset = 0;
    return this.resume();
  }

  /** Goes on with the rest of the chunk. */
  resume(): CaptureFailure | null {
    const chunk = this.chunk;
    if (chunk === null) return this.failure;
    if (this.format !== null) this.format.paused = false;
    while (this.failure === null && this.chunkOffset < chunk.length) {
      if (this.skip > 0) this.passOver(chunk);
      else if (this.straddlingLength > 0) this.completeStraddling(chunk);
      else this.readChunk(chunk);
      if (this.format?.paused) return this.failure;
    }
    this.chunk = null;
    return this.failure;
  }

  /** The stream is over. A failure when it ended inside a record, or before there was anything. */
  end(): CaptureFailure | null {
    if (this.failure !== null) return this.failure;
    if (this.format === null) {
      if (this.straddlingLength === 0) return this.fail('not_a_capture', 'not a capture file: it is empty');
      if (this.straddlingLength < 4 || pcapByteOrder(this.straddling, 0) === null) {
        return this.fail('not_a_capture', notACapture(this.straddling, this.straddlingLength));
      }
    }
    if (this.straddlingLength === 0 && this.skip === 0) return null;
    const where = this.frames === 0 ? 'before the first packet' : `after packet ${this.frames}`;
    return this.fail('truncated', `the capture is cut off ${where}; what comes before was read`);
  }

  private readChunk(chunk: Buffer): void {
    const start = this.chunkOffset;
    const next = this.read(chunk, start, chunk.length);
    this.streamOffset += next - start;
    this.chunkOffset = next;
    if (this.takeFault() || this.format?.paused) return;
    if (this.takeSkip()) return;
    const rest = chunk.length - next;
    if (rest > 0) this.keep(chunk, rest);
  }

  /** Moves bytes of the chunk behind the begin of the record until it is whole, and reads it. */
  private completeStraddling(chunk: Buffer): void {
    const needed = this.format?.needed ?? MAGIC_LENGTH;
    this.keep(chunk, Math.min(needed - this.straddlingLength, chunk.length - this.chunkOffset));
    if (this.straddlingLength < needed) return;
    const read = this.read(this.straddling, 0, this.straddlingLength);
    this.streamOffset += read;
    if (read > 0 && read < this.straddlingLength) this.straddling.copyWithin(0, read, this.straddlingLength);
    this.straddlingLength -= read;
    if (!this.takeFault()) this.takeSkip();
  }

  private read(buffer: Buffer, start: number, end: number): number {
    if (this.format === null) {
      if (end - start < MAGIC_LENGTH) return start;
      if (pcapByteOrder(buffer, start) !== null) this.format = new PcapFormat(this.handler, buffer, start);
      else if (isPcapng(buffer, start)) this.format = new PcapngFormat(this.handler);
      else {
        const bytes = buffer.subarray(start, end);
        const foreign = foreignFormat(bytes);
        if (foreign !== null) this.fail('format_unsupported', foreign);
        else this.fail('not_a_capture', notACapture(bytes, bytes.length));
        return start;
      }
    }
    const next = this.format.read(buffer, start, end);
    this.handler.onFramesRead?.();
    return next;
  }

  private keep(chunk: Buffer, length: number): void {
    const total = this.straddlingLength + length;
    if (total > this.straddling.length) {
      const larger = Buffer.allocUnsafe(Math.max(total, this.format?.needed ?? 0));
      this.straddling.copy(larger, 0, 0, this.straddlingLength);
      this.straddling = larger;
    }
    chunk.copy(this.straddling, this.straddlingLength, this.chunkOffset, this.chunkOffset + length);
    this.straddlingLength = total;
    this.chunkOffset += length;
  }

  private takeSkip(): boolean {
    if (this.format === null || this.format.skip === 0) return false;
    this.skip = this.format.skip;
    this.format.skip = 0;
    const kept = Math.min(this.skip, this.straddlingLength);
    this.straddling.copyWithin(0, kept, this.straddlingLength);
    this.straddlingLength -= kept;
    this.skip -= kept;
    this.streamOffset += kept;
    return true;
  }

  private passOver(chunk: Buffer): void {
    const length = Math.min(this.skip, chunk.length - this.chunkOffset);
    this.skip -= length;
    this.chunkOffset += length;
    this.streamOffset += length;
  }

  private takeFault(): boolean {
    const fault = this.format?.fault ?? null;
    if (fault !== null) this.fail(fault.code, `${fault.message} (at byte ${this.streamOffset})`);
    return this.failure !== null;
  }

  private fail(code: CaptureFailure['code'], message: string): CaptureFailure {
    this.failure = { code, message, offset: this.streamOffset, frames: this.frames };
    return this.failure;
  }
}

function notACapture(bytes: Uint8Array, length: number): string {
  const start = Buffer.from(bytes.subarray(0, Math.min(length, 8)));
  const text = /^[\x20-\x7e]+$/.test(start.toString('latin1')) ? ` ("${start.toString('latin1')}")` : '';
  const hex = start.toString('hex').replace(/(..)(?=.)/g, '$1 ');
  return `not a capture file: it starts with ${hex}${text}; pcap and pcapng can be read, also with gzip`;
}
