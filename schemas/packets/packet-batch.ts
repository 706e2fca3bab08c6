/**
 * The value of a record on `packets`: Avro in single-object encoding (two marker bytes, the fingerprint of the schema,
 * the datum; Avro 1.11 specification), or in a schema registry's where there is one (schema-registry.ts); both are read
 * at any time. The newest schema has a codec of its own that goes straight between columns and
 * bytes; any other published schema is first rewritten to the newest by avsc. Tests hold the codec to the very bytes
 * of avsc in both directions.
 */

import { formatAddressBytes } from '../address.js';
import type { Application } from './application.js';
import { AvroReader, LONG_BYTES_MAX, putInt, putLong } from './avro-bytes.js';
import { type PublishedSchema, publishedSchemas, rewritePayload } from './packet-batch-schemas.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  type Arp,
  type NeighborDiscovery,
  type PacketBlock,
  type PacketOrigin,
  type Tunnel,
} from './packet-block.js';
import { readPacket } from './packet-decoding.js';
import { PACKET_BYTES_MIN, PacketEncoder, packetBytesMax, safeTimestamp } from './packet-encoding.js';
import { encodeOrigin, readOrigin } from './packet-origin-codec.js';
import { readPlainPackets } from './plain-packet-decoding.js';
import { REGISTERED_PREFIX_LENGTH, registeredPrefix, registeredSchema } from './schema-registry.js';

/** Most packets of one record; a block of this capacity takes any valid record. */
export const MAX_BATCH_PACKETS = 10_000;

/** The marker of single-object encoding and the fingerprint of packet-batch-1.avsc. */
const NEWEST_PREFIX = Buffer.from('c301bf308ad6d186edeb', 'hex');
const PREFIX_LENGTH = NEWEST_PREFIX.length;
const NO_SOURCE = new Uint8Array(0);

/** Why a record could not be read. `block_full`: the same record fits a block with more room. */
export type PacketBatchRefusal = 'not_avro' | 'unknown_schema' | 'truncated' | 'invalid' | 'block_full';

export type PacketBatchResult =
  | DecodedPacketBatch
  | { readonly ok: false; readonly reason: PacketBatchRefusal; readonly detail: string };

/** What a record was; its packets are in the block. */
export class DecodedPacketBatch {
  readonly ok = true;

  constructor(
    /** Rows appended, from `firstRow` on; 0 for a tick. */
    readonly packets: number,
    readonly firstRow: number,
    /** The same object for the same origin, from batch to batch. */
    readonly origin: PacketOrigin,
    /** µs since 1970-01-01 UTC: of the first packet, or the node's clock when there is none. */
    readonly firstTimestamp: number,
    readonly endOfTimeline: boolean,
    private readonly bytes: Buffer,
    private readonly sourceStart: number,
    private readonly sourceLength: number,
  ) {}

  /** The source of every packet as text, which is also the record key; empty for a tick. Made anew each time. */
  get source(): string {
    return formatAddressBytes(this.bytes.subarray(this.sourceStart, this.sourceStart + this.sourceLength));
  }
}

/** What every batch of an origin begins with: the framing and the fields `captureNode` to `samplingRate`. */
export function batchHead(origin: PacketOrigin): Buffer {
  return Buffer.concat([registeredPrefix() ?? NEWEST_PREFIX, encodeOrigin(origin)]);
}

/** More bytes than what lies between the head of a batch and its packets can take, and the byte after them. */
export const BATCH_START_BYTES_MAX = 17 + 1 + 2 * LONG_BYTES_MAX + 1;

