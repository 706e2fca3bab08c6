/**
 * Reads observations (schemas/observations) off a frame that has just been decoded, from where its decoders found the
 * message; those of ARP and neighbour discovery are made of rows. Nothing here fails: a message that was cut or is not what its port promised gives no observation.
 */
import { formatDestination, formatIpv4, formatIpv6, formatSource } from '../../schemas/address.js';
import { linkObservation, macNumber, observationHead } from '../../schemas/observations/link-observation.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { OBSERVATIONS_MAX } from '../../schemas/observations/observation.js';
import { HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from './bytes.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from './dhcp.js';
import type { Dissection } from './dissection.js';
import { DNS_PORT } from './dns.js';
import { endOfPlainName, plainName } from './plain-name.js';

const ICMP = 1;
const TCP = 6;
const ICMPV6 = 58;

/** Adds what the row's packet says, when it says something, to the block's observations. */
export function observe(dissection: Dissection, block: PacketBlock, row: number): void {
  const observation = observationOf(dissection, block, row);
  if (observation === null || block.observations.length >= OBSERVATIONS_MAX) return;
  if (dissection.observationBudget.allows(observation)) block.observations.push(observation);
}

function observationOf(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  return messageObservation(dissection, block, row) ?? linkObservation(block, row);
}

function messageObservation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const present = block.present[row]!;
  if ((present & HAS_PORTS) !== 0) {
    const from = block.sourcePort[row]!;
    const to = block.destinationPort[row]!;
    if (from === DNS_PORT || to === DNS_PORT) return dnsObservation(dissection, block, row);
    const dhcp = (to === DHCP_SERVER_PORT || to === DHCP_CLIENT_PORT) && block.ipProtocol[row] !== TCP;
    return dhcp ? dhcpObservation(dissection, block, row) : null;
  }
  if (dissection.icmpStart === 0) return null;
  if (block.ipProtocol[row] === ICMP) return icmpObservation(dissection, block, row);
  return block.ipProtocol[row] === ICMPV6 ? icmpv6Observation(dissection, block, row) : null;
}

// ICMP, RFC 792 and RFC 4443.

const ECHO_REPLY = 0;
const REDIRECT = 5;
const ECHO = 8;
const ECHO_V6 = 128;
const ECHO_REPLY_V6 = 129;
const ROUTER_ADVERTISEMENT = 134;
const REDIRECT_V6 = 137;
const CHECKSUM = 2;
const IDENTIFIER = 4;
const SEQUENCE = 6;
const GATEWAY = 4;
const HEADER_LENGTH = 8;

function icmpObservation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const { icmpBuffer, icmpStart, icmpEnd } = dissection;
  if (icmpEnd - icmpStart < HEADER_LENGTH) return null;
  const type = block.icmpType[row]!;
  if (type === ECHO || type === ECHO_REPLY) return echoObservation(dissection, block, row, type === ECHO_REPLY);
  if (type !== REDIRECT) return null;
  const gateway = formatIpv4(uint32(icmpBuffer, icmpStart + GATEWAY));
  return { ...observationHead(block, row), kind: 'redirect', gateway };
}

function icmpv6Observation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const { icmpBuffer, icmpStart, icmpEnd } = dissection;
  if (icmpEnd - icmpStart < HEADER_LENGTH) return null;
  const type = block.icmpType[row]!;
  if (type === ECHO_V6 || type === ECHO_REPLY_V6) {
    return echoObservation(dissection, block, row, type === ECHO_REPLY_V6);
  }
  if (type === ROUTER_ADVERTISEMENT) return routerObservation(dissection, block, row);
  if (type !== REDIRECT_V6 || icmpEnd - icmpStart < 24) return null;
  return { ...observationHead(block, row), kind: 'redirect', gateway: formatIpv6(icmpBuffer, icmpStart + 8) };
}

