/**
 * Observations between objects and Avro, field by field in the order of the record `Observation` of packet-batch-2.avsc.
 * The host they belong to, which is one end of those of names and echoes, and the time from which theirs are counted, are the
 * record's.
 */
import ipaddr from 'ipaddr.js';
import { formatAddressBytes } from '../address.js';
import {
  type AvroReader,
  LONG_BYTES_MAX,
  putBytes,
  putInt,
  putLong,
  putString,
  textOf,
} from '../packets/avro-bytes.js';
import { safeTimestamp } from '../packets/packet-encoding.js';
import type { Observation, ObservationFacts, ObservationHead, ObservationKind } from './observation.js';

/** In the order of the schema's union; the branch is the index. */
const KINDS = [
  'arp',
  'neighbor',
  'router',
  'redirect',
  'dhcp',
  'dns',
  'echo',
  'unasked',
] as const satisfies ObservationKind[];

/** Longest question, bytes: 255 of a name, each of which may have a backslash before it. */
const QUESTION_BYTES_MAX = 2 * 255;
/** Longest prefix ("2001:db8::/64"), bytes, and how many a router has at most. */
const PREFIX_BYTES_MAX = 50;
const PREFIXES_MAX = 8;
/** Senders named to a network, at most: as many as a row of what a host received names. */
const SENDERS_MAX = 16;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const DOT = 0x2e;
const NO_GAP = -1;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const MAC_BYTES = 6;

/** More bytes than any observation takes. */
export const OBSERVATION_BYTES_MAX: number = QUESTION_BYTES_MAX + 32 * (LONG_BYTES_MAX + IPV6_BYTES);
/** Fewer bytes than any takes: a byte each of time, VLAN, branch and three facts. */
export const OBSERVATION_BYTES_MIN = 6;

/** Writes an observation at `start`, where there are `OBSERVATION_BYTES_MAX`, and returns where it ends. @param time the host's, µs */
export function putObservation(bytes: Buffer, start: number, observation: Observation, time: number): number {
  let at = putLong(bytes, start, safeTimestamp(observation.time) - time);
  at = putInt(bytes, at, observation.vlan);
  at = putInt(bytes, at, KINDS.indexOf(observation.kind));
  switch (observation.kind) {
    case 'arp':
      at = putInt(bytes, putEnds(bytes, at, observation), observation.operation);
      return putMac(bytes, putMac(bytes, at, observation.senderMac), observation.targetMac);
    case 'neighbor':
      at = putBoolean(bytes, putEnds(bytes, at, observation), observation.advertisement);
      return putMac(bytes, putAddress(bytes, at, observation.target), observation.linkLayerAddress);
    case 'router':
      return putPrefixes(bytes, putInt(bytes, putEnds(bytes, at, observation), observation.lifetime), observation);
    case 'redirect':
      return putAddress(bytes, putEnds(bytes, at, observation), observation.gateway);
    case 'dhcp':
      at = putInt(bytes, putEnds(bytes, at, observation), observation.messageType);
      at = putMac(bytes, putLong(bytes, at, observation.transactionId), observation.clientMac);
      at = putAddress(bytes, putAddress(bytes, at, observation.address), observation.server);
      return putAddress(bytes, putAddress(bytes, at, observation.router), observation.relay);
    case 'dns':
      at = putAddress(bytes, at, observation.response ? observation.source : observation.destination);
      at = putInt(bytes, putBoolean(bytes, at, observation.response), observation.transactionId);
      at = putQuestion(bytes, at, observation.question);
      at = putInt(bytes, putInt(bytes, at, observation.type), observation.responseCode);
      at = putLong(bytes, putInt(bytes, at, observation.answers), observation.answerDigest);
      return putInt(bytes, putInt(bytes, at, observation.size), observation.clientPort);
    case 'echo':
      at = putAddress(bytes, at, observation.reply ? observation.source : observation.destination);
      at = putInt(bytes, putBoolean(bytes, at, observation.reply), observation.identifier);
      at = putInt(bytes, putInt(bytes, at, observation.sequence), observation.size);
      return putInt(bytes, at, observation.sum);
    case 'unasked':
      at = putInt(bytes, putAddress(bytes, at, observation.destination), observation.ipProtocol);
      at = putLong(bytes, putInt(bytes, at, observation.port), observation.packets);
      return putSenders(bytes, putLong(bytes, at, observation.bytes), observation);
  }
}

function putQuestion(bytes: Buffer, start: number, question: string): number {
  let at = putInt(bytes, start, question.length);
  for (let i = 0; i < question.length; i++) {
    const character = question.charCodeAt(i);
    if (character === BACKSLASH) return putBytes(bytes, start, questionBytes(question));
    bytes[at++] = character;
  }
  return at;
}

/** A question with what is written as `\DDD` as the byte that it is: names that carry data are full of those. */
function questionBytes(question: string): Buffer {
  const text = question.replace(/\\(\d{3}|.)/g, (all, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number(escaped)) : all,
  );
  return Buffer.from(text, 'latin1');
}

