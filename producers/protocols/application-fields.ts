/**
 * Fields of the application layer, written into the block as packet-batch-1.avsc encodes them, without a string or an
 * object on the way: making those took a quarter of decoding. They come from strangers: length and characters are held to
 * what is safe.
 */
import { APPLICATION_PROTOCOLS, APPLICATION_STRING_MAX } from '../../schemas/packets/application.js';
import { putInt } from '../../schemas/packets/avro-bytes.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';

const ABSENT = 0;
const PRESENT = 2;
const BACKSLASH = 0x5c;
const DIGIT_ZERO = 0x30;

/** Writes the protocol, with which an application begins, at `block.applicationsLength`; returns where it ends. */
export function putProtocol(block: PacketBlock, protocol: (typeof APPLICATION_PROTOCOLS)[number]): number {
  return putInt(block.reserveApplication(), block.applicationsLength, APPLICATION_PROTOCOLS.indexOf(protocol));
}

/** Writes so many fields that are absent. */
export function putAbsent(bytes: Buffer, start: number, fields: number): number {
  for (let at = start; at < start + fields; at++) bytes[at] = ABSENT;
  return start + fields;
}

/**
 * A text is written from where this says on, character by character, up to `textLimit` at most, and ended by `endText`.
 */
export function startText(bytes: Buffer, start: number): number {
  bytes[start] = PRESENT;
  return start + 2;
}

export function textLimit(textStart: number): number {
  return textStart + APPLICATION_STRING_MAX;
}

/** Writes the length before the text; that of a long one takes two bytes, so it moves. */
export function endText(bytes: Buffer, textStart: number, textEnd: number): number {
  const length = textEnd - textStart;
  if (length > 0x3f) bytes.copyWithin(textStart + 1, textStart, textEnd);
  return putInt(bytes, textStart - 1, length) + length;
}

/** Writes bytes `from … to - 1` as a text of whole characters and escapes. */
export function putPrintableText(bytes: Buffer, start: number, buffer: Uint8Array, from: number, to: number): number {
  const textStart = startText(bytes, start);
  const limit = textLimit(textStart);
  let at = textStart;
  for (let offset = from; offset < to; offset++) {
    const byte = buffer[offset]!;
    if (at + (isPrintable(byte) ? 1 : ESCAPE_LENGTH) > limit) break;
    at = putPrintable(bytes, at, byte);
  }
  return endText(bytes, textStart, at);
}

const ESCAPE_LENGTH = 4;

export function isPrintable(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f && byte !== BACKSLASH;
}

/** One byte as RFC 1035 section 5.1 writes it: `\DDD` in decimal unless it is printable ASCII. */
export function putPrintable(bytes: Buffer, at: number, byte: number): number {
  if (isPrintable(byte)) {
    bytes[at] = byte;
    return at + 1;
  }
  bytes[at] = BACKSLASH;
  bytes[at + 1] = DIGIT_ZERO + Math.floor(byte / 100);
  bytes[at + 2] = DIGIT_ZERO + (Math.floor(byte / 10) % 10);
  bytes[at + 3] = DIGIT_ZERO + (byte % 10);
  return at + ESCAPE_LENGTH;
}
