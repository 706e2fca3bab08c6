/**
 * Rows of conversations and of what hosts received between their blocks and Avro, field by field in the order of the
 * records `Conversation` and `Received` of packet-batch-2.avsc. The host they belong to, and the time from which theirs are counted,
 * are the record's.
 */
import { type AvroReader, LONG_BYTES_MAX, putInt, putLong, putString } from '../packets/avro-bytes.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, originIndex, type PacketOrigin } from '../packets/packet-block.js';
import { safeTimestamp } from '../packets/packet-encoding.js';
import {
  CONNECTION_STATES,
  CONVERSATION_EVENTS,
  type ConversationNames,
  HISTORY_MAX,
  NAME_BYTES_MAX,
  OUTCOMES,
} from './conversation.js';
import {
  ADDRESS_SLOT_BYTES,
  type ConversationBlock,
  RECEIVED_SOURCES_MAX,
  type ReceivedBlock,
} from './conversation-block.js';

/** Longest name of a service, bytes. */
const SERVICE_BYTES_MAX = 64;

/** All keys of `ConversationNames`; true where the value is a number. Other keys are not read. */
const NAME_KEYS: Readonly<Record<keyof ConversationNames, boolean>> = {
  dnsQuestion: false,
  dnsType: false,
  dnsResponseCode: false,
  dnsAnswers: true,
  serverName: false,
  alpn: false,
  ja4: false,
  httpHost: false,
  httpMethod: false,
  httpStatus: true,
  httpUserAgent: false,
  sshClient: false,
  sshServer: false,
  hassh: false,
  hasshServer: false,
  dhcpHostName: false,
  greeting: false,
  user: false,
};
const NAMES: ReadonlySet<string> = new Set(Object.keys(NAME_KEYS));
const KEY_BYTES_MAX = 32;
const NO_SOURCES = new Uint8Array(0);
const NAMES_MAX = Object.keys(NAME_KEYS).length;

/** More bytes than a row without names can take, and than its names can. */
const FIELDS_BYTES_MAX = 24 * LONG_BYTES_MAX + ADDRESS_SLOT_BYTES + HISTORY_MAX + SERVICE_BYTES_MAX;
const NAMES_BYTES_MAX = NAMES_MAX * (KEY_BYTES_MAX + NAME_BYTES_MAX + 2 * LONG_BYTES_MAX);
export const CONVERSATION_BYTES_MAX: number = FIELDS_BYTES_MAX + NAMES_BYTES_MAX;
export const RECEIVED_BYTES_MAX: number = 14 * LONG_BYTES_MAX + RECEIVED_SOURCES_MAX * (ADDRESS_SLOT_BYTES + 1);
/** Fewer bytes than any row takes: a byte a field. */
export const CONVERSATION_BYTES_MIN = 24;
export const RECEIVED_BYTES_MIN = 13;

/** The room that a row needs, bytes. */
export function conversationBytesMax(block: ConversationBlock, row: number): number {
  return block.names[row] == null ? FIELDS_BYTES_MAX : CONVERSATION_BYTES_MAX;
}

/** Writes a row at `start`, where there are `conversationBytesMax`, and returns where it ends. @param time the host's, µs */
export function putConversation(
  bytes: Buffer,
  start: number,
  block: ConversationBlock,
  row: number,
  time: number,
): number {
  const own = block.time[row]!;
  let at = putInt(bytes, start, block.event[row]!);
  at = putLong(bytes, at, own - time);
  at = putLong(bytes, at, own - block.start[row]!);
  at = putLong(bytes, at, own - block.last[row]!);
  at = putAddress(bytes, at, block.responder, row);
  at = putInt(bytes, at, block.originatorPort[row]!);
  at = putInt(bytes, at, block.responderPort[row]!);
  at = putInt(bytes, at, block.icmpId[row]!);
  at = putInt(bytes, at, block.ipProtocol[row]!);
  at = putInt(bytes, at, block.vlan[row]!);
  bytes[at++] = block.begun[row]!;
  at = putInt(bytes, at, block.outcome[row]!);
  at = putInt(bytes, at, block.state[row]!);
  at = putLong(bytes, at, block.originatorPackets[row]!);
  at = putLong(bytes, at, block.responderPackets[row]!);
  at = putLong(bytes, at, block.originatorBytes[row]!);
  at = putLong(bytes, at, block.responderBytes[row]!);
  at = putLong(bytes, at, block.originatorPayload[row]!);
  at = putLong(bytes, at, block.responderPayload[row]!);
  at = putInt(bytes, at, block.loginsFailed[row]!);
  at = putInt(bytes, at, block.loginsSucceeded[row]!);
  at = putString(bytes, at, block.history[row]!, HISTORY_MAX);
  at = putString(bytes, at, block.service[row]!, SERVICE_BYTES_MAX);
  return putNames(bytes, at, block.names[row] ?? null);
}

