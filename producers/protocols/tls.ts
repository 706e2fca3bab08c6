/** The server name in a TLS ClientHello: RFC 8446 section 4.1.2, RFC 6066 section 3. */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { putAbsent, putPrintableText, putProtocol } from './application-fields.js';
import { uint16 } from './bytes.js';

/** Content type of the record that a handshake starts with. */
export const TLS_HANDSHAKE = 0x16;
export const TLS_CHANGE_CIPHER_SPEC = 0x14;
/** The whole record. */
export const TLS_CHANGE_CIPHER_SPEC_LENGTH = 6;

const RECORD_VERSION = 1;
const VERSION_MAJOR = 3;
const HANDSHAKE_TYPE = 5;
const CLIENT_HELLO = 1;
const SESSION_ID = 43; // record 5, handshake 4, version 2, random 32
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_HEADER_LENGTH = 4;
const SERVER_NAME_TYPE = 2; // after the length of the list
const SERVER_NAME_LENGTH = 3;
const SERVER_NAME = 5;
const NAME_LENGTH_BYTES = 2;
const HOST_NAME = 0;

/** Gives the row an application when this is a handshake; whether it was one. */
export function peekTlsClientHello(
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): boolean {
  if (end - offset <= HANDSHAKE_TYPE || buffer[offset + RECORD_VERSION] !== VERSION_MAJOR) return false;
  const start = putProtocol(block, 'tls');
  const bytes = block.applications;
  const at = putAbsent(bytes, start, 2);
  const name = buffer[offset + HANDSHAKE_TYPE] === CLIENT_HELLO ? serverName(buffer, offset, end) : -1;
  const nameEnd =
    name < 0
      ? putAbsent(bytes, at, 1)
      : putPrintableText(bytes, at, buffer, name, name + uint16(buffer, name - NAME_LENGTH_BYTES));
  block.endApplication(row, putAbsent(bytes, nameEnd, 3));
  return true;
}

/** Whether these bytes are the begin of a ClientHello that holds the name of the server. */
export function hasServerName(buffer: Uint8Array, offset: number, end: number): boolean {
  if (end - offset <= HANDSHAKE_TYPE || buffer[offset] !== TLS_HANDSHAKE) return false;
  return buffer[offset + HANDSHAKE_TYPE] === CLIENT_HELLO && serverName(buffer, offset, end) >= 0;
}

/** Where the name starts, which lies whole before `end`; its length is in the two bytes before it. -1 without one. */
function serverName(buffer: Uint8Array, offset: number, end: number): number {
  let at = offset + SESSION_ID;
  if (at >= end) return -1;
  at += 1 + buffer[at]!;
  if (at + 2 > end) return -1;
  at += 2 + uint16(buffer, at); // cipher suites
  if (at >= end) return -1;
  at += 1 + buffer[at]!; // compression methods
  if (at + 2 > end) return -1;
  const extensionsEnd = Math.min(end, at + 2 + uint16(buffer, at));
  at += 2;
  while (at + EXTENSION_HEADER_LENGTH <= extensionsEnd) {
    const type = uint16(buffer, at);
    const length = uint16(buffer, at + 2);
    at += EXTENSION_HEADER_LENGTH;
    if (type === EXTENSION_SERVER_NAME) {
      const listEnd = Math.min(at + length, extensionsEnd);
      if (at + SERVER_NAME > listEnd || buffer[at + SERVER_NAME_TYPE] !== HOST_NAME) return -1;
      const nameEnd = at + SERVER_NAME + uint16(buffer, at + SERVER_NAME_LENGTH);
      return nameEnd > listEnd ? -1 : at + SERVER_NAME;
    }
    at += length;
  }
  return -1;
}
