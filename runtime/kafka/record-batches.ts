/**
 * Record batches (magic 2) as a broker sends them: checksums compared, compressed ones made plain, those of transactions
 * that were aborted and of control records left out. Nothing is done per record.
 *
 * https://kafka.apache.org/documentation/#recordbatch; which transactions are aborted: KIP-98.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import kafkajs from 'kafkajs';
import { Failure, messageOf } from '../process/failure.js';
import { crc32c } from './crc32c.js';

export interface RecordBatch {
  /** The response's own bytes, or what was compressed. */
  readonly bytes: Buffer;
  /** The records are `bytes[start … end)`. */
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** What the times of records count from, ms since 1970. */
  readonly baseTimestamp: number;
  /** The broker's own time, which all records have then, ms since 1970; null when they have those of their producer. */
  readonly appendTimestamp: number | null;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface RecordBatches {
  /** Those with records for the reader. */
  readonly batches: readonly RecordBatch[];
  /** Of all whole batches, those left out too; null when there is none. */
  readonly lastOffset: number | null;
  /** Why the batch behind these cannot be read: `KAFKA_RECORDS` or `KAFKA_COMPRESSION`; null when nothing is wrong. */
  readonly damage: Failure | null;
}

const MAGIC = 2;
const BASE_OFFSET = 0;
const LENGTH = 8;
/** What stands before the bytes that `length` counts. */
const PREFIX_BYTES = 12;
const MAGIC_BYTE = 16;
const CHECKSUM = 17;
/** From here on bytes are checksummed. */
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const RECORD_COUNT = 57;
const RECORDS = 61;

const COMPRESSION = 0x07;
const GZIP = 1;
const APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const COMPRESSIONS: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** A record is at least its length and six more bytes. */
const RECORD_BYTES_MIN = 7;
/** The type of a control record that ends a transaction: 0 when it was aborted. */
const ABORT_MARKER = 0;

/** Most that a batch may hold once it is decompressed: hundreds of times what a broker takes compressed by default. */
const DECOMPRESSED_BYTES_MAX = 256 << 20;
const gunzipped = promisify(gunzip);

/** What cannot be read; `retriable`, because bytes may have come to harm on the way. */
export function malformedRecords(where: string, problem: string): Failure {
  return new Failure(
    'KAFKA_RECORDS',
    `${where} cannot be read: ${problem}; if it stays so, the broker’s log is damaged there (kafka-dump-log.sh shows it): restore it from another replica, or give up what is damaged with kafka-delete-records.sh, which is counted as lost`,
    { retriable: true },
  );
}

/**
 * Reads `bytes[from … to)`. A batch that is cut off at the end is left to the next fetch; broker and client have agreed on
 * that, since `max_bytes` knows no batches.
 *
 * @param where names the partition in errors.
 * @param aborted transactions to leave out, in any order; none for a reader of what is not committed.
 */