function putNames(bytes: Buffer, start: number, names: ConversationNames | null): number {
  if (names === null) return putInt(bytes, start, 0);
  let count = 0;
  // How many there are is one byte, and known at the end; of none that byte ends the map.
  let at = start + 1;
  for (const key in names) {
    const value = names[key as keyof ConversationNames];
    if (value == null || !NAMES.has(key)) continue;
    count++;
    at = putString(bytes, at, key, KEY_BYTES_MAX);
    at = putString(bytes, at, typeof value === 'string' ? value : String(value), NAME_BYTES_MAX);
  }
  putInt(bytes, start, count);
  return count === 0 ? at : putInt(bytes, at, 0);
}

/** As `putConversation`. */
export function putReceived(bytes: Buffer, start: number, block: ReceivedBlock, row: number, time: number): number {
  const own = block.time[row]!;
  let at = putLong(bytes, start, own - time);
  at = putLong(bytes, at, block.last[row]! - own);
  at = putInt(bytes, at, block.ipProtocol[row]!);
  at = putInt(bytes, at, block.port[row]!);
  at = putLong(bytes, at, block.attempts[row]!);
  at = putLong(bytes, at, block.answered[row]!);
  at = putLong(bytes, at, block.refused[row]!);
  at = putLong(bytes, at, block.unasked[row]!);
  at = putLong(bytes, at, block.unaskedBytes[row]!);
  at = putLong(bytes, at, block.packets[row]!);
  at = putLong(bytes, at, block.bytes[row]!);
  at = putLong(bytes, at, block.sourceCount[row]!);
  const sources = block.sources[row]!;
  const count = sources.length / ADDRESS_SLOT_BYTES;
  if (count > 0) {
    at = putInt(bytes, at, count);
    for (let source = 0; source < count; source++) at = putAddress(bytes, at, sources, source);
  }
  return putInt(bytes, at, 0);
}

function putAddress(bytes: Buffer, start: number, slots: Uint8Array, index: number): number {
  const slot = index * ADDRESS_SLOT_BYTES;
  const length = slots[slot] === ADDRESS_IPV4 ? 4 : 16;
  bytes[start] = length << 1;
  for (let i = 0; i < length; i++) bytes[start + 1 + i] = slots[slot + 1 + i]!;
  return start + 1 + length;
}

/**
 * Reads a row behind those of the block, which has room for it, and counts it. A `fault` of the reader tells that it could not.
 *
 * @param source where the host's address begins in the reader's bytes; it has `sourceLength` of them, 4 or 16
 */
export function readConversation(
  reader: AvroReader,
  block: ConversationBlock,
  origin: PacketOrigin,
  source: number,
  sourceLength: number,
  time: number,
): void {
  const row = block.count;
  const event = readIndex(reader, CONVERSATION_EVENTS.length);
  const own = safeTimestamp(time + reader.long());
  const start = safeTimestamp(own - reader.long());
  const last = safeTimestamp(own - reader.long());
  block.event[row] = event;
  block.time[row] = own;
  block.start[row] = start;
  block.last[row] = last;
  setSlot(block.originator, row, reader.bytes, source, sourceLength);
  readAddress(reader, block.responder, row);
  block.originatorPort[row] = reader.unsigned16();
  block.responderPort[row] = reader.unsigned16();
  block.icmpId[row] = reader.unsigned16();
  block.ipProtocol[row] = readIndex(reader, 256);
  block.vlan[row] = reader.unsigned16();
  block.begun[row] = reader.boolean() ? 1 : 0;
  block.outcome[row] = readIndex(reader, OUTCOMES.length);
  block.state[row] = readIndex(reader, CONNECTION_STATES.length);
  block.originatorPackets[row] = readCount(reader);
  block.responderPackets[row] = readCount(reader);
  block.originatorBytes[row] = readCount(reader);
  block.responderBytes[row] = readCount(reader);
  block.originatorPayload[row] = readCount(reader);
  block.responderPayload[row] = readCount(reader);
  block.loginsFailed[row] = reader.unsigned16();
  block.loginsSucceeded[row] = reader.unsigned16();
  const history = reader.string(HISTORY_MAX);
  const service = reader.string(SERVICE_BYTES_MAX);
  const names = readNames(reader);
  if (reader.fault !== null) return;
  block.history[row] = history;
  block.service[row] = service;
  block.names[row] = names;
  block.origin[row] = originIndex(block.origins, origin);
  block.count++;
}

