/**
 * The value of a record on `packets`: Avro in single-object encoding (two marker bytes, the fingerprint of the schema,
 * the datum; Avro 1.11 specification). The newest schema has a codec of its own that goes straight between columns and
 * bytes; any other published schema is first rewritten to the newest by avsc. Tests hold the codec to the very bytes
 * of avsc in both directions.
 */
import { formatAddressBytes } from './address.js';
import { AvroReader, LONG_BYTES_MAX, putInt, putLong, putString } from './avro-bytes.js';
import { publishedSchemas, rewritePayload } from './packet-batch-schemas.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  type Application,
  type Arp,
  type NeighborDiscovery,
  type PacketBlock,
  type PacketOrigin,
  type Tunnel,
} from './packet-block.js';
import { PACKET_BYTES_MAX, PACKET_BYTES_MIN, putPacket, readPacket } from './packet-codec.js';
import { EXTRA_BYTES_MAX } from './packet-extra-codec.js';

/** Most packets of one record; a block of this capacity takes any valid record. */
export const MAX_BATCH_PACKETS = 10_000;

/** The marker of single-object encoding and the fingerprint of packet-batch-1.avsc. */
const NEWEST_PREFIX = Buffer.from('c301bf308ad6d186edeb', 'hex');
const PREFIX_LENGTH = NEWEST_PREFIX.length;

/** Longest name of a node, interface, file or timeline, bytes of UTF-8; longer ones are cut. */
export const ORIGIN_STRING_MAX = 1024;

const SAMPLINGS = ['none', 'packet', 'flow'] as const;

/** Why a record could not be read. `block_full`: the same record fits a block with more room. */
export type PacketBatchRefusal = 'not_avro' | 'unknown_schema' | 'truncated' | 'invalid' | 'block_full';

export type PacketBatchResult =
  | {
      readonly ok: true;
      /** Rows appended, from `firstRow` on; 0 for a tick. */
      readonly packets: number;
      readonly firstRow: number;
      /** The same object for the same origin, from batch to batch. */
      readonly origin: PacketOrigin;
      /** The source of every packet as text, which is also the record key; empty for a tick. */
      readonly source: string;
      /** µs since 1970-01-01 UTC: of the first packet, or the node's clock when there is none. */
      readonly firstTimestamp: number;
      readonly endOfTimeline: boolean;
    }
  | { readonly ok: false; readonly reason: PacketBatchRefusal; readonly detail: string };

let scratch = Buffer.allocUnsafe(1 << 20);

function reserve(bytes: number): void {
  if (bytes > scratch.length) scratch = Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(bytes)));
}

/** The bytes of the fields `captureNode` to `samplingRate`: equal for every batch of an origin. */
const originBytes = new WeakMap<PacketOrigin, Buffer>();

function encodeOrigin(origin: PacketOrigin): Buffer {
  let bytes = originBytes.get(origin);
  if (bytes === undefined) {
    const target = Buffer.allocUnsafe(3 * (ORIGIN_STRING_MAX + LONG_BYTES_MAX) + 3 * LONG_BYTES_MAX);
    let at = putString(target, 0, origin.captureNode, ORIGIN_STRING_MAX);
    at = putString(target, at, origin.interface, ORIGIN_STRING_MAX);
    at = putInt(target, at, origin.linkType);
    at = putString(target, at, origin.timeline, ORIGIN_STRING_MAX);
    at = putInt(target, at, SAMPLINGS.indexOf(origin.sampling));
    at = putLong(target, at, origin.samplingRate);
    bytes = Buffer.from(target.subarray(0, at));
    originBytes.set(origin, bytes);
  }
  return bytes;
}

/** Room for everything before the packets, besides the origin. */
const HEADER_BYTES_MAX = PREFIX_LENGTH + 17 + 1 + 3 * LONG_BYTES_MAX;

function putHeader(origin: PacketOrigin): number {
  const bytes = encodeOrigin(origin);
  NEWEST_PREFIX.copy(scratch, 0);
  bytes.copy(scratch, PREFIX_LENGTH);
  return PREFIX_LENGTH + bytes.length;
}

