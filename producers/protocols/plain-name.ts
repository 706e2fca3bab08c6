/** Names of DNS (RFC 1035 section 3.1) as nearly all are: whole, uncompressed, of bytes that stand for themselves. */
import { latin1 } from './service/text.js';

const LABEL_LENGTH_MAX = 63;
const NAME_LENGTH_MAX = 255;
const HYPHEN = 0x2d;
const TILDE = 0x7e;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const CASE = 0x20;

/** Where a name is put together. */
const text = new Uint8Array(NAME_LENGTH_MAX);

/**
 * Where the name at `start` ends, behind its empty label; 0 when it is none of these names, or the root. `plainName` is its text then.
 *
 * @param lower whether letters are wanted in lower case
 */
export function endOfPlainName(buffer: Uint8Array, start: number, end: number, lower: boolean): number {
  let labelEnd = start;
  for (let at = start; at < end && at - start < NAME_LENGTH_MAX; at++) {
    const byte = buffer[at]!;
    if (at === labelEnd) {
      if (byte === 0) return at > start ? at + 1 : 0;
      if (byte > LABEL_LENGTH_MAX) return 0;
      labelEnd = at + 1 + byte;
      if (at > start) text[at - start - 1] = DOT;
    } else if (byte < HYPHEN || byte > TILDE || byte === DOT || byte === BACKSLASH) return 0;
    else text[at - start - 1] = lower && byte >= 0x41 && byte <= 0x5a ? byte + CASE : byte;
  }
  return 0;
}

/** The text of the name that `endOfPlainName` found last. */
export function plainName(start: number, end: number): string {
  return latin1(text, 0, end - start - 2, NAME_LENGTH_MAX);
}
