/**
 * The value of a record on `packets`: Avro in single-object encoding (two marker bytes, the fingerprint of the schema,
 * the datum; Avro 1.11 specification), or in a schema registry's where there is one (schema-registry.ts); both are read
 * at any time. Each published schema has a codec of its own that goes straight between columns and bytes
 * (packet-batch-reading.ts). Tests hold the codecs to the very bytes of avsc.
 */
import { AvroReader, LONG_BYTES_MAX, putInt, putLong } from './avro-bytes.js';
import {
  type BatchRows,
  MAX_BATCH_PACKETS,
  type PacketBatchResult,
  readBatch2,
  refuse,
} from './packet-batch-reading.js';
import { readBatch1 } from './packet-batch-reading-1.js';
import { type PublishedSchema, publishedSchemas } from './packet-batch-schemas.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_MAC, type PacketBlock, type PacketOrigin } from './packet-block.js';
import { FLOW_BYTES_MAX, LINK_BYTES_MAX, PacketEncoder, packetBytesMax, safeTimestamp } from './packet-encoding.js';
import { encodeOrigin } from './packet-origin-codec.js';
import { REGISTERED_PREFIX_LENGTH, registeredPrefix, registeredSchema } from './schema-registry.js';

export type { BatchRows, DecodedPacketBatch, PacketBatchRefusal, PacketBatchResult } from './packet-batch-reading.js';
export { MAX_BATCH_PACKETS, MAX_BATCH_ROWS } from './packet-batch-reading.js';

/** The marker of single-object encoding and the fingerprint of packet-batch-2.avsc. */
const NEWEST_PREFIX = Buffer.from('c3017e73ce0387f527d0', 'hex');
const PREFIX_LENGTH = NEWEST_PREFIX.length;
const NO_SOURCE = new Uint8Array(0);

/** What every batch of an origin begins with: the framing and the fields `captureNode` to `site`. */
export function batchHead(origin: PacketOrigin): Buffer {
  return Buffer.concat([registeredPrefix() ?? NEWEST_PREFIX, encodeOrigin(origin)]);
}

/** More bytes than what a batch has besides its head, links and hosts can take: two numbers, two arrays' counts and ends. */
export const BATCH_START_BYTES_MAX = 1 + 5 * LONG_BYTES_MAX;
/** More bytes than what a host has besides its flows, packets and rows can take. */
export const HOST_BYTES_MAX = 17 + 11 * LONG_BYTES_MAX;

/** Writes the fields `endOfTimeline` and `firstTimestamp`; `links` and `hosts` follow. */
export function putBatchStart(bytes: Uint8Array, start: number, firstTimestamp: number): number {
  bytes[start] = 0; // endOfTimeline
  return putLong(bytes, start + 1, firstTimestamp);
}

/** Writes `source` (`length` bytes from `from` on) and `offset` of a host. */
export function putHostStart(
  bytes: Uint8Array,
  start: number,
  source: Uint8Array,
  from: number,
  length: number,
  offset: number,
): number {
  bytes[start] = length << 1;
  for (let i = 0; i < length; i++) bytes[start + 1 + i] = source[from + i]!;
  return putLong(bytes, start + 1 + length, offset);
}

/**
 * One record of the rows `rows[from … to)`, which share one source and one origin; at most `MAX_BATCH_PACKETS`.
 * A frame length beyond 2^31 - 1 (only a damaged capture has one) becomes that. A capture node puts its records together
 * packet by packet instead (producers/publisher/record-accumulator.ts), to the same bytes.
 */