/** Writes the fields from `source` (`sourceLength` bytes of `source`) to the number of `packets`, which follow. */
export function putBatchStart(
  bytes: Uint8Array,
  start: number,
  source: Uint8Array,
  sourceStart: number,
  sourceLength: number,
  firstTimestamp: number,
  packets: number,
): number {
  bytes[start] = sourceLength << 1;
  let at = start + 1;
  for (let i = 0; i < sourceLength; i++) bytes[at + i] = source[sourceStart + i]!;
  at += sourceLength;
  bytes[at++] = 0; // endOfTimeline
  at = putLong(bytes, at, firstTimestamp);
  return putInt(bytes, at, packets);
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
  let room = head.length + BATCH_START_BYTES_MAX;
  for (let index = from; index < to; index++) room += packetBytesMax(block, rows[index]!);
  const bytes = Buffer.allocUnsafe(room);
  const encoder = new PacketEncoder(block, bytes);
  const source = sourceBytes(block, first);
  const firstTimestamp = safeTimestamp(block.timestamp[first]!);
  let at = putBatchStart(bytes, head.copy(bytes), source, 0, source.length, firstTimestamp, to - from);
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    at = encoder.put(at, row, safeTimestamp(block.timestamp[row]!) - firstTimestamp);
  }
  bytes[at++] = 0; // no further block of packets
  return Buffer.from(bytes.subarray(0, at));
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

/** A batch without packets: the capture node's clock, or the end of a timeline. */
export function encodeTick(origin: PacketOrigin, timestampMicros: number, endOfTimeline: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(BATCH_START_BYTES_MAX);
  bytes[0] = 0; // source
  bytes[1] = endOfTimeline ? 1 : 0;
  const at = putLong(bytes, 2, timestampMicros);
  bytes[at] = 0; // no packets
  return Buffer.concat([batchHead(origin), bytes.subarray(0, at + 1)]);
}

const reader = new AvroReader();

/**
 * Appends the packets of the record `bytes[from … to)` to the block; on a refusal the block is as it was. Never throws and
 * never allocates more than the record's own size, whatever the bytes.
 */
export function decodePacketBatch(bytes: Buffer, block: PacketBlock, from = 0, to = bytes.length): PacketBatchResult {
  if (to > from && bytes[from] === 0) return decodeRegistered(bytes.subarray(from, to), block);
  if (to - from < 2 || bytes[from] !== NEWEST_PREFIX[0] || bytes[from + 1] !== NEWEST_PREFIX[1]) {
    return refuse('not_avro', 'the value starts neither as Avro single-object encoding nor as a schema registry’s');
  }
  if (to - from < PREFIX_LENGTH) return refuse('truncated', `${to - from} bytes end in the fingerprint`);
  for (let index = 2; index < PREFIX_LENGTH; index++) {
    if (bytes[from + index] !== NEWEST_PREFIX[index]) return decodeOlder(bytes.subarray(from, to), block);
  }
  return decodeNewest(bytes, from + PREFIX_LENGTH, to, block);
}

function refuse(reason: PacketBatchRefusal, detail: string): PacketBatchResult {
  return { ok: false, reason, detail };
}

function decodeOlder(value: Buffer, block: PacketBlock): PacketBatchResult {
  const fingerprint = value.subarray(2, PREFIX_LENGTH);
  const schema = publishedSchemas().find((candidate) => candidate.fingerprint.equals(fingerprint));
  if (schema === undefined) {
    return refuse('unknown_schema', `no published schema has the fingerprint ${fingerprint.toString('hex')}`);
  }
  return decodePayload(value, PREFIX_LENGTH, schema, block);
}

function decodeRegistered(value: Buffer, block: PacketBlock): PacketBatchResult {
  if (value.length < REGISTERED_PREFIX_LENGTH) return refuse('truncated', `${value.length} bytes end in the schema id`);
  const id = value.readUInt32BE(1);
  const schema = registeredSchema(id);
  if (schema === undefined) {
    return refuse(
      'unknown_schema',
      `no published schema has the id ${id} in the schema registry (SCHEMA_REGISTRY_URL)`,
    );
  }
  if (schema === publishedSchemas()[0]) return decodeNewest(value, REGISTERED_PREFIX_LENGTH, value.length, block);
  return decodePayload(value, REGISTERED_PREFIX_LENGTH, schema, block);
}

