/** A TLS ClientHello, RFC 8446 section 4.1.2, as TLS records and QUIC's CRYPTO frames carry it: what JA4 and names are made of. */
import { uint16, uint24 } from '../bytes.js';
import { SERVICE_NAME_LENGTH_MAX, SERVICE_TOKEN_LENGTH_MAX } from './service-facts.js';
import { printable } from './text.js';

const HANDSHAKE_CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_LENGTH = 4;
const VERSION = 4;
const SESSION_ID = 38; // header, version, random

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_SIGNATURE_ALGORITHMS = 13;
const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const HOST_NAME = 0;
/** Lists longer than any client's are cut: each costs memory and a sort. */
const LIST_LENGTH_MAX = 512;

export interface ClientHello {
  /** The highest of the supported versions, or the one in the header; GREASE apart. */
  version: number;
  /** In the order sent, without GREASE (RFC 8701). */
  readonly ciphers: number[];
  readonly extensions: number[];
  readonly signatureAlgorithms: number[];
  serverName: string | null;
  hasServerName: boolean;
  /** The first protocol: the bytes as they are, and as text. */
  alpnBytes: Uint8Array | null;
  alpn: string | null;
  /** Whether all of it was there to read. */
  isWhole: boolean;
}

/** Reads the handshake message at `start`; null when it is no ClientHello. What is cut off is left out. */
export function readClientHello(buffer: Uint8Array, start: number, end: number): ClientHello | null {
  if (end - start < SESSION_ID || buffer[start] !== HANDSHAKE_CLIENT_HELLO) return null;
  const hello: ClientHello = {
    version: uint16(buffer, start + VERSION),
    ciphers: [],
    extensions: [],
    signatureAlgorithms: [],
    serverName: null,
    hasServerName: false,
    alpnBytes: null,
    alpn: null,
    isWhole: false,
  };
  const messageEnd = start + HANDSHAKE_HEADER_LENGTH + uint24(buffer, start + 1);
  const limit = Math.min(messageEnd, end);
  let at = start + SESSION_ID;
  if (at >= limit) return hello;
  at += 1 + buffer[at]!;
  if (at + 2 > limit) return hello;
  const ciphersEnd = at + 2 + uint16(buffer, at);
  readList(buffer, at + 2, Math.min(ciphersEnd, limit), hello.ciphers);
  at = ciphersEnd;
  if (at >= limit) return hello;
  at += 1 + buffer[at]!; // compression methods
  if (at === messageEnd && messageEnd <= end) hello.isWhole = true; // SSL 3.0 has no extensions
  if (at + 2 > limit) return hello;
  const extensionsEnd = at + 2 + uint16(buffer, at);
  hello.isWhole = readExtensions(buffer, at + 2, Math.min(extensionsEnd, limit), hello) && extensionsEnd <= limit;
  return hello;
}

/** Whether the extensions filled their list to its last byte. */
function readExtensions(buffer: Uint8Array, start: number, end: number, hello: ClientHello): boolean {
  let at = start;
  while (at + 4 <= end) {
    const type = uint16(buffer, at);
    const value = at + 4;
    const next = value + uint16(buffer, at + 2);
    if (!isGrease(type) && hello.extensions.length < LIST_LENGTH_MAX) hello.extensions.push(type);
    readExtension(buffer, value, Math.min(next, end), type, hello, next <= end);
    at = next;
  }
  return at === end;
}

function readExtension(
  buffer: Uint8Array,
  value: number,
  end: number,
  type: number,
  hello: ClientHello,
  isWhole: boolean,
): void {
  if (type === EXTENSION_SERVER_NAME) {
    hello.hasServerName = true;
    if (end - value < 5 || buffer[value + 2] !== HOST_NAME) return;
    const nameEnd = value + 5 + uint16(buffer, value + 3);
    if (nameEnd <= end) hello.serverName = printable(buffer, value + 5, nameEnd, SERVICE_NAME_LENGTH_MAX);
  } else if (type === EXTENSION_ALPN) {
    if (end - value < 3) return;
    const protocolEnd = value + 3 + buffer[value + 2]!;
    if (protocolEnd > end) return;
    hello.alpnBytes = Uint8Array.from(buffer.subarray(value + 3, protocolEnd));
    hello.alpn = printable(buffer, value + 3, protocolEnd, SERVICE_TOKEN_LENGTH_MAX);
  } else if (type === EXTENSION_SIGNATURE_ALGORITHMS) {
    if (isWhole && end - value >= 2) readList(buffer, value + 2, end, hello.signatureAlgorithms);
  } else if (type === EXTENSION_SUPPORTED_VERSIONS && isWhole && end > value) {
    const versions: number[] = [];
    readList(buffer, value + 1, end, versions);
    if (versions.length > 0) hello.version = Math.max(...versions);
  }
}

function readList(buffer: Uint8Array, start: number, end: number, list: number[]): void {
  for (let at = start; at + 2 <= end && list.length < LIST_LENGTH_MAX; at += 2) {
    const value = uint16(buffer, at);
    if (!isGrease(value)) list.push(value);
  }
}

/** Values that clients make up so that servers learn to ignore what they do not know: 0x0a0a, 0x1a1a, … RFC 8701. */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}
