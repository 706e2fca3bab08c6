/**
 * Produce requests (versions 3 to 7, record batches of magic 2) written in one go, for the records of a capture node:
 * keys and values are Buffers, without headers, timestamps of their own or compression. kafkajs writes the same bytes
 * by way of an Encoder with 512 bytes of its own for each record and several copies of the whole, which was four fifths
 * of the cost of a small record. Requests of any other kind stay with kafkajs; a test holds this to its bytes.
 *
 * https://kafka.apache.org/documentation/#recordbatch, https://kafka.apache.org/protocol#The_Messages_Produce
 */
import { crc32c } from './crc32c.js';

const MAGIC = 2;
const TRANSACTIONAL = 0x10;
/** Base offset, length, leader epoch, magic, checksum: what comes before the checksummed part. */
const BATCH_PREFIX_BYTES = 8 + 4 + 4 + 1 + 4;
/** Attributes to record count. */
const BATCH_HEADER_BYTES = 2 + 4 + 8 + 8 + 8 + 2 + 4 + 4;
/** Lengths and deltas around key and value: four varints of up to five bytes, and three single bytes. */
const RECORD_FRAME_BYTES = 23;

export interface ProducedMessage {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly headers?: unknown;
  readonly timestamp?: unknown;
}

interface BufferMessage {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What kafkajs makes a Produce request of; 64-bit numbers are its own Longs. */
export interface ProduceOrder<Message = ProducedMessage> {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null | undefined;
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly compression: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence: number;
      readonly messages: readonly Message[];
    }[];
  }[];
}

/** An order that can be written here. */
export type PlainProduceOrder = ProduceOrder<BufferMessage>;

/** What comes before the body of a request. */
export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** The body of the request; all records carry the time `now`, milliseconds. */
export function encodeProduceOrder(order: PlainProduceOrder, now: number): Buffer {
  const bytes = Buffer.allocUnsafe(orderBytesMax(order));
  return bytes.subarray(0, putProduceOrder(bytes, 0, order, now));
}

/** The most that `putProduceRequest` writes, bytes. */
export function produceRequestBytesMax({ clientId }: RequestHead, order: PlainProduceOrder): number {
  return 4 + 2 + 2 + 4 + 2 + Buffer.byteLength(clientId) + orderBytesMax(order);
}

/** Writes a whole request as it goes over the wire and returns where it ends. */
export function putProduceRequest(bytes: Buffer, head: RequestHead, order: PlainProduceOrder, now: number): number {
  let at = bytes.writeInt16BE(head.apiKey, 4);
  at = bytes.writeInt16BE(head.apiVersion, at);
  at = bytes.writeInt32BE(head.correlationId, at);
  at = putString(bytes, at, head.clientId);
  const end = putProduceOrder(bytes, at, order, now);
  bytes.writeInt32BE(end - 4, 0);
  return end;
}

function putProduceOrder(bytes: Buffer, start: number, order: PlainProduceOrder, now: number): number {
  const transactionalId = order.transactionalId ?? null;
  let at = putString(bytes, start, transactionalId);
  at = bytes.writeInt16BE(order.acks, at);
  at = bytes.writeInt32BE(order.timeout, at);
  at = bytes.writeInt32BE(order.topicData.length, at);
  for (const { topic, partitions } of order.topicData) {
    at = putString(bytes, at, topic);
    at = bytes.writeInt32BE(partitions.length, at);
    for (const { partition, firstSequence, messages } of partitions) {
      at = bytes.writeInt32BE(partition, at);
      const batch = at + 4;
      const body = batch + BATCH_PREFIX_BYTES;
      let end = bytes.writeInt16BE(transactionalId === null ? 0 : TRANSACTIONAL, body);
      end = bytes.writeInt32BE(messages.length - 1, end);
      end = bytes.writeBigInt64BE(BigInt(now), end);
      end = bytes.writeBigInt64BE(BigInt(now), end);
      end = bytes.writeBigInt64BE(BigInt(order.producerId.toString()), end);
      end = bytes.writeInt16BE(order.producerEpoch, end);
      end = bytes.writeInt32BE(firstSequence, end);
      end = bytes.writeInt32BE(messages.length, end);
      end = putRecords(bytes, end, messages);

      bytes.writeInt32BE(end - batch, at);
      bytes.writeBigInt64BE(0n, batch); // base offset: the broker's
      bytes.writeInt32BE(end - batch - 12, batch + 8);
      bytes.writeInt32BE(0, batch + 12); // leader epoch: the broker's
      bytes[batch + 16] = MAGIC;
      bytes.writeUInt32BE(crc32c(bytes, body, end), batch + 17);
      at = end;
    }
  }
  return at;
}

function orderBytesMax({ transactionalId, topicData }: PlainProduceOrder): number {
  let total = 2 + Buffer.byteLength(transactionalId ?? '') + 2 + 4 + 4;
  for (const { topic, partitions } of topicData) {
    total += 2 + Buffer.byteLength(topic) + 4;
    for (const { messages } of partitions) {
      total += 8 + BATCH_PREFIX_BYTES + BATCH_HEADER_BYTES;
      for (const { key, value } of messages) total += RECORD_FRAME_BYTES + key.length + value.length;
    }
  }
  return total;
}

function putRecords(bytes: Buffer, start: number, messages: readonly BufferMessage[]): number {
  let at = start;
  for (let index = 0; index < messages.length; index++) {
    const { key, value } = messages[index]!;
    const keyLength = key.length;
    const valueLength = value.length;
    const body = 3 + varintBytes(index) + varintBytes(keyLength) + keyLength + varintBytes(valueLength) + valueLength;
    at = putVarint(bytes, at, body);
    bytes[at] = 0; // attributes
    bytes[at + 1] = 0; // timestamp delta
    at = putVarint(bytes, at + 2, index);
    at = putVarint(bytes, at, keyLength);
    // Keys are short: a loop is faster than a call.
    for (let i = 0; i < keyLength; i++) bytes[at + i] = key[i]!;
    at = putVarint(bytes, at + keyLength, valueLength);
    value.copy(bytes, at);
    at += valueLength;
    bytes[at++] = 0; // headers
  }
  return at;
}

/** Zigzag, of numbers that are not negative. */
function putVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value * 2;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at] = rest;
  return at + 1;
}

function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x100000) return 3;
  return value < 0x8000000 ? 4 : 5;
}

function putString(bytes: Buffer, at: number, text: string | null): number {
  if (text === null) return bytes.writeInt16BE(-1, at);
  const length = bytes.write(text, at + 2);
  bytes.writeInt16BE(length, at);
  return at + 2 + length;
}
