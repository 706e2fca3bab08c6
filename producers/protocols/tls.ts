/** The server name in a TLS ClientHello: RFC 8446 section 4.1.2, RFC 6066 section 3. */
import type { Application } from '../../schemas/packet-block.js';
import { NO_FIELDS, printableText } from './application-fields.js';
import { uint16 } from './bytes.js';

/** Content type of the record that a handshake starts with. */
export const TLS_HANDSHAKE = 0x16;

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
const HOST_NAME = 0;

export function peekTlsClientHello(buffer: Uint8Array, offset: number, end: number): Application | null {
  if (end - offset <= HANDSHAKE_TYPE || buffer[offset + RECORD_VERSION] !== VERSION_MAJOR) return null;
  const tlsServerName = buffer[offset + HANDSHAKE_TYPE] === CLIENT_HELLO ? serverName(buffer, offset, end) : null;
  return { ...NO_FIELDS, protocol: 'tls', tlsServerName };
}

function serverName(buffer: Uint8Array, offset: number, end: number): string | null {
  let at = offset + SESSION_ID;
  if (at >= end) return null;
  at += 1 + buffer[at]!;
  if (at + 2 > end) return null;
  at += 2 + uint16(buffer, at); // cipher suites
  if (at >= end) return null;
  at += 1 + buffer[at]!; // compression methods
  if (at + 2 > end) return null;
  const extensionsEnd = Math.min(end, at + 2 + uint16(buffer, at));
  at += 2;
  while (at + EXTENSION_HEADER_LENGTH <= extensionsEnd) {
    const type = uint16(buffer, at);
    const length = uint16(buffer, at + 2);
    at += EXTENSION_HEADER_LENGTH;
    if (type === EXTENSION_SERVER_NAME) {
      const listEnd = Math.min(at + length, extensionsEnd);
      if (at + SERVER_NAME > listEnd || buffer[at + SERVER_NAME_TYPE] !== HOST_NAME) return null;
      const nameEnd = at + SERVER_NAME + uint16(buffer, at + SERVER_NAME_LENGTH);
      return nameEnd > listEnd ? null : printableText(buffer, at + SERVER_NAME, nameEnd);
    }
    at += length;
  }
  return null;
}