function readQuestion(reader: AvroReader): string {
  const length = reader.int();
  if (length > QUESTION_BYTES_MAX) reader.fail('invalid');
  const from = reader.skip(length);
  if (reader.fault !== null) return '';
  const { bytes } = reader;
  let at = from;
  while (at < from + length && bytes[at]! > 0x20 && bytes[at]! < 0x7f) at++;
  if (at === from + length) return textOf(bytes, from, length);
  let text = '';
  for (at = from; at < from + length; at++) {
    const byte = bytes[at]!;
    text += byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

function putSenders(bytes: Buffer, start: number, { senders }: { readonly senders: readonly string[] }): number {
  let at = start;
  if (senders.length > 0) at = putInt(bytes, at, senders.length);
  for (const sender of senders) at = putAddress(bytes, at, sender);
  return putInt(bytes, at, 0);
}

function putEnds(bytes: Buffer, start: number, { mac, source, destination }: ObservationHead): number {
  return putAddress(bytes, putAddress(bytes, putMac(bytes, start, mac), source), destination);
}

function putPrefixes(bytes: Buffer, start: number, { prefixes }: { readonly prefixes: readonly string[] }): number {
  let at = start;
  if (prefixes.length > 0) at = putInt(bytes, at, prefixes.length);
  for (const prefix of prefixes) at = putString(bytes, at, prefix, PREFIX_BYTES_MAX);
  return putInt(bytes, at, 0);
}

function putBoolean(bytes: Buffer, at: number, value: boolean): number {
  bytes[at] = value ? 1 : 0;
  return at + 1;
}

/** Six bytes; none of 0. */
function putMac(bytes: Buffer, at: number, mac: number): number {
  if (mac === 0) return putInt(bytes, at, 0);
  bytes[at] = MAC_BYTES << 1;
  bytes.writeUIntBE(mac, at + 1, MAC_BYTES);
  return at + 1 + MAC_BYTES;
}

/** The bytes of an address that is text; none of the empty text. */
export function putAddress(bytes: Buffer, start: number, text: string): number {
  if (text === '') return putInt(bytes, start, 0);
  if (text.includes(':')) return putIpv6(bytes, start, text);
  bytes[start] = IPV4_BYTES << 1;
  let at = start + 1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character !== DOT) value = 10 * value + character - 0x30;
    else {
      bytes[at++] = value;
      value = 0;
    }
  }
  bytes[at] = value;
  return at + 1;
}

/** An address as `formatIpv6` writes it; the few other forms that there are (with dots) are left to ipaddr.js, and so is what is none. */
function putIpv6(bytes: Buffer, start: number, text: string): number {
  const first = start + 1;
  const end = first + IPV6_BYTES;
  let at = first;
  let gap = NO_GAP;
  let group = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const character = i < text.length ? text.charCodeAt(i) : COLON;
    const digit = hexadecimal(character);
    if (digit >= 0) {
      group = (group << 4) | digit;
      digits++;
    } else if (character !== COLON || digits > 4 || at === end) return putRareIpv6(bytes, start, text);
    else if (digits > 0) {
      bytes[at] = group >>> 8;
      bytes[at + 1] = group;
      at += 2;
      group = digits = 0;
    } else if (i === text.length) {
      if (gap !== at) return putRareIpv6(bytes, start, text); // ends in a single colon
    } else if (gap !== NO_GAP || (i === 0 && text.charCodeAt(++i) !== COLON)) return putRareIpv6(bytes, start, text);
    else gap = at;
  }
  // A gap stands for at least one group.
  if ((gap === NO_GAP) !== (at === end)) return putRareIpv6(bytes, start, text);
  if (gap !== NO_GAP) {
    const tail = at - gap;
    for (let i = 1; i <= tail; i++) bytes[end - i] = bytes[at - i]!;
    bytes.fill(0, gap, end - tail);
  }
  bytes[start] = IPV6_BYTES << 1;
  return end;
}

function putRareIpv6(bytes: Buffer, start: number, text: string): number {
  return putBytes(bytes, start, Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()));
}

/** The value of a digit in lower case; -1 of what is none. */
function hexadecimal(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  return character >= 0x61 && character <= 0x66 ? character - 0x61 + 10 : -1;
}

/** What an observation of a record shares with the others of its host. */
export interface ObservationPlace {
  /** The host's address as text; empty of a link. */
  readonly host: string;
  /** The host's time, µs. */
  readonly time: number;
  /** Of the block that the record's packets go to: as `ObservationHead` has them. */
  readonly row: number;
  readonly origin: number;
}