function putSource(block: PacketBlock, row: number, at: number): number {
  const kind = block.sourceKind[row]!;
  if (kind === ADDRESS_IPV4) {
    scratch[at] = 8;
    return scratch.writeUInt32BE(block.sourceAddress[row]!, at + 1);
  }
  if (kind === ADDRESS_IPV6) {
    const from = block.sourceAddress[row]! * 16;
    scratch[at] = 32;
    scratch.set(block.ipv6.subarray(from, from + 16), at + 1);
    return at + 17;
  }
  if (kind === ADDRESS_MAC) {
    scratch[at] = 12;
    scratch.set(block.macs.subarray(row * 12, row * 12 + 6), at + 1);
    return at + 7;
  }
  scratch[at] = 0;
  return at + 1;
}

/**
 * One record of the rows `rows[from … to)`, which share one source and one origin; at most `MAX_BATCH_PACKETS`.
 * A frame length beyond 2^31 - 1 (only a damaged capture has one) becomes that.
 */
export function encodePacketBatch(block: PacketBlock, rows: ArrayLike<number>, from: number, to: number): Buffer {
  const first = rows[from];
  if (first === undefined || to - from > MAX_BATCH_PACKETS) {
    throw new RangeError(`a batch has 1 to ${MAX_BATCH_PACKETS} packets, not ${to - from}`);
  }
  const origin = block.origins[block.origin[first]!]!;
  let extras = 0;
  for (let index = from; index < to; index++) if (block.extra[rows[index]!]! >= 0) extras++;
  reserve(
    HEADER_BYTES_MAX + encodeOrigin(origin).length + (to - from + 1) * PACKET_BYTES_MAX + extras * EXTRA_BYTES_MAX,
  );
  const firstTimestamp = safeTimestamp(block.timestamp[first]!);
  let at = putSource(block, first, putHeader(origin));
  scratch[at++] = 0; // endOfTimeline
  at = putLong(scratch, at, firstTimestamp);
  at = putInt(scratch, at, to - from);
  for (let index = from; index < to; index++) at = putPacket(scratch, at, block, rows[index]!, firstTimestamp);
  scratch[at++] = 0; // no further block of packets
  return Buffer.from(scratch.subarray(0, at));
}

/** Capture files can claim any time; what no double holds exactly could not be read back. */
function safeTimestamp(micros: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, micros));
}

/** A batch without packets: the capture node's clock, or the end of a timeline. */
export function encodeTick(origin: PacketOrigin, timestampMicros: number, endOfTimeline: boolean): Buffer {
  reserve(HEADER_BYTES_MAX + encodeOrigin(origin).length);
  let at = putHeader(origin);
  scratch[at++] = 0; // source
  scratch[at++] = endOfTimeline ? 1 : 0;
  at = putLong(scratch, at, timestampMicros);
  scratch[at++] = 0;
  return Buffer.from(scratch.subarray(0, at));
}

const reader = new AvroReader();

/**
 * Appends the packets of a record to the block; on a refusal the block is as it was. Never throws and never allocates
 * more than the record's own size, whatever the bytes.
 */
export function decodePacketBatch(value: Buffer, block: PacketBlock): PacketBatchResult {
  if (value.length < 2 || value[0] !== NEWEST_PREFIX[0] || value[1] !== NEWEST_PREFIX[1]) {
    return refuse('not_avro', 'the value does not start with the marker of Avro single-object encoding');
  }
  if (value.length < PREFIX_LENGTH) return refuse('truncated', `${value.length} bytes end in the fingerprint`);
  if (value.compare(NEWEST_PREFIX, 0, PREFIX_LENGTH, 0, PREFIX_LENGTH) !== 0) return decodeOlder(value, block);
  return decodeNewest(value, PREFIX_LENGTH, block);
}

function refuse(reason: PacketBatchRefusal, detail: string): PacketBatchResult {
  return { ok: false, reason, detail };
}

function decodeOlder(value: Buffer, block: PacketBlock): PacketBatchResult {
  const fingerprint = value.subarray(2, PREFIX_LENGTH);
  const [newest, ...older] = publishedSchemas();
  const schema = older.find((candidate) => candidate.fingerprint.equals(fingerprint));
  if (schema === undefined) {
    return refuse('unknown_schema', `no published schema has the fingerprint ${fingerprint.toString('hex')}`);
  }
  try {
    return decodeNewest(rewritePayload(value.subarray(PREFIX_LENGTH), schema.type, newest!.type), 0, block);
  } catch (error) {
    return refuse('invalid', `not of schema ${schema.version}: ${error instanceof Error ? error.message : error}`);
  }
}