export function encodePacketBatch(block: PacketBlock, rows: ArrayLike<number>, from: number, to: number): Buffer {
  const first = rows[from];
  if (first === undefined || to - from > MAX_BATCH_PACKETS) {
    throw new RangeError(`a batch has 1 to ${MAX_BATCH_PACKETS} packets, not ${to - from}`);
  }
  const head = batchHead(block.origins[block.origin[first]!]!);
  let room = head.length + BATCH_START_BYTES_MAX + HOST_BYTES_MAX;
  for (let index = from; index < to; index++) {
    room += packetBytesMax(block, rows[index]!) + FLOW_BYTES_MAX + LONG_BYTES_MAX + LINK_BYTES_MAX;
  }
  const bytes = Buffer.allocUnsafe(room);
  const encoder = new PacketEncoder(block, bytes);
  const { links, flows, flowOf } = sharedParts(block, rows, from, to);
  const firstTimestamp = safeTimestamp(block.timestamp[first]!);
  let at = putItems(bytes, putBatchStart(bytes, head.copy(bytes), firstTimestamp), links);
  at = putInt(bytes, at, 1);
  const source = sourceBytes(block, first);
  at = putHostStart(bytes, at, source, 0, source.length, 0);
  at = putInt(bytes, putItems(bytes, at, flows), to - from);
  let time = firstTimestamp;
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    const offset = safeTimestamp(safeTimestamp(block.timestamp[row]!) - time);
    at = encoder.put(at, row, offset, flowOf[index - from]!);
    time += offset;
  }
  // No further block of packets, no conversations, nothing received, no observations, no further host.
  at = putZeros(bytes, at, 5);
  return Buffer.from(bytes.subarray(0, at));
}

/** An array of what is encoded already. */
function putItems(bytes: Buffer, start: number, items: readonly Buffer[]): number {
  let at = putInt(bytes, start, items.length);
  for (const item of items) at += item.copy(bytes, at);
  bytes[at] = 0; // no further block
  return at + 1;
}

interface SharedParts {
  readonly links: readonly Buffer[];
  readonly flows: readonly Buffer[];
  /** The number of each row's flow. */
  readonly flowOf: readonly number[];
}

/** What the rows share, each once, in the order of the first row that has it. */
function sharedParts(block: PacketBlock, rows: ArrayLike<number>, from: number, to: number): SharedParts {
  const part = Buffer.alloc(LONG_BYTES_MAX + FLOW_BYTES_MAX + LINK_BYTES_MAX);
  const encoder = new PacketEncoder(block, part);
  const links = new Map<string, [number, Buffer]>();
  const flows = new Map<string, [number, Buffer]>();
  const numberOf = (parts: Map<string, [number, Buffer]>, end: number): number => {
    const text = part.toString('latin1', 0, end);
    const known = parts.get(text);
    if (known !== undefined) return known[0];
    parts.set(text, [parts.size, Buffer.from(part.subarray(0, end))]);
    return parts.size - 1;
  };
  const flowOf: number[] = [];
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    const link = numberOf(links, encoder.putLink(0, row));
    flowOf.push(numberOf(flows, encoder.putFlow(putInt(part, 0, link), row)));
  }
  const bytesOf = (parts: Map<string, [number, Buffer]>): Buffer[] => [...parts.values()].map(([, bytes]) => bytes);
  return { links: bytesOf(links), flows: bytesOf(flows), flowOf };
}

export function putZeros(bytes: Uint8Array, start: number, count: number): number {
  for (let at = start; at < start + count; at++) bytes[at] = 0;
  return start + count;
}

function sourceBytes(block: PacketBlock, row: number): Uint8Array {
  const address = block.sourceAddress[row]!;
  switch (block.sourceKind[row]) {
    case ADDRESS_IPV4:
      return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
    case ADDRESS_IPV6:
      return block.ipv6.subarray(address * 16, address * 16 + 16);
    case ADDRESS_MAC:
      return block.macs.subarray(row * 12, row * 12 + 6);
    default:
      return NO_SOURCE;
  }
}

