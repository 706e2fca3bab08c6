/**
 * The memory of records, a flush at a time, used again once nothing more comes of any of them: acknowledged, refused or in
 * the spool. Allocated anew for every flush it cost V8, which counts such memory, a walk of the heap for every second one,
 * and the kernel as many pages. What is never given back is left to the garbage collector.
 */

import type { Memory } from './copy-run.js';

/** Less is not worth keeping, bytes. */
const KEPT_BYTES_MIN = 256 * 1024;
/** All that is kept while nobody uses it, bytes. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** In the hands of whoever takes it, and of everyone it is shared with. */
export class FlushMemory implements Memory {
  private holders = 1;
  readonly view: DataView;

  constructor(
    readonly bytes: Buffer,
    private readonly pool: FlushMemoryPool,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  share(): void {
    this.holders++;
  }

  /** To be called once for each `share`, and once by who took it; after the last call the bytes are others'. */
  release(): void {
    if (--this.holders === 0) this.pool.give(this.bytes);
  }
}

export class FlushMemoryPool {
  private readonly kept: Buffer[] = [];
  private keptBytes = 0;

  /** At least `length` bytes, of any content. */
  take(length: number): FlushMemory {
    const index = this.kept.findIndex((bytes) => bytes.length >= length);
    if (index < 0 || length < KEPT_BYTES_MIN) return new FlushMemory(Buffer.allocUnsafeSlow(roomFor(length)), this);
    const [bytes] = this.kept.splice(index, 1);
    this.keptBytes -= bytes!.length;
    return new FlushMemory(bytes!, this);
  }

  give(bytes: Buffer): void {
    if (bytes.length < KEPT_BYTES_MIN || this.keptBytes + bytes.length > KEPT_BYTES_MAX) return;
    this.kept.push(bytes);
    this.keptBytes += bytes.length;
  }
}

/** Up to a quarter more, so that it also holds a next flush that is somewhat larger. */
function roomFor(length: number): number {
  if (length < KEPT_BYTES_MIN) return length;
  const step = 2 ** (Math.floor(Math.log2(length)) - 2);
  return Math.ceil(length / step + 0.5) * step;
}