/** A payload of an older schema. */
function decodePayload(value: Buffer, start: number, schema: PublishedSchema, block: PacketBlock): PacketBatchResult {
  try {
    const newest = rewritePayload(value.subarray(start), schema.type, publishedSchemas()[0]!.type);
    return decodeNewest(newest, 0, newest.length, block);
  } catch (error) {
    return refuse('invalid', `not of schema ${schema.version}: ${error instanceof Error ? error.message : error}`);
  }
}

function decodeNewest(bytes: Buffer, start: number, end: number, block: PacketBlock): PacketBatchResult {
  reader.reset(bytes, start, end);
  const origin = readOrigin(reader);
  const sourceLength = reader.int();
  const sourceStart = reader.skip(sourceLength);
  if (sourceKind(sourceLength) === ADDRESS_NONE && sourceLength !== 0) reader.fail('invalid');
  const endOfTimeline = readBoolean(reader);
  const firstTimestamp = reader.long();
  if (reader.fault !== null) return refuse(reader.fault, `in the header, before byte ${reader.at - start}`);

  const { count: firstRow, ipv6Count, applicationsLength } = block;
  const { length: extraCount } = block.extras;
  const result = readPackets(block, sourceStart, sourceLength, firstTimestamp);
  if (typeof result !== 'number') {
    block.ipv6Count = ipv6Count;
    // Setting the length of an array, even to what it is, costs as much as a small packet.
    if (block.extras.length > extraCount) block.extras.length = extraCount;
    block.applicationsLength = applicationsLength;
    return result;
  }
  if (result > 0) {
    const index = block.originIndex(origin);
    const { origin: column } = block;
    block.count = firstRow + result;
    // Loops, here and below: `fill` costs more than the few rows of a small record.
    for (let row = firstRow; row < block.count; row++) column[row] = index;
  }
  return new DecodedPacketBatch(
    result,
    firstRow,
    origin,
    firstTimestamp,
    endOfTimeline,
    bytes,
    sourceStart,
    sourceLength,
  );
}

/** Reads the array of packets to the end of the record; returns how many there are. Rows are not yet counted in `block`. */
function readPackets(
  block: PacketBlock,
  sourceStart: number,
  sourceLength: number,
  firstTimestamp: number,
): number | PacketBatchResult {
  const { bytes } = reader;
  const firstRow = block.count;
  let row = firstRow;
  let kind = -1;
  let address = 0;
  for (;;) {
    // An array is blocks of a count and that many items, ended by a count of 0; a negative count says that the
    // block's size in bytes follows it.
    let count = reader.long();
    if (count < 0) {
      count = -count;
      reader.long();
    }
    if (reader.fault !== null) break;
    if (count === 0) {
      if (reader.at !== reader.end) return refuse('invalid', `${reader.end - reader.at} bytes after the last packet`);
      return row - firstRow;
    }
    if (row - firstRow + count > MAX_BATCH_PACKETS) {
      return refuse('invalid', `more than ${MAX_BATCH_PACKETS} packets`);
    }
    if (count * PACKET_BYTES_MIN > reader.end - reader.at) return refuse('truncated', `${count} packets announced`);
    if (row + count > block.capacity) {
      return refuse('block_full', `${row + count - block.capacity} packets more than the block takes`);
    }
    const blockStart = row;
    if (kind < 0) {
      kind = sourceKind(sourceLength);
      if (kind === ADDRESS_IPV4) address = bytes.readUInt32BE(sourceStart);
      else if (kind === ADDRESS_IPV6) address = block.addIpv6(bytes, sourceStart);
    }
    for (const end = row + count; row < end; row++) {
      row = readPlainPackets(reader, block, row, end, firstTimestamp);
      if (row === end) break;
      if (reader.fault === null) readPacket(reader, block, row, firstTimestamp);
      if (reader.fault !== null) return refuse(reader.fault, `in packet ${row - firstRow + 1}`);
    }
    if (kind === ADDRESS_MAC && !sameMacs(block, blockStart, row, bytes, sourceStart)) {
      return refuse('invalid', 'a source that is a MAC differs from the frame’s own');
    }
    const { sourceKind: kinds, sourceAddress: addresses } = block;
    for (let filled = blockStart; filled < row; filled++) {
      kinds[filled] = kind;
      addresses[filled] = address;
    }
  }
  return refuse(reader.fault, 'in the array of packets');
}