/** Written out, as that of names: they are most of what is observed, and to spread a head into an object costs many times this. */
function echoObservation(dissection: Dissection, block: PacketBlock, row: number, reply: boolean): Observation {
  const { icmpBuffer, icmpStart, icmpWireLength } = dissection;
  const word = (at: number): number => uint16(icmpBuffer, icmpStart + at);
  // The checksum is the complement of the sum of all words, so the words that are known can be taken out of it again.
  const rest = (~word(CHECKSUM) & 0xffff) - word(0) - word(IDENTIFIER) - word(SEQUENCE);
  return {
    row,
    time: block.timestamp[row]!,
    origin: block.origin[row]!,
    vlan: block.vlan[row]!,
    mac: 0,
    source: formatSource(block, row),
    destination: formatDestination(block, row),
    kind: 'echo',
    reply,
    identifier: word(IDENTIFIER),
    sequence: word(SEQUENCE),
    size: Math.max(0, icmpWireLength - HEADER_LENGTH),
    sum: ((rest % 0xffff) + 0xffff) % 0xffff,
  };
}

const LIFETIME = 6;
const ROUTER_OPTIONS = 16;
const OPTION_PREFIX = 3;
const PREFIX_LENGTH = 2;
const PREFIX = 16;
const PREFIXES_MAX = 8;

function routerObservation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const { icmpBuffer, icmpStart, icmpEnd } = dissection;
  if (icmpEnd - icmpStart < ROUTER_OPTIONS) return null;
  const prefixes: string[] = [];
  let option = icmpStart + ROUTER_OPTIONS;
  while (option + 8 <= icmpEnd && prefixes.length < PREFIXES_MAX) {
    const next = option + 8 * icmpBuffer[option + 1]!;
    if (next <= option || next > icmpEnd) break;
    if (icmpBuffer[option] === OPTION_PREFIX && next - option === 32) {
      prefixes.push(`${formatIpv6(icmpBuffer, option + PREFIX)}/${icmpBuffer[option + PREFIX_LENGTH]}`);
    }
    option = next;
  }
  const lifetime = uint16(icmpBuffer, icmpStart + LIFETIME);
  return { ...observationHead(block, row), kind: 'router', lifetime, prefixes };
}

// DHCP, RFC 2131 section 2 and RFC 2132.

const DHCP_TRANSACTION = 4;
const DHCP_YOUR_ADDRESS = 16;
const DHCP_RELAY = 24;
const DHCP_CLIENT_MAC = 28;
const DHCP_COOKIE = 236;
const DHCP_COOKIE_VALUE = 0x63825363;
const DHCP_OPTIONS = 240;
const OPTION_ROUTER = 3;
const OPTION_REQUESTED = 50;
const OPTION_MESSAGE_TYPE = 53;
const OPTION_SERVER = 54;
const OPTION_PAD = 0;
const OPTION_END = 255;

function dhcpObservation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const { payloadBuffer: buffer, payloadStart: start, payloadEnd: end } = dissection;
  if (end - start < DHCP_OPTIONS || uint32(buffer, start + DHCP_COOKIE) !== DHCP_COOKIE_VALUE) return null;
  const address = (at: number): string => {
    const value = uint32(buffer, at);
    return value === 0 ? '' : formatIpv4(value);
  };
  const found = new Map<number, number>();
  let option = start + DHCP_OPTIONS;
  while (option < end && buffer[option] !== OPTION_END) {
    if (buffer[option] === OPTION_PAD) {
      option++;
      continue;
    }
    if (option + 1 >= end || option + 2 + buffer[option + 1]! > end) break;
    found.set(buffer[option]!, option + 2);
    option += 2 + buffer[option + 1]!;
  }
  const optionAddress = (code: number): string => {
    const at = found.get(code);
    return at !== undefined && at + 4 <= end ? address(at) : '';
  };
  const type = found.get(OPTION_MESSAGE_TYPE);
  if (type === undefined || type >= end) return null;
  return {
    ...observationHead(block, row),
    kind: 'dhcp',
    messageType: buffer[type]!,
    transactionId: uint32(buffer, start + DHCP_TRANSACTION),
    clientMac: macNumber(buffer, start + DHCP_CLIENT_MAC),
    address: address(start + DHCP_YOUR_ADDRESS) || optionAddress(OPTION_REQUESTED),
    server: optionAddress(OPTION_SERVER),
    router: optionAddress(OPTION_ROUTER),
    relay: address(start + DHCP_RELAY),
  };
}

