/**
 * Which datagrams do not open a conversation though nothing was seen before them: those from the port of a service that may be answers by what they
 * carry, and those that were announced. A server may answer from a port that nobody asked (TFTP, RFC 1350), or a host to which
 * nobody spoke may answer a question to all (SSDP, LLMNR, multicast DNS); a data connection of FTP was agreed on in its control
 * connection. What was announced is remembered for a minute of event time, and at most so many at once.
 */

import { latin1 } from '../protocols/service/text.js';

/** UDP services that answer from the port they were asked at; ports by IANA. */
const SERVICE_PORTS: ReadonlySet<number> = new Set([
  7, 13, 17, 19, 37, 53, 67, 69, 80, 88, 111, 123, 137, 161, 177, 389, 443, 500, 514, 520, 547, 623, 853, 1194, 1434,
  1701, 1812, 1813, 1900, 2123, 2152, 3283, 3389, 3478, 3702, 4500, 4789, 5004, 5060, 5349, 5351, 5353, 5355, 5683,
  6343, 8443, 10001, 10074, 11211, 19302, 27015, 30120, 32414, 37810, 51820,
]);
const DHCP_SERVER = 67;
const DHCP_CLIENT = 68;
const DHCP6_SERVER = 547;
const DHCP6_CLIENT = 546;
/** Ports below are given to services only. */
const EPHEMERAL_MIN = 1024;

/** Services that answer with more than they were asked, and the ports below 1024 to which they do speak first. */
const AMPLIFIERS: ReadonlySet<number> = new Set([53, 111, 123, 161, 389, 1900, 3283, 3702, 11211]);
const PEER_PORTS: ReadonlySet<number> = new Set([53, 111, 123, 137, 138, 161, 162, 389, 500, 514]);

/** Whether a datagram answers by its ports alone: from a service to a port that is no service's. */
export function answersByPort(sourcePort: number, destinationPort: number): boolean {
  if (!SERVICE_PORTS.has(sourcePort)) return false;
  if (sourcePort === DHCP_SERVER) return destinationPort === DHCP_CLIENT;
  if (sourcePort === DHCP6_SERVER) return destinationPort === DHCP6_CLIENT;
  // to port 80 of a victim, since nobody filters that: a question was forged
  if (destinationPort < EPHEMERAL_MIN) return AMPLIFIERS.has(sourcePort) && !PEER_PORTS.has(destinationPort);
  return !SERVICE_PORTS.has(destinationPort);
}

const DNS_PORTS: ReadonlySet<number> = new Set([53, 5353, 5355]);
const DNS_HEADER_LENGTH = 12;
const DNS_FLAGS = 2;
const DNS_RESPONSE = 0x80;
const NTP_PORT = 123;
const NTP_MODE = 0x07;
const NTP_CLIENT = 3;

/**
 * Whether a datagram from the port of a service is no answer of it after all, by what it carries: who scans or asks from port 53 opens.
 * Nothing answers without a payload; DNS says of each message whether it is a response (RFC 1035 section 4.1.1), and NTP
 * whether a client speaks (RFC 5905 section 7.3).
 *
 * @param length of the payload on the wire; of it bytes `start … end - 1` were captured
 */
export function isNoAnswer(sourcePort: number, length: number, bytes: Uint8Array, start: number, end: number): boolean {
  if (length === 0) return true;
  if (DNS_PORTS.has(sourcePort)) {
    return end - start >= DNS_HEADER_LENGTH && (bytes[start + DNS_FLAGS]! & DNS_RESPONSE) === 0;
  }
  return sourcePort === NTP_PORT && end > start && (bytes[start]! & NTP_MODE) === NTP_CLIENT;
}

const TFTP = 69;
const QUESTIONS_TO_ALL: ReadonlySet<number> = new Set([137, 138, 1900, 3702, 5353, 5355]);

/** Whether the answer to a datagram to this port may come from another port, or another host. */
export function mayAnswerFromElsewhere(destinationPort: number): boolean {
  return destinationPort === TFTP || QUESTIONS_TO_ALL.has(destinationPort);
}

const EXPECTED_MAX = 4096;
const EXPECTED_MICROS = 60_000_000;
const IPV6_KEYS = 2 ** 48;

/** Ends to which somebody is expected to begin a conversation that is no attempt of his own. */
export class Expectations {
  private readonly until = new Map<number, number>();
  /** How many ends of each port: of nearly all packets the port tells that nothing is expected. */
  private readonly ports = new Uint16Array(65_536);

  mayHave(port: number): boolean {
    return this.ports[port] !== 0;
  }

  /** @param address a word of IPv4, or what stands for an IPv6 address */
  expect(address: number, isIpv6: boolean, port: number, now: number): void {
    const key = keyOf(address, isIpv6, port);
    this.forget(key);
    if (this.until.size >= EXPECTED_MAX) {
      const { value } = this.until.keys().next();
      if (value !== undefined) this.forget(value);
    }
    this.until.set(key, now + EXPECTED_MICROS);
    this.ports[port]!++;
  }

  private forget(key: number): void {
    if (this.until.delete(key)) this.ports[key % 65_536]!--;
  }

  has(address: number, isIpv6: boolean, port: number, now: number): boolean {
    const until = this.until.get(keyOf(address, isIpv6, port));
    return until !== undefined && now <= until;
  }
}

function keyOf(address: number, isIpv6: boolean, port: number): number {
  return (isIpv6 ? IPV6_KEYS : 0) + (address >>> 0) * 65_536 + port;
}

/** The longest line of FTP that agrees on a data connection. */
const FTP_LINE_MAX = 80;
const DIGIT_TWO = 0x32;
const LETTER_E = 0x45;
const LETTER_P = 0x50;

/**
 * The port of the data connection that a line of FTP's control connection agrees on: replies 227 and 229 (the responder
 * listens), commands PORT and EPRT (the originator does), RFC 959 and RFC 2428. 0 when it does not.
 */
export function ftpDataPort(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start];
  if (end - start < 8 || (first !== DIGIT_TWO && first !== LETTER_E && first !== LETTER_P)) return 0;
  const line = latin1(bytes, start, end, FTP_LINE_MAX);
  const plain = /^(?:227 .*?|PORT )\(?(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})/.exec(line);
  if (plain !== null) return ((Number(plain[1]) << 8) | Number(plain[2])) & 0xffff;
  const extended = /^229 .*\(\|\|\|(\d{1,5})\|\)/.exec(line) ?? /^EPRT \|[12]\|[^|]*\|(\d{1,5})\|/.exec(line);
  return extended === null ? 0 : Number(extended[1]) & 0xffff;
}