/** Reads an observation; a `fault` of the reader tells that it could not. */
export function readObservation(reader: AvroReader, { host, time, row, origin }: ObservationPlace): Observation {
  const own = time + reader.long();
  if (!Number.isSafeInteger(own)) reader.fail('invalid');
  const vlan = reader.unsigned16();
  const kind = KINDS[reader.int()] ?? 'redirect';
  if (kind === 'dns' || kind === 'echo') {
    const peer = readAddress(reader);
    const isAnswer = reader.boolean();
    // the most of all by far, and to spread three objects into one costs as much as to read a dozen packets
    const source = isAnswer ? peer : host;
    const destination = isAnswer ? host : peer;
    if (host === '') reader.fail('invalid');
    if (kind === 'dns') return readDns(reader, isAnswer, row, origin, own, vlan, source, destination);
    return readEcho(reader, isAnswer, row, origin, own, vlan, source, destination);
  }
  if (kind === 'unasked') {
    const destination = readAddress(reader);
    return { row, origin, time: own, vlan, mac: 0, source: host, destination, ...readUnasked(reader) } as Observation;
  }
  const mac = readMac(reader);
  const source = readAddress(reader);
  const destination = readAddress(reader);
  if (host !== '') reader.fail('invalid');
  if (kind === 'arp') {
    const operation = reader.unsigned16();
    const senderMac = readMac(reader);
    const targetMac = readMac(reader);
    return { row, origin, time: own, vlan, mac, source, destination, kind, operation, senderMac, targetMac };
  }
  return { row, origin, time: own, vlan, mac, source, destination, ...readLinkFacts(reader, kind) } as Observation;
}

function readLinkFacts(
  reader: AvroReader,
  kind: Exclude<ObservationKind, 'arp' | 'dns' | 'echo' | 'unasked'>,
): ObservationFacts {
  switch (kind) {
    case 'neighbor': {
      const advertisement = reader.boolean();
      return { kind, advertisement, target: readAddress(reader), linkLayerAddress: readMac(reader) };
    }
    case 'router':
      return {
        kind,
        lifetime: reader.unsigned16(),
        prefixes: readTexts(reader, PREFIXES_MAX, () => reader.string(PREFIX_BYTES_MAX)),
      };
    case 'redirect':
      return { kind, gateway: readAddress(reader) };
    case 'dhcp': {
      const messageType = reader.unsigned16();
      const transactionId = reader.unsigned32();
      const clientMac = readMac(reader);
      const address = readAddress(reader);
      const server = readAddress(reader);
      const router = readAddress(reader);
      return { kind, messageType, transactionId, clientMac, address, server, router, relay: readAddress(reader) };
    }
  }
}

function readDns(
  reader: AvroReader,
  response: boolean,
  row: number,
  origin: number,
  time: number,
  vlan: number,
  source: string,
  destination: string,
): Observation {
  const transactionId = reader.unsigned16();
  const question = readQuestion(reader);
  const type = reader.unsigned16();
  const responseCode = reader.unsigned16();
  const answers = reader.unsigned16();
  const answerDigest = reader.unsigned32();
  const size = reader.int();
  const clientPort = reader.unsigned16();
  return {
    row,
    origin,
    time,
    vlan,
    mac: 0,
    source,
    destination,
    kind: 'dns',
    response,
    transactionId,
    question,
    type,
    responseCode,
    answers,
    answerDigest,
    size,
    clientPort,
  };
}

function readEcho(
  reader: AvroReader,
  reply: boolean,
  row: number,
  origin: number,
  time: number,
  vlan: number,
  source: string,
  destination: string,
): Observation {
  const identifier = reader.unsigned16();
  const sequence = reader.unsigned16();
  const size = reader.int();
  const sum = reader.unsigned16();
  const kind = 'echo';
  return { row, origin, time, vlan, mac: 0, source, destination, kind, reply, identifier, sequence, size, sum };
}

function readUnasked(reader: AvroReader): ObservationFacts {
  const ipProtocol = reader.unsigned16();
  const port = reader.unsigned16();
  const packets = reader.long();
  const bytes = reader.long();
  if (packets < 0 || bytes < 0) reader.fail('invalid');
  const senders = readTexts(reader, SENDERS_MAX, () => readAddress(reader));
  return { kind: 'unasked', ipProtocol, port, packets, bytes, senders };
}

function readTexts(reader: AvroReader, most: number, read: () => string): string[] {
  const texts: string[] = [];
  for (let count = reader.blockCount(1); count > 0; count = reader.blockCount(1)) {
    if (texts.length + count > most) reader.fail('invalid');
    for (; count > 0 && reader.fault === null; count--) texts.push(read());
  }
  return texts;
}

function readMac(reader: AvroReader): number {
  const length = reader.int();
  if (length === 0) return 0;
  if (length !== MAC_BYTES) reader.fail('invalid');
  const at = reader.skip(length);
  return reader.fault === null ? reader.bytes.readUIntBE(at, MAC_BYTES) : 0;
}

function readAddress(reader: AvroReader): string {
  const length = reader.int();
  if (length === 0) return '';
  if (length !== IPV4_BYTES && length !== IPV6_BYTES) reader.fail('invalid');
  const at = reader.skip(length);
  return reader.fault === null ? formatAddressBytes(reader.bytes, at, length) : '';
}