function decodeNewest(value: Buffer, start: number, block: PacketBlock): PacketBatchResult {
  reader.reset(value, start);
  const origin = readOrigin(reader);
  const source = reader.copy(16);
  if (source.length !== 0 && source.length !== 4 && source.length !== 6 && source.length !== 16) reader.fail('invalid');
  const endOfTimeline = readBoolean(reader);
  const firstTimestamp = reader.long();
  if (reader.fault !== null) return refuse(reader.fault, `in the header, before byte ${reader.at}`);

  const { count: firstRow, ipv6Count } = block;
  const { length: extraCount } = block.extras;
  const result = readPackets(block, source, firstTimestamp);
  if (typeof result !== 'number') {
    block.ipv6Count = ipv6Count;
    block.extras.length = extraCount;
    return result;
  }
  if (result > 0) {
    block.origin.fill(block.originIndex(origin), firstRow, firstRow + result);
    block.count = firstRow + result;
  }
  return {
    ok: true,
    packets: result,
    firstRow,
    origin,
    source: formatAddressBytes(source),
    firstTimestamp,
    endOfTimeline,
  };
}

/** Reads the array of packets to the end of the record; returns how many there are. Rows are not yet counted in `block`. */
function readPackets(block: PacketBlock, source: Uint8Array, firstTimestamp: number): number | PacketBatchResult {
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
    if (kind < 0) {
      kind = sourceKind(source.length);
      if (kind === ADDRESS_IPV4) address = Buffer.from(source.buffer, source.byteOffset, 4).readUInt32BE();
      else if (kind === ADDRESS_IPV6) address = block.addIpv6(source, 0);
    }
    for (const end = row + count; row < end; row++) {
      readPacket(reader, block, row, firstTimestamp);
      block.sourceKind[row] = kind;
      block.sourceAddress[row] = address;
      if (kind === ADDRESS_MAC && !sameMac(block, row, source)) reader.fail('invalid');
      if (reader.fault !== null) return refuse(reader.fault, `in packet ${row - firstRow + 1}`);
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
function sameMac(block: PacketBlock, row: number, source: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (block.macs[row * 12 + i] !== source[i]) return false;
  return true;
}

function readBoolean(from: AvroReader): boolean {
  const at = from.skip(1);
  const byte = from.fault === null ? from.bytes[at]! : 0;
  if (byte > 1) from.fail('invalid');
  return byte === 1;
}

/** Origins seen, by their bytes: a block compares them by identity, and the few of a fleet recur in every record. */
const ORIGINS_MAX = 4096;
const origins = new Map<string, PacketOrigin>();
let lastOrigin: PacketOrigin | null = null;
let lastOriginBytes = Buffer.alloc(0);

function readOrigin(from: AvroReader): PacketOrigin {
  const { bytes, at, end } = from;
  const known = lastOriginBytes.length;
  if (lastOrigin !== null && end - at >= known && bytes.compare(lastOriginBytes, 0, known, at, at + known) === 0) {
    from.at = at + known;
    return lastOrigin;
  }
  const read: PacketOrigin = {
    captureNode: from.string(ORIGIN_STRING_MAX),
    interface: from.string(ORIGIN_STRING_MAX),
    linkType: from.int(),
    timeline: from.string(ORIGIN_STRING_MAX),
    sampling: readSampling(from),
    samplingRate: from.long(),
  };
  if (read.samplingRate < 1) from.fail('invalid');
  if (from.fault !== null) return read;
  const text = bytes.toString('latin1', at, from.at);
  let origin = origins.get(text);
  if (origin === undefined) {
    if (origins.size >= ORIGINS_MAX) origins.clear();
    origin = read;
    origins.set(text, origin);
  }
  lastOrigin = origin;
  lastOriginBytes = Buffer.from(bytes.subarray(at, from.at));
  return origin;
}

function readSampling(from: AvroReader): PacketOrigin['sampling'] {
  const sampling = SAMPLINGS[from.int()];
  if (sampling === undefined) from.fail('invalid');
  return sampling ?? 'none';
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
  const fingerprint = value.subarray(2, PREFIX_LENGTH);
  const schema = schemas.find((candidate) => candidate.fingerprint.equals(fingerprint));
  if (schema === undefined) throw new Error(`no published schema has the fingerprint ${fingerprint.toString('hex')}`);
  const payload = value.subarray(PREFIX_LENGTH);
  const newest = schemas[0]!.type;
  const current = schema.type === newest ? payload : rewritePayload(payload, schema.type, newest);
  return newest.fromBuffer(current) as PacketBatchRecord;
}
