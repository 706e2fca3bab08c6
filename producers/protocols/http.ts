/** The Host field of an HTTP/1 request, RFC 9112 sections 3 and 5 and RFC 9110 section 7.2. */
import type { Application } from '../../schemas/packet-block.js';
import { NO_FIELDS, printableText } from './application-fields.js';

const METHODS = ['GET ', 'POST ', 'HEAD ', 'PUT ', 'DELETE ', 'OPTIONS ', 'PATCH ', 'CONNECT ', 'TRACE '].map(
  (method) => Buffer.from(method, 'latin1'),
);
const RESPONSE = Buffer.from('HTTP/1.', 'latin1');
const HOST = Buffer.from('host:', 'latin1');
/** How far to look for the field. */
const HEADER_LENGTH_MAX = 2048;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

export function peekHttp(buffer: Uint8Array, offset: number, end: number): Application | null {
  if (startsWith(buffer, offset, end, RESPONSE)) return { ...NO_FIELDS, protocol: 'http' };
  for (const method of METHODS) {
    if (startsWith(buffer, offset, end, method)) {
      const limit = Math.min(end, offset + HEADER_LENGTH_MAX);
      return { ...NO_FIELDS, protocol: 'http', httpHost: host(buffer, offset, limit) };
    }
  }
  return null;
}

function host(buffer: Uint8Array, offset: number, end: number): string | null {
  for (let line = lineAfter(buffer, offset, end); line < end; line = lineAfter(buffer, line, end)) {
    if (buffer[line] === CARRIAGE_RETURN || buffer[line] === LINE_FEED) return null; // end of the header
    if (!isHostField(buffer, line, end)) continue;
    let from = line + HOST.length;
    while (from < end && (buffer[from] === SPACE || buffer[from] === TAB)) from++;
    let to = from;
    while (to < end && buffer[to]! > SPACE) to++;
    return to === end ? null : printableText(buffer, from, to); // cut off: half a name is not a name
  }
  return null;
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