/** A batch without hosts: the capture node's clock, or the end of a timeline. */
export function encodeTick(origin: PacketOrigin, timestampMicros: number, endOfTimeline: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(BATCH_START_BYTES_MAX);
  // No links, no hosts.
  const at = putZeros(bytes, putBatchStart(bytes, 0, timestampMicros), 2);
  bytes[0] = endOfTimeline ? 1 : 0;
  return Buffer.concat([batchHead(origin), bytes.subarray(0, at)]);
}

const reader = new AvroReader();

/**
 * Appends what the record `bytes[from … to)` holds to the block, and to `rows`; on a refusal these are as they were. Never
 * throws and never allocates more than the record's own size, whatever the bytes.
 *
 * @param rows where conversations and what hosts received go; without it they are checked and left out
 */
export function decodePacketBatch(
  bytes: Buffer,
  block: PacketBlock,
  from = 0,
  to: number = bytes.length,
  rows: BatchRows | null = null,
): PacketBatchResult {
  if (to > from && bytes[from] === 0) return decodeRegistered(bytes, from, to, block, rows);
  if (to - from < 2 || bytes[from] !== NEWEST_PREFIX[0] || bytes[from + 1] !== NEWEST_PREFIX[1]) {
    return refuse('not_avro', 'the value starts neither as Avro single-object encoding nor as a schema registry’s');
  }
  if (to - from < PREFIX_LENGTH) return refuse('truncated', `${to - from} bytes end in the fingerprint`);
  for (let index = 2; index < PREFIX_LENGTH; index++) {
    if (bytes[from + index] !== NEWEST_PREFIX[index]) return decodeOlder(bytes, from, to, block);
  }
  reader.reset(bytes, from + PREFIX_LENGTH, to);
  return readBatch2(reader, block, rows);
}

function decodeOlder(bytes: Buffer, from: number, to: number, block: PacketBlock): PacketBatchResult {
  const fingerprint = bytes.subarray(from + 2, from + PREFIX_LENGTH);
  const schema = publishedSchemas().find((candidate) => candidate.fingerprint.equals(fingerprint));
  if (schema === undefined) {
    return refuse('unknown_schema', `no published schema has the fingerprint ${fingerprint.toString('hex')}`);
  }
  reader.reset(bytes, from + PREFIX_LENGTH, to);
  return readBatch1(reader, block);
}

function decodeRegistered(
  bytes: Buffer,
  from: number,
  to: number,
  block: PacketBlock,
  rows: BatchRows | null,
): PacketBatchResult {
  if (to - from < REGISTERED_PREFIX_LENGTH) return refuse('truncated', `${to - from} bytes end in the schema id`);
  const id = bytes.readUInt32BE(from + 1);
  const schema = registeredSchema(id);
  if (schema === undefined) {
    return refuse(
      'unknown_schema',
      `no published schema has the id ${id} in the schema registry (SCHEMA_REGISTRY_URL)`,
    );
  }
  reader.reset(bytes, from + REGISTERED_PREFIX_LENGTH, to);
  return schema === publishedSchemas()[0] ? readBatch2(reader, block, rows) : readBatch1(reader, block);
}

/**
 * A record of a published schema as plain objects, by avsc: for edges and tests.
 *
 * @throws Error when the value is not such a record.
 */
export function decodePacketBatchObjects(value: Buffer): { readonly schema: PublishedSchema; readonly batch: unknown } {
  const isRegistered = value[0] === 0 && value.length >= REGISTERED_PREFIX_LENGTH;
  const prefix = value.subarray(0, isRegistered ? REGISTERED_PREFIX_LENGTH : PREFIX_LENGTH);
  const schema = isRegistered
    ? registeredSchema(prefix.readUInt32BE(1))
    : publishedSchemas().find(({ fingerprint }) => fingerprint.equals(prefix.subarray(2)));
  if (schema === undefined) throw new Error(`no published schema belongs to the prefix ${prefix.toString('hex')}`);
  return { schema, batch: schema.type.fromBuffer(value.subarray(prefix.length)) };
}
