/** The first question of a DNS message, RFC 1035 section 4.1; multicast DNS (RFC 6762) and LLMNR (RFC 4795) alike. */
import { putOptionalInt } from '../../schemas/packets/avro-bytes.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import {
  endText,
  isPrintable,
  putAbsent,
  putPrintable,
  putProtocol,
  startText,
  textLimit,
} from './application-fields.js';
import { uint16 } from './bytes.js';

export const DNS_PORT = 53;
export const MDNS_PORT = 5353;
export const LLMNR_PORT = 5355;

const QUESTION_COUNT = 4;
const HEADER_LENGTH = 12;
const LABEL_LENGTH_MAX = 63; // larger bytes are compression pointers, which a first question has no use for
const NAME_LENGTH_MAX = 255;
const TCP_LENGTH_PREFIX = 2;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Gives the row an application when there is a message; whether there was one. */
export function peekDns(block: PacketBlock, row: number, buffer: Uint8Array, offset: number, end: number): boolean {
  if (end - offset < HEADER_LENGTH) return false;
  let at = putProtocol(block, 'dns');
  const bytes = block.applications;
  const nameStart = offset + HEADER_LENGTH;
  const nameEnd = uint16(buffer, offset + QUESTION_COUNT) === 0 ? -1 : endOfName(buffer, nameStart, end);
  if (nameEnd < 0) at = putAbsent(bytes, at, 2);
  else {
    at = putName(bytes, at, buffer, nameStart, nameEnd);
    at = end - nameEnd >= 2 ? putOptionalInt(bytes, at, uint16(buffer, nameEnd)) : putAbsent(bytes, at, 1);
  }
  block.endApplication(row, putAbsent(bytes, at, 4));
  return true;
}

/** Where the name's last, empty label ends; -1 when it is cut off or no name. */
function endOfName(buffer: Uint8Array, start: number, end: number): number {
  let at = start;
  for (;;) {
    if (at >= end || at - start > NAME_LENGTH_MAX) return -1;
    const length = buffer[at++]!;
    if (length === 0) return at;
    if (length > LABEL_LENGTH_MAX || at + length > end) return -1;
    at += length;
  }
}

/** The labels with dots between them; the root alone is a dot. Cut at the longest text, within an escape too. */
function putName(bytes: Buffer, start: number, buffer: Uint8Array, nameStart: number, nameEnd: number): number {
  const textStart = startText(bytes, start);
  let at = textStart;
  let labelEnd = nameStart + 1 + buffer[nameStart]!;
  if (nameEnd - nameStart === 1) bytes[at++] = DOT;
  for (let from = nameStart + 1; from < nameEnd - 1; from++) {
    const byte = buffer[from]!;
    if (from === labelEnd) {
      bytes[at++] = DOT;
      labelEnd = from + 1 + byte;
    } else if (byte === DOT) {
      // A dot inside a label is not the one between labels.
      bytes[at] = BACKSLASH;
      bytes[at + 1] = DOT;
      at += 2;
    } else if (isPrintable(byte)) bytes[at++] = byte;
    else at = putPrintable(bytes, at, byte);
    if (at >= textLimit(textStart)) break;
  }
  return endText(bytes, textStart, Math.min(at, textLimit(textStart)));
}

/** A message in a segment of its own; the rest of a long one is not looked for. */
export function peekDnsOverTcp(
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): boolean {
  if (end - offset < TCP_LENGTH_PREFIX + HEADER_LENGTH) return false;
  if (uint16(buffer, offset) < HEADER_LENGTH) return false;
  return peekDns(block, row, buffer, offset + TCP_LENGTH_PREFIX, end);
}
