/** The first question of a DNS message, RFC 1035 section 4.1; multicast DNS (RFC 6762) and LLMNR (RFC 4795) alike. */
import { APPLICATION_STRING_MAX, type Application } from '../../schemas/packet-block.js';
import { NO_FIELDS, printableCharacter } from './application-fields.js';
import { uint16 } from './bytes.js';

export const DNS_PORT = 53;
export const MDNS_PORT = 5353;
export const LLMNR_PORT = 5355;

const QUESTION_COUNT = 4;
const HEADER_LENGTH = 12;
const LABEL_LENGTH_MAX = 63; // larger bytes are compression pointers, which a first question has no use for
const NAME_LENGTH_MAX = 255;
const TCP_LENGTH_PREFIX = 2;

export function peekDns(buffer: Uint8Array, offset: number, end: number): Application | null {
  if (end - offset < HEADER_LENGTH) return null;
  const unquestioned: Application = { ...NO_FIELDS, protocol: 'dns' };
  if (uint16(buffer, offset + QUESTION_COUNT) === 0) return unquestioned;
  const nameStart = offset + HEADER_LENGTH;
  let name = '';
  let at = nameStart;
  for (;;) {
    if (at >= end || at - nameStart > NAME_LENGTH_MAX) return unquestioned;
    const length = buffer[at++]!;
    if (length === 0) break;
    if (length > LABEL_LENGTH_MAX || at + length > end) return unquestioned;
    if (name !== '') name += '.';
    for (let i = 0; i < length; i++) name += labelCharacter(buffer[at + i]!);
    at += length;
  }
  return {
    ...NO_FIELDS,
    protocol: 'dns',
    dnsQuery: name === '' ? '.' : name.slice(0, APPLICATION_STRING_MAX),
    dnsType: end - at >= 2 ? uint16(buffer, at) : null,
  };
}

/** A message in a segment of its own; the rest of a long one is not looked for. */
export function peekDnsOverTcp(buffer: Uint8Array, offset: number, end: number): Application | null {
  if (end - offset < TCP_LENGTH_PREFIX + HEADER_LENGTH) return null;
  if (uint16(buffer, offset) < HEADER_LENGTH) return null;
  return peekDns(buffer, offset + TCP_LENGTH_PREFIX, end);
}

/** A dot inside a label is not the one between labels. */
function labelCharacter(byte: number): string {
  return byte === 0x2e ? '\\.' : printableCharacter(byte);
}