// DNS, RFC 1035 section 4.1.

const DNS_FLAGS = 2;
const DNS_QUESTIONS = 4;
const DNS_ANSWERS = 6;
const DNS_HEADER_LENGTH = 12;
const DNS_RESPONSE = 0x8000;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const LABEL_LENGTH_MAX = 63;
const NAME_LENGTH_MAX = 255;
/** Answers that are read for their digest. */
const ANSWERS_READ_MAX = 16;

/** Written out, as `echoObservation`. */
function dnsObservation(dissection: Dissection, block: PacketBlock, row: number): Observation | null {
  const { payloadBuffer: buffer, payloadEnd: end, payloadLength } = dissection;
  const prefix = block.ipProtocol[row] === TCP ? 2 : 0;
  const start = dissection.payloadStart + prefix;
  if (end - start < DNS_HEADER_LENGTH) return null;
  if (prefix > 0 && uint16(buffer, start - prefix) < DNS_HEADER_LENGTH) return null;
  const flags = uint16(buffer, start + DNS_FLAGS);
  const response = (flags & DNS_RESPONSE) !== 0;
  const name = uint16(buffer, start + DNS_QUESTIONS) === 0 ? null : readName(buffer, start + DNS_HEADER_LENGTH, end);
  const answers = response ? uint16(buffer, start + DNS_ANSWERS) : 0;
  const answersStart = name === null ? start + DNS_HEADER_LENGTH : name.end + 4;
  return {
    row,
    time: block.timestamp[row]!,
    origin: block.origin[row]!,
    vlan: block.vlan[row]!,
    mac: 0,
    source: formatSource(block, row),
    destination: formatDestination(block, row),
    kind: 'dns',
    response,
    transactionId: uint16(buffer, start),
    question: name?.text ?? '',
    type: name !== null && name.end + 2 <= end ? uint16(buffer, name.end) : 0,
    responseCode: response ? flags & 15 : 0,
    answers,
    answerDigest: answers > 0 ? digestAnswers(buffer, answersStart, end, answers) : 0,
    size: payloadLength - prefix,
    clientPort: response ? block.destinationPort[row]! : block.sourcePort[row]!,
  };
}

/** A name without compression (a first question has no use for it), in lower case; bytes beyond printable ASCII as `\DDD`. */
function readName(buffer: Uint8Array, start: number, end: number): { text: string; end: number } | null {
  const plain = endOfPlainName(buffer, start, end, true);
  if (plain > 0) return { text: plainName(start, plain), end: plain };
  const labels: string[] = [];
  let at = start;
  for (;;) {
    if (at >= end || at - start > NAME_LENGTH_MAX) return null;
    const length = buffer[at++]!;
    if (length === 0) return { text: labels.join('.'), end: at };
    if (length > LABEL_LENGTH_MAX || at + length > end) return null;
    let label = '';
    for (let i = at; i < at + length; i++) label += labelCharacter(buffer[i]!);
    labels.push(label);
    at += length;
  }
}

function labelCharacter(byte: number): string {
  if (byte >= 0x41 && byte <= 0x5a) return String.fromCharCode(byte + 32);
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
}

/** The sum of a hash of each address, so that their order is of no matter (servers rotate it). */
function digestAnswers(buffer: Uint8Array, start: number, end: number, answers: number): number {
  let digest = 0;
  let at = start;
  for (let index = 0; index < Math.min(answers, ANSWERS_READ_MAX); index++) {
    at = skipName(buffer, at, end);
    if (at < 0 || at + 10 > end) break;
    const type = uint16(buffer, at);
    const length = uint16(buffer, at + 8);
    at += 10;
    if (at + length > end) break;
    if (type === TYPE_A || type === TYPE_AAAA) {
      let hash = 0x811c9dc5;
      for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
      digest = (digest + (hash >>> 0)) >>> 0;
    }
    at += length;
  }
  return digest;
}

function skipName(buffer: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const length = buffer[at]!;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > LABEL_LENGTH_MAX) return -1;
    at += length + 1;
  }
  return -1;
}