export async function readRecordBatches(
  bytes: Buffer,
  from: number,
  to: number,
  where: string,
  aborted: readonly AbortedTransaction[],
): Promise<RecordBatches> {
  const batches: RecordBatch[] = [];
  const open = new OpenAborted(aborted);
  let lastOffset: number | null = null;
  let at = from;
  try {
    while (to - at >= PREFIX_BYTES) {
      const baseOffset = int64(bytes, at + BASE_OFFSET);
      const place = `${where} at offset ${baseOffset}`;
      const end = endOfBatch(bytes, at, to, place);
      if (end > to) break;
      checkBatch(bytes, at, end, place);
      const batchEnd = baseOffset + bytes.readInt32BE(at + LAST_OFFSET_DELTA);
      if (open.takes(bytes, at, end, batchEnd)) batches.push(await readBatch(bytes, at, end, place));
      lastOffset = batchEnd;
      at = end;
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { batches, lastOffset, damage: error };
  }
  return { batches, lastOffset, damage: null };
}

function endOfBatch(bytes: Buffer, at: number, to: number, where: string): number {
  const length = bytes.readInt32BE(at + LENGTH);
  if (to - at > MAGIC_BYTE && bytes[at + MAGIC_BYTE] !== MAGIC) {
    throw malformedRecords(where, `its format is ${bytes[at + MAGIC_BYTE]}, not ${MAGIC} (Kafka 0.11 and later)`);
  }
  if (length < RECORDS - PREFIX_BYTES) throw malformedRecords(where, `a batch of ${length} bytes`);
  return at + PREFIX_BYTES + length;
}

function checkBatch(bytes: Buffer, at: number, end: number, where: string): void {
  const expected = bytes.readUInt32BE(at + CHECKSUM);
  const actual = crc32c(bytes, at + ATTRIBUTES, end);
  if (actual !== expected) throw malformedRecords(where, `its checksum is ${hex(actual)} instead of ${hex(expected)}`);
  const delta = bytes.readInt32BE(at + LAST_OFFSET_DELTA);
  const count = bytes.readInt32BE(at + RECORD_COUNT);
  if (delta < 0 || count < 0) throw malformedRecords(where, `${count} records up to the ${delta}th offset after it`);
}

async function readBatch(bytes: Buffer, at: number, end: number, where: string): Promise<RecordBatch> {
  const attributes = bytes.readInt16BE(at + ATTRIBUTES);
  const records = bytes.readInt32BE(at + RECORD_COUNT);
  const baseOffset = int64(bytes, at + BASE_OFFSET);
  const compression = attributes & COMPRESSION;
  // Of a batch that compaction has emptied only the header is kept.
  const isPlain = compression === 0 || end === at + RECORDS;
  const plain = isPlain ? bytes : await decompress(bytes.subarray(at + RECORDS, end), compression, where);
  const start = isPlain ? at + RECORDS : 0;
  const plainEnd = isPlain ? end : plain.length;
  if (records * RECORD_BYTES_MIN > plainEnd - start) {
    throw malformedRecords(where, `${records} records in ${plainEnd - start} bytes`);
  }
  return {
    bytes: plain,
    start,
    end: plainEnd,
    records,
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + LAST_OFFSET_DELTA),
    baseTimestamp: int64(bytes, at + BASE_TIMESTAMP),
    appendTimestamp: (attributes & APPEND_TIME) === 0 ? null : int64(bytes, at + MAX_TIMESTAMP),
  };
}

async function decompress(bytes: Buffer, compression: number, where: string): Promise<Buffer> {
  const name = COMPRESSIONS[compression] ?? `method ${compression}`;
  let read: (compressed: Buffer) => Promise<Buffer>;
  try {
    read = compression === GZIP ? gunzipBounded : codecOf(compression);
  } catch (error) {
    throw new Failure(
      'KAFKA_COMPRESSION',
      `${where} is compressed with ${name}, which nta does not read: set compression.type of its producers, or of the topic, to gzip or uncompressed`,
      { cause: error },
    );
  }
  try {
    return await read(bytes);
  } catch (error) {
    throw malformedRecords(where, `its ${name} is broken: ${messageOf(error)}`);
  }
}

function gunzipBounded(bytes: Buffer): Promise<Buffer> {
  return gunzipped(bytes, { maxOutputLength: DECOMPRESSED_BYTES_MAX });
}

/** What the process has registered with kafkajs. */
function codecOf(compression: number): (compressed: Buffer) => Promise<Buffer> {
  const codecs = kafkajs.CompressionCodecs as Readonly<
    Record<number, () => { decompress(bytes: Buffer): Promise<Buffer> }>
  >;
  const codec = codecs[compression]!();
  return (bytes) => codec.decompress(bytes);
}

/** Follows the log through transactions: which producers are within one that was aborted. */
class OpenAborted {
  private readonly toCome: AbortedTransaction[];
  private readonly open = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.toCome = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether the batch `bytes[at … end)` has records for the reader. */
  takes(bytes: Buffer, at: number, end: number, lastOffset: number): boolean {
    while (this.toCome.length > 0 && this.toCome[0]!.firstOffset <= lastOffset) {
      this.open.add(this.toCome.shift()!.producerId);
    }
    const attributes = bytes.readInt16BE(at + ATTRIBUTES);
    if ((attributes & CONTROL) !== 0) {
      if (this.open.size > 0 && controlType(bytes, at + RECORDS, end) === ABORT_MARKER) {
        this.open.delete(bytes.readBigInt64BE(at + PRODUCER_ID));
      }
      return false;
    }
    if (this.open.size === 0 || (attributes & TRANSACTIONAL) === 0) return true;
    return !this.open.has(bytes.readBigInt64BE(at + PRODUCER_ID));
  }
}

/** The key of a control record is a version and a type. What comes before it are five numbers of one byte each, and its length. */
function controlType(bytes: Buffer, start: number, end: number): number {
  const key = start + 5;
  return end - key < 4 ? -1 : bytes.readInt16BE(key + 2);
}

/** Exact up to 2^53, which no offset and no time reaches. */
function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
