/**
 * What the parsers of the two formats have in common. A format reads as many whole records as a span of bytes holds;
 * the capture parser cuts the stream into such spans.
 */
import type { CaptureFailureCode } from './failure.js';

/**
 * The longest frame taken, as libpcap limits it for everything but USB and D-Bus (MAXIMUM_SNAPLEN). A record that
 * claims more is garbage; believing it would mean to wait for bytes that never come.
 */
export const FRAME_LENGTH_MAX = 262144;

export interface RecordFormat {
  /**
   * Reads whole records of `buffer[start … end - 1]` and hands them on. Returns where the first record begins that is
   * not whole. Then `needed` is how many bytes from there must be given next time, more than there were; or `skip`
   * how many bytes from there are of no interest; or `fault` why nothing more can be read.
   */
  read(buffer: Uint8Array, start: number, end: number): number;
  readonly needed: number;
  /** The caller sets it back to 0. */
  skip: number;
  readonly fault: RecordFault | null;
  /** Frames handed on so far. */
  readonly frames: number;
  /** Stops `read` after the record at hand. */
  paused: boolean;
}

export interface RecordFault {
  readonly code: CaptureFailureCode;
  readonly message: string;
}
