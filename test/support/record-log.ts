/** Record batches (magic 2) written byte by byte, as a broker keeps and sends them: kafkajs writes no control records and no gaps. */
import { gzipSync } from 'node:zlib';
import { crc32c } from '../../runtime/kafka/crc32c.js';

export interface LogRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

export interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly gzip: boolean;
  readonly appendTime: boolean;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly records: readonly LogRecord[];
}

/** The records end in these bytes, which belong to nothing. */
export interface LogDamage {
  readonly trailing?: Buffer;
  readonly recordCount?: number;
}

export function batchBytes(batch: LogBatch, damage: LogDamage = {}): Buffer {
  const plain = Buffer.concat([...batch.records.map(recordBytes), damage.trailing ?? Buffer.alloc(0)]);
  const records = batch.gzip ? gzipSync(plain) : plain;
  const bytes = Buffer.alloc(61 + records.length);
  bytes.writeBigInt64BE(BigInt(batch.baseOffset), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(7, 12); // leader epoch
  bytes[16] = 2;
  const attributes =
    (batch.gzip ? 1 : 0) | (batch.appendTime ? 8 : 0) | (batch.transactional ? 16 : 0) | (batch.control ? 32 : 0);
  bytes.writeInt16BE(attributes, 21);
  bytes.writeInt32BE(batch.lastOffsetDelta, 23);
  bytes.writeBigInt64BE(BigInt(batch.baseTimestamp), 27);
  bytes.writeBigInt64BE(BigInt(batch.maxTimestamp), 35);
  bytes.writeBigInt64BE(BigInt(batch.producerId), 43);
  bytes.writeInt32BE(damage.recordCount ?? batch.records.length, 57);
  records.copy(bytes, 61);
  return sealed(bytes);
}

/** The batch with the checksum of what it holds now. */
export function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17);
  return bytes;
}

/** The end of a transaction. */
export function markerBatch(baseOffset: number, producerId: number, commits: boolean, time: number): LogBatch {
  const key = Buffer.from([0, 0, 0, commits ? 1 : 0]);
  const value = Buffer.alloc(6);
  return {
    baseOffset,
    lastOffsetDelta: 0,
    baseTimestamp: time,
    maxTimestamp: time,
    producerId,
    gzip: false,
    appendTime: false,
    transactional: true,
    control: true,
    records: [{ offsetDelta: 0, timestampDelta: 0, key, value, headers: [] }],
  };
}

function recordBytes({ offsetDelta, timestampDelta, key, value, headers }: LogRecord): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    nullable(key),
    nullable(value),
    varint(headers.length),
    ...headers.flatMap(([name, content]) => [nullable(Buffer.from(name)), nullable(content)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function nullable(bytes: Buffer | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

/** Zigzag; of any safe integer. */
function varint(value: number): Buffer {
  let rest = value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value);
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

export interface AnsweredPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[] | null;
  readonly records: Buffer;
}

/** An answer to a fetch of one topic. */
export function fetchResponseBytes(
  version: number,
  topic: string,
  highWatermark: number,
  partitions: readonly AnsweredPartition[],
): Buffer {
  const parts: Buffer[] = [int32(3)]; // throttle time
  if (version >= 7) parts.push(Buffer.from([0, 0]), int32(0));
  const name = Buffer.from(topic);
  parts.push(int32(1), int16(name.length), name, int32(partitions.length));
  for (const { partition, errorCode, aborted, records } of partitions) {
    parts.push(int32(partition), int16(errorCode), int64(highWatermark), int64(highWatermark));
    if (version >= 5) parts.push(int64(0));
    parts.push(int32(aborted?.length ?? -1));
    for (const { producerId, firstOffset } of aborted ?? []) parts.push(int64(producerId), int64(firstOffset));
    if (version >= 11) parts.push(int32(-1));
    parts.push(int32(records.length), records);
  }
  return Buffer.concat(parts);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