function sourceKind(length: number): number {
  if (length === 4) return ADDRESS_IPV4;
  if (length === 16) return ADDRESS_IPV6;
  return length === 6 ? ADDRESS_MAC : ADDRESS_NONE;
}

/** A source that is a MAC stands in `macs`, so it has to be the frame's own. */
function sameMacs(block: PacketBlock, firstRow: number, end: number, bytes: Buffer, sourceStart: number): boolean {
  for (let row = firstRow; row < end; row++) {
    for (let i = 0; i < 6; i++) if (block.macs[row * 12 + i] !== bytes[sourceStart + i]) return false;
  }
  return true;
}

function readBoolean(from: AvroReader): boolean {
  const at = from.skip(1);
  const byte = from.fault === null ? from.bytes[at]! : 0;
  if (byte > 1) from.fail('invalid');
  return byte === 1;
}

/** A record as avsc gives it: the fields of packet-batch-1.avsc, bytes as Buffers. */
export interface PacketBatchRecord {
  readonly captureNode: string;
  readonly interface: string;
  readonly linkType: number;
  readonly timeline: string;
  readonly sampling: PacketOrigin['sampling'];
  readonly samplingRate: number;
  readonly source: Buffer;
  readonly endOfTimeline: boolean;
  readonly firstTimestamp: number;
  readonly packets: readonly PacketRecord[];
}

export interface PacketRecord {
  readonly offset: number;
  readonly frameLength: number;
  readonly capturedLength: number;
  readonly sourceMac: Buffer;
  readonly destinationMac: Buffer;
  readonly vlan: number;
  readonly innerVlan: number;
  readonly etherType: number;
  readonly destination: Buffer;
  readonly ipProtocol: number | null;
  readonly ttl: number | null;
  readonly ipId: number | null;
  readonly fragmentOffset: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  readonly tcpFlags: number | null;
  readonly tcpSequence: number | null;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  readonly role: 'unknown' | 'opening' | 'originator' | 'responder';
  readonly arp: Arp | null;
  readonly neighborDiscovery: NeighborDiscovery | null;
  readonly application: Application | null;
  readonly tunnel: Tunnel | null;
  readonly failure: string | null;
}

/**
 * A record of any published schema as plain objects, by avsc: for edges and tests.
 *
 * @throws Error when the value is not such a record.
 */
export function decodePacketBatchObjects(value: Buffer): PacketBatchRecord {
  const schemas = publishedSchemas();
  const isRegistered = value[0] === 0 && value.length >= REGISTERED_PREFIX_LENGTH;
  const prefix = value.subarray(0, isRegistered ? REGISTERED_PREFIX_LENGTH : PREFIX_LENGTH);
  const schema = isRegistered
    ? registeredSchema(prefix.readUInt32BE(1))
    : schemas.find(({ fingerprint }) => fingerprint.equals(prefix.subarray(2)));
  if (schema === undefined) throw new Error(`no published schema belongs to the prefix ${prefix.toString('hex')}`);
  const payload = value.subarray(prefix.length);
  const newest = schemas[0]!.type;
  const current = schema.type === newest ? payload : rewritePayload(payload, schema.type, newest);
  return newest.fromBuffer(current) as PacketBatchRecord;
}
