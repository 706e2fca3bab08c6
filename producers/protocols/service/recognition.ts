/**
 * Which service a payload is of, told by its first bytes, with the port as a witness where these alone could be
 * anything. A wrong guess costs a name, so doubt means null; the caller may fall back on `serviceOfPort`.
 */
import { uint16, uint32 } from '../bytes.js';
import type { ServiceName, ServicePayload } from './service-facts.js';
import { latin1, startsWith } from './text.js';

const TCP = 6;
const UDP = 17;

const DNS_PORT = 53;
const MDNS_PORT = 5353;
const LLMNR_PORT = 5355;
const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
const KERBEROS_PORT = 88;
const POP3_PORT = 110;
const IMAP_PORT = 143;
const FTP_PORT = 21;
const TELNET_PORTS: readonly number[] = [23, 2323];
const SMTP_PORTS: readonly number[] = [25, 587, 2525];

/** Less cannot be told apart. */
const LENGTH_MIN = 4;

export function recognise(payload: ServicePayload): ServiceName | null {
  if (payload.end - payload.start < LENGTH_MIN) return null;
  if (payload.transport === TCP) return recogniseTcp(payload);
  return payload.transport === UDP ? recogniseUdp(payload) : null;
}

/** 1 for each byte with which a payload over TCP may be recognised: of text, and a few others. */
const TELLING_BYTES = new Uint8Array(256).fill(1, 0x20, 0x7f);
for (const byte of [0x00, 0x03, 0x16, 0xff]) TELLING_BYTES[byte] = 1;

/**
 * Whether nothing can be recognised in a payload that begins with this byte, by that and the ports: so it is with nearly all of
 * conversations that nobody knows, most of which are encrypted.
 */
export function isUnknown(transport: number, first: number, originatorPort: number, responderPort: number): boolean {
  if (transport === TCP) {
    return TELLING_BYTES[first] === 0 && originatorPort !== DNS_PORT && responderPort !== DNS_PORT;
  }
  const isTelling = isDnsPort(responderPort) || isDhcpPort(responderPort) || responderPort === KERBEROS_PORT;
  return !isTelling && !isDnsPort(originatorPort) && !isDhcpPort(originatorPort) && (first & 0xc0) !== 0xc0;
}

/** A record of a handshake; SSL 2 and record versions above 3.4 do not exist any more. */
export function isTlsHandshake({ buffer, start, end }: ServicePayload): boolean {
  return end - start > 5 && buffer[start] === 0x16 && buffer[start + 1] === 0x03 && buffer[start + 2]! <= 0x04;
}

function recogniseTcp(payload: ServicePayload): ServiceName | null {
  const { buffer, start } = payload;
  const first = buffer[start]!;
  switch (first) {
    case 0x16:
      return isTlsHandshake(payload) ? 'tls' : null;
    case 0x00: // NetBIOS session message around SMB; length prefixes of DNS and Kerberos
      return recogniseLengthPrefixed(payload);
    case 0x03: // TPKT around X.224: connection request or confirm, whose length counts what follows it
      return recogniseTpkt(payload);
    case 0xff: // Telnet IAC with WILL, WONT, DO or DONT
      return buffer[start + 1]! >= 0xfb && buffer[start + 1]! <= 0xfe ? 'telnet' : null;
    default:
      if (first < 0x20 || first > 0x7e) return recogniseLengthPrefixed(payload);
      return recogniseText(payload, first);
  }
}

function recogniseUdp(payload: ServicePayload): ServiceName | null {
  const { buffer, start, end, originatorPort, responderPort } = payload;
  if (isDnsPort(responderPort) || isDnsPort(originatorPort)) return end - start >= 12 ? 'dns' : null;
  if (isDhcpPort(responderPort) || isDhcpPort(originatorPort)) return isDhcp(buffer, start, end) ? 'dhcp' : null;
  if (responderPort === KERBEROS_PORT) return isKerberos(buffer[start]!) ? 'kerberos' : null;
  // QUIC long header (RFC 9000 section 17.2) of a version whose Initial packets can be read.
  if ((buffer[start]! & 0xc0) === 0xc0 && end - start >= 7 && isQuicVersion(uint32(buffer, start + 1))) {
    return buffer[start + 5]! <= 20 ? 'quic' : null;
  }
  return null;
}

function isQuicVersion(version: number): boolean {
  return version === 0x00000001 || version === 0x6b3343cf;
}

