/** The Host field of an HTTP/1 request, RFC 9112 sections 3 and 5 and RFC 9110 section 7.2. */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { putAbsent, putPrintableText, putProtocol } from './application-fields.js';

const METHODS = ['GET ', 'POST ', 'HEAD ', 'PUT ', 'DELETE ', 'OPTIONS ', 'PATCH ', 'CONNECT ', 'TRACE '].map(
  (method) => Buffer.from(method, 'latin1'),
);
const RESPONSE = Buffer.from('HTTP/1.', 'latin1');
const HOST = Buffer.from('host:', 'latin1');
/** How far to look for the field: tickets of Kerberos may stand before it. */
const HEADER_LENGTH_MAX = 8192;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

/** Gives the row an application when this begins a request or a response; whether it does. */
export function peekHttp(block: PacketBlock, row: number, buffer: Uint8Array, offset: number, end: number): boolean {
  if (startsWith(buffer, offset, end, RESPONSE)) {
    const at = putProtocol(block, 'http');
    block.endApplication(row, putAbsent(block.applications, at, 6));
    return true;
  }
  for (const method of METHODS) {
    if (!startsWith(buffer, offset, end, method)) continue;
    const start = putProtocol(block, 'http');
    const at = putAbsent(block.applications, start, 3);
    const hostEnd = putHost(block.applications, at, buffer, offset, Math.min(end, offset + HEADER_LENGTH_MAX));
    block.endApplication(row, putAbsent(block.applications, hostEnd, 2));
    return true;
  }
  return false;
}

function putHost(bytes: Buffer, start: number, buffer: Uint8Array, offset: number, end: number): number {
  for (let line = lineAfter(buffer, offset, end); line < end; line = lineAfter(buffer, line, end)) {
    if (buffer[line] === CARRIAGE_RETURN || buffer[line] === LINE_FEED) break; // end of the header
    if (!isHostField(buffer, line, end)) continue;
    let from = line + HOST.length;
    while (from < end && (buffer[from] === SPACE || buffer[from] === TAB)) from++;
    let to = from;
    while (to < end && buffer[to]! > SPACE) to++;
    if (to === end) break; // cut off: half a name is not a name
    return putPrintableText(bytes, start, buffer, from, to);
  }
  return putAbsent(bytes, start, 1);
}

function lineAfter(buffer: Uint8Array, from: number, end: number): number {
  let offset = from;
  while (offset < end && buffer[offset] !== LINE_FEED) offset++;
  return offset + 1;
}

function isHostField(buffer: Uint8Array, offset: number, end: number): boolean {
  if (end - offset < HOST.length) return false;
  for (let i = 0; i < HOST.length; i++) {
    const byte = buffer[offset + i]!;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== HOST[i]) return false;
  }
  return true;
}

function startsWith(buffer: Uint8Array, offset: number, end: number, expected: Uint8Array): boolean {
  if (end - offset < expected.length) return false;
  for (let i = 0; i < expected.length; i++) if (buffer[offset + i] !== expected[i]) return false;
  return true;
}
