/**
 * Avro's binary encoding of numbers, bytes and strings (Avro 1.11 specification, "Binary Encoding"), as the packet
 * codec needs it: writing returns the next position, reading keeps one, and neither throws. A reader that meets the
 * end of its bytes or an impossible value notes the first fault and answers zeros from there on, so that a caller
 * checks once a packet instead of once a field.
 */

/** Longest encoding of a `long`, bytes. */
export const LONG_BYTES_MAX = 10;

/** Writes an `int` or a `long` that fits 31 bits. */
export function putInt(bytes: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  while (zigzag > 0x7f) {
    bytes[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  bytes[at++] = zigzag;
  return at;
}

/** Writes the union of null and an `int`. */
export function putOptionalInt(bytes: Uint8Array, at: number, value: number | null): number {
  return value === null ? putInt(bytes, at, 0) : putInt(bytes, putInt(bytes, at, 1), value);
}

/** Writes a `long` that is an unsigned 32-bit number. */
export function putUnsigned32(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 6;
  if (rest === 0) {
    bytes[at++] = value << 1;
    return at;
  }
  bytes[at++] = ((value & 0x3f) << 1) | 0x80;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Writes a `long`; a value that a double cannot hold exactly becomes the nearest one that it can. */
export function putLong(bytes: Uint8Array, at: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return putInt(bytes, at, value);
  const safe = value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Math.max(value, Number.MIN_SAFE_INTEGER);
  // The zigzag number itself can pass 2^53, so its lowest seven bits are made first and the rest stays exact.
  const magnitude = safe < 0 ? -safe - 1 : safe;
  bytes[at++] = ((magnitude & 0x3f) << 1) | (safe < 0 ? 1 : 0) | 0x80;
  let rest = Math.floor(magnitude / 64);
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** Writes `bytes`: the length, then the bytes. */
export function putBytes(bytes: Uint8Array, at: number, value: Uint8Array): number {
  const from = putInt(bytes, at, value.length);
  bytes.set(value, from);
  return from + value.length;
}

/** Strings of so many characters have a length of one byte, and are written faster by a loop than by a call. */
const SHORT_STRING_MAX = 63;

/** Writes a `string`, cut to `limit` bytes of UTF-8 at a character's edge. */
export function putString(bytes: Buffer, at: number, text: string, limit: number): number {
  if (text.length <= SHORT_STRING_MAX && text.length <= limit) {
    const end = putAscii(bytes, at + 1, text);
    if (end >= 0) {
      bytes[at] = text.length << 1;
      return end;
    }
  }
  let length = Buffer.byteLength(text);
  let cut = text;
  if (length > limit) {
    cut = cutUtf8(text, limit);
    length = Buffer.byteLength(cut);
  }
  const from = putInt(bytes, at, length);
  bytes.write(cut, from, 'utf8');
  return from + length;
}

/** Writes characters of ASCII and returns where they end; -1 when there are others. */
function putAscii(bytes: Uint8Array, start: number, text: string): number {
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const character = text.charCodeAt(i);
    if (character > 0x7f) return -1;
    bytes[start + i] = character;
  }
  return start + length;
}

function cutUtf8(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  let end = limit;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** What a reader met first that it could not read. */
export type AvroFault = 'truncated' | 'invalid';

export class AvroReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  /** Where the bytes end. */
  end = 0;
  fault: AvroFault | null = null;

  reset(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes;
    this.at = from;
    this.end = to;
    this.fault = null;
  }

  fail(fault: AvroFault): number {
    this.fault ??= fault;
    this.at = this.end;
    return 0;
  }

  /** An `int`, or a `long` that has to fit one. */
  int(): number {
    if (this.at >= this.end) return this.fail('truncated');
    const first = this.bytes[this.at++]!;
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    return this.intTail(first);
  }

  private intTail(first: number): number {
    let zigzag = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      if (this.at >= this.end) return this.fail('truncated');
      const byte = this.bytes[this.at++]!;
      if (shift === 28 && byte > 0x0f) return this.fail('invalid');
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    return this.fail('invalid');
  }

  /** An `int` that has to be an unsigned 16-bit number. */
  unsigned16(): number {
    const value = this.int();
    return value >>> 16 === 0 ? value : this.fail('invalid');
  }

  /** The union of null and an `int` that has to be an unsigned 16-bit number. */
  optionalUnsigned16(): number | null {
    return this.some() ? this.unsigned16() : null;
  }

  /** A `long` that has to be an unsigned 32-bit number. */
  unsigned32(): number {
    if (this.at >= this.end) return this.fail('truncated');
    const first = this.bytes[this.at++]!;
    if ((first & 1) !== 0) return this.fail('invalid');
    let value = (first & 0x7e) >>> 1;
    if (first < 0x80) return value;
    for (let shift = 6; shift < 34; shift += 7) {
      if (this.at >= this.end) return this.fail('truncated');
      const byte = this.bytes[this.at++]!;
      if (shift === 27 && byte > 0x1f) return this.fail('invalid');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return this.fail('invalid');
  }

  /** A `long` that a double holds exactly. */
  long(): number {
    if (this.at >= this.end) return this.fail('truncated');
    const first = this.bytes[this.at++]!;
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    return this.longTail(first);
  }

  private longTail(first: number): number {
    let magnitude = (first & 0x7e) >>> 1;
    let scale = 64;
    for (;;) {
      if (this.at >= this.end) return this.fail('truncated');
      const byte = this.bytes[this.at++]!;
      magnitude += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale > 2 ** 62) return this.fail('invalid');
    }
    if (magnitude > Number.MAX_SAFE_INTEGER) return this.fail('invalid');
    return (first & 1) === 0 ? magnitude : -magnitude - 1;
  }

  /** Four bytes at `at`, which has to be within, as an unsigned number. */
  word(at: number): number {
    const { bytes } = this;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  /** Moves past `length` bytes and returns where they start; 0 with a fault when there are fewer. */
  skip(length: number): number {
    if (length < 0) return this.fail('invalid');
    if (length > this.end - this.at) return this.fail('truncated');
    const from = this.at;
    this.at = from + length;
    return from;
  }

  /** A copy of `bytes` of at most `limit`. */
  copy(limit: number): Uint8Array {
    const length = this.int();
    if (length > limit) this.fail('invalid');
    const from = this.skip(length);
    return this.fault === null ? new Uint8Array(this.bytes.subarray(from, from + length)) : EMPTY;
  }

  /** A `string` of at most `limit` bytes of UTF-8. */
  string(limit: number): string {
    const length = this.int();
    if (length > limit) this.fail('invalid');
    const from = this.skip(length);
    return this.fault === null ? textOf(this.bytes, from, length) : '';
  }

  boolean(): boolean {
    const at = this.skip(1);
    const byte = this.fault === null ? this.bytes[at]! : 0;
    if (byte > 1) this.fail('invalid');
    return byte === 1;
  }

  /** The number of items of the next block of an array or map, whose items take `bytesMin` each at least; 0 at the end. */
  blockCount(bytesMin: number): number {
    // Nearly all arrays are empty, or short and of one block.
    const first = this.at < this.end ? this.bytes[this.at]! : 1;
    if ((first & 0x81) === 0 && (first >>> 1) * bytesMin < this.end - this.at) {
      this.at++;
      return first >>> 1;
    }
    let count = this.long();
    if (count < 0) {
      // The size in bytes follows.
      count = -count;
      this.long();
    }
    if (this.fault === null && count * bytesMin > this.end - this.at) return this.fail('truncated');
    return this.fault === null ? count : 0;
  }

  /** Whether a `["null", X]` union holds its X. */
  some(): boolean {
    const branch = this.int();
    if (branch >>> 0 > 1) this.fail('invalid');
    return branch === 1;
  }
}

const EMPTY = new Uint8Array(0);

/** Longest text that is remembered, bytes, and how many are. */
const KNOWN_BYTES_MAX = 40;
const KNOWN_TEXTS = 4096;

/**
 * Texts of ASCII that were read, by a hash of their bytes, the last of each. Histories, services and names recur from record to
 * record; to find one takes a fifth of the time that making it anew does, and leaves no garbage.
 */
const knownTexts: string[] = Array.from({ length: KNOWN_TEXTS }, () => '');

/** The text of these bytes of UTF-8. */
export function textOf(bytes: Buffer, from: number, length: number): string {
  if (length > KNOWN_BYTES_MAX) return bytes.toString('utf8', from, from + length);
  const end = from + length;
  let hash = length;
  let all = 0;
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!;
    all |= byte;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  if (all >= 0x80) return bytes.toString('utf8', from, end);
  const entry = (hash ^ (hash >>> 15)) & (KNOWN_TEXTS - 1);
  const known = knownTexts[entry]!;
  if (isText(known, bytes, from, length)) return known;
  const text = bytes.toString('latin1', from, end);
  knownTexts[entry] = text;
  return text;
}

function isText(text: string, bytes: Buffer, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) !== bytes[from + index]) return false;
  return true;
}