/** As `readConversation`. */
export function readReceived(
  reader: AvroReader,
  block: ReceivedBlock,
  origin: PacketOrigin,
  target: number,
  targetLength: number,
  time: number,
): void {
  const row = block.count;
  const own = safeTimestamp(time + reader.long());
  const last = safeTimestamp(own + reader.long());
  block.time[row] = own;
  block.last[row] = last;
  setSlot(block.target, row, reader.bytes, target, targetLength);
  block.ipProtocol[row] = readIndex(reader, 256);
  block.port[row] = reader.unsigned16();
  block.attempts[row] = readCount(reader);
  block.answered[row] = readCount(reader);
  block.refused[row] = readCount(reader);
  block.unasked[row] = readCount(reader);
  block.unaskedBytes[row] = readCount(reader);
  block.packets[row] = readCount(reader);
  block.bytes[row] = readCount(reader);
  block.sourceCount[row] = readCount(reader);
  const sources = readSources(reader);
  if (reader.fault !== null) return;
  block.sources[row] = sources;
  block.origin[row] = originIndex(block.origins, origin);
  block.count++;
}

function readNames(reader: AvroReader): ConversationNames | null {
  let count = reader.blockCount(2);
  if (count === 0) return null;
  const names: Record<string, string | number> = {};
  for (let total = 0; count > 0; count = reader.blockCount(2)) {
    total += count;
    if (total > NAMES_MAX) reader.fail('invalid');
    for (; count > 0 && reader.fault === null; count--) {
      const key = reader.string(KEY_BYTES_MAX);
      const value = reader.string(NAME_BYTES_MAX);
      if (Object.hasOwn(NAME_KEYS, key)) {
        const isNumber = NAME_KEYS[key as keyof ConversationNames];
        names[key] = isNumber ? readNumber(reader, value) : value;
      }
    }
  }
  return names as ConversationNames;
}

function readNumber(reader: AvroReader, text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : reader.fail('invalid');
}

function readSources(reader: AvroReader): Uint8Array {
  const count = reader.blockCount(5);
  if (count === 0) return NO_SOURCES;
  const slots = freshSlots(Math.min(count, RECEIVED_SOURCES_MAX) * ADDRESS_SLOT_BYTES);
  if (count > RECEIVED_SOURCES_MAX) reader.fail('invalid');
  for (let source = 0; source < count && reader.fault === null; source++) readAddress(reader, slots, source);
  // More blocks than one nobody needs for so few.
  if (reader.blockCount(5) !== 0) reader.fail('invalid');
  return slots;
}

/** Slots of several rows, which share memory: to make an array of its own for each costs as much as to read a row. */
let slab = new Uint8Array(0);
let slabUsed = 0;
const SLAB_BYTES = 32_768;

function freshSlots(length: number): Uint8Array {
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const from = slabUsed;
  slabUsed += length;
  return slab.subarray(from, slabUsed);
}

function readAddress(reader: AvroReader, slots: Uint8Array, index: number): void {
  const length = reader.int();
  if (length !== 4 && length !== 16) reader.fail('invalid');
  const from = reader.skip(length);
  if (reader.fault === null) setSlot(slots, index, reader.bytes, from, length);
}

function setSlot(slots: Uint8Array, index: number, bytes: Uint8Array, from: number, length: number): void {
  const slot = index * ADDRESS_SLOT_BYTES;
  const to = slot + 1;
  // behind an IPv4 address there are zeros already
  if (length === 4 && slots[slot]! > ADDRESS_IPV4) slots.fill(0, to + 4, to + 16);
  slots[slot] = length === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
  for (let i = 0; i < length; i++) slots[to + i] = bytes[from + i]!;
}

function readIndex(reader: AvroReader, length: number): number {
  const index = reader.int();
  return index >>> 0 < length ? index : reader.fail('invalid');
}

function readCount(reader: AvroReader): number {
  const count = reader.long();
  return count >= 0 ? count : reader.fail('invalid');
}
