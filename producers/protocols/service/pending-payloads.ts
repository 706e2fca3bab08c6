/**
 * Messages whose begin waits for the next payload of the conversation: a fixed number of places, each named by a number
 * that goes into the conversation's state. A place that was needed by another conversation since is gone, and so is
 * what waited in it.
 */

/** A power of two. */
const PLACES = 64;
const PLACE_BITS = 6;
/** How often a place was taken, so that who had it before does not take it for its own. */
const GENERATIONS = 63;
/** Bits of a handle; none is 0. */
export const HANDLE_BITS = 12;
export const HANDLE_MASK: number = (1 << HANDLE_BITS) - 1;

/** Of one message. */
export const PENDING_LENGTH_MAX = 4096;

export class PendingPayloads {
  private readonly bytes: (Buffer | undefined)[] = new Array(PLACES).fill(undefined);
  private readonly lengths = new Uint16Array(PLACES);
  private readonly generations = new Uint8Array(PLACES);
  private next = 0;

  /** Keeps a copy of `start … end - 1`; returns its handle, 0 when it is too long. */
  keep(buffer: Uint8Array, start: number, end: number): number {
    if (end - start > PENDING_LENGTH_MAX) return 0;
    const place = this.next;
    this.next = (place + 1) & (PLACES - 1);
    const bytes = this.bytes[place] ?? Buffer.alloc(PENDING_LENGTH_MAX);
    this.bytes[place] = bytes;
    bytes.set(buffer.subarray(start, end));
    this.lengths[place] = end - start;
    this.generations[place] = (this.generations[place]! % GENERATIONS) + 1;
    return (this.generations[place]! << PLACE_BITS) | place;
  }

  /** What waits behind a handle with these bytes after it; null when it is gone. The bytes are there until the next call. */
  join(handle: number, buffer: Uint8Array, start: number, end: number): Buffer | null {
    const place = handle & (PLACES - 1);
    if (handle === 0 || this.generations[place] !== handle >> PLACE_BITS) return null;
    const bytes = this.bytes[place]!;
    const begun = this.lengths[place]!;
    const length = Math.min(begun + end - start, PENDING_LENGTH_MAX);
    bytes.set(buffer.subarray(start, start + length - begun), begun);
    this.lengths[place] = length;
    return bytes.subarray(0, length);
  }
}