function isDnsPort(port: number): boolean {
  return port === DNS_PORT || port === MDNS_PORT || port === LLMNR_PORT;
}

/** The cookie before the options, RFC 2131 section 3. */
function isDhcp(buffer: Uint8Array, start: number, end: number): boolean {
  return end - start >= 240 && uint32(buffer, start + 236) === 0x63825363;
}

function isDhcpPort(port: number): boolean {
  return port === DHCP_SERVER_PORT || port === DHCP_CLIENT_PORT;
}

/** Application tags 10 to 15 and 30 of RFC 4120, constructed. */
function isKerberos(tag: number): boolean {
  return (tag >= 0x6a && tag <= 0x6f) || tag === 0x7e;
}

function recogniseTpkt({ buffer, start, end }: ServicePayload): ServiceName | null {
  if (end - start < 7 || buffer[start + 1] !== 0) return null;
  const kind = buffer[start + 5]! & 0xf0;
  const indicated = buffer[start + 4]! + 5;
  return (kind === 0xe0 || kind === 0xd0) && indicated === uint16(buffer, start + 2) ? 'rdp' : null;
}

function recogniseLengthPrefixed({
  buffer,
  start,
  end,
  originatorPort,
  responderPort,
}: ServicePayload): ServiceName | null {
  if (end - start >= 8 && buffer[start] === 0) {
    const marker = buffer[start + 4]!;
    if ((marker === 0xfe || marker === 0xff) && startsWith(buffer, start + 5, end, 'SMB')) return 'smb';
    if (responderPort === KERBEROS_PORT && isKerberos(marker)) return 'kerberos';
  }
  const isDns = responderPort === DNS_PORT || originatorPort === DNS_PORT;
  return isDns && end - start >= 14 && uint16(buffer, start) >= 12 ? 'dns' : null;
}

const HTTP_METHODS = [
  'GET ',
  'POST ',
  'HEAD ',
  'PUT ',
  'DELETE ',
  'OPTIONS ',
  'PATCH ',
  'CONNECT ',
  'TRACE ',
  'PROPFIND ',
];

function recogniseText(payload: ServicePayload, first: number): ServiceName | null {
  const { buffer, start, end, responderPort } = payload;
  if (first >= 0x41 && first <= 0x5a) {
    if (startsWith(buffer, start, end, 'SSH-')) return 'ssh';
    if (startsWith(buffer, start, end, 'HTTP/1.')) return 'http';
    for (const method of HTTP_METHODS) if (startsWith(buffer, start, end, method)) return 'http';
    if (startsWith(buffer, start, end, 'EHLO ') || startsWith(buffer, start, end, 'HELO ')) return 'smtp';
  } else if (first >= 0x32 && first <= 0x35 && isReply(buffer, start)) {
    if (responderPort === FTP_PORT) return 'ftp';
    if (SMTP_PORTS.includes(responderPort)) return 'smtp';
    if (first !== 0x32) return null;
    const greeting = latin1(buffer, start, end, 128);
    if (/\bE?SMTP\b/.test(greeting)) return 'smtp';
    return /\bFTP/i.test(greeting) ? 'ftp' : null;
  } else if (first === 0x2b) {
    if (startsWith(buffer, start, end, '+OK')) return 'pop3';
  } else if (first === 0x2a) {
    if (startsWith(buffer, start, end, '* OK') || startsWith(buffer, start, end, '* PREAUTH')) return 'imap';
  }
  return responderPort < 1024 || responderPort === TELNET_PORTS[1] ? serviceOfTextPort(responderPort) : null;
}

/** Text on the port of a service that talks in lines is its, whatever part of the talk was seen first. */
function serviceOfTextPort(port: number): ServiceName | null {
  if (port === FTP_PORT) return 'ftp';
  if (SMTP_PORTS.includes(port)) return 'smtp';
  if (port === POP3_PORT) return 'pop3';
  if (port === IMAP_PORT) return 'imap';
  return TELNET_PORTS.includes(port) ? 'telnet' : null;
}

/** Three digits, then a space or a hyphen. */
function isReply(buffer: Uint8Array, start: number): boolean {
  return (
    isDigit(buffer[start + 1]!) &&
    isDigit(buffer[start + 2]!) &&
    (buffer[start + 3] === 0x20 || buffer[start + 3] === 0x2d)
  );
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
