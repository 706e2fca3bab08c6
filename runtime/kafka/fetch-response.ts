/**
 * Answers to Fetch requests (versions 4 to 11), read into what kafkajs's consumer takes for them, except that all records
 * of a partition are one `FetchedRecords` instead of an object each.
 *
 * The consumer looks at three things of a message: its offset, to go on behind the last one; whether it is a control
 * record, to leave it out; and the transaction it belongs to. So a partition's answer is one message: it has the last
 * offset and carries the records, and what is left out of those is left out by us. Where nothing is left the message is
 * a control record, which moves the consumer on without anyone being asked.
 *
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
import { Failure } from '../process/failure.js';
import { FetchedRecords } from './fetched-records.js';
import { type AbortedTransaction, malformedRecords, readRecordBatches } from './record-batches.js';

export const FETCH_API = 1;
const VERSION_MIN = 4;
const VERSION_MAX = 11;
const CORRUPT_MESSAGE = 2;

/** What kafkajs makes a Fetch request of. */
export interface FetchOrder {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string }[];
  }[];
}

/** All that came of a partition, in the place of its messages. */
export interface RecordCarrier {
  readonly offset: string;
  readonly isControlRecord: boolean;
  readonly records: FetchedRecords;
}

export interface FetchedPartition {
  readonly partition: number;
  /** https://kafka.apache.org/protocol#protocol_error_codes */
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  /** None are left. */
  readonly abortedTransactions: readonly [];
  readonly preferredReadReplica: number;
  readonly messages: readonly RecordCarrier[];
}

export interface FetchResponse {
  readonly throttleTime: number;
  /** For how long the client should ask nothing, ms. */
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
}

/**
 * A partition whose records cannot be read does not fail the answer: whoever reads its records is told.
 *
 * @throws Failure `KAFKA_RESPONSE` when the bytes are no such answer, `KAFKA_VERSION` when the broker is too old.
 */
export async function decodeFetchResponse(payload: Buffer, version: number, order: FetchOrder): Promise<FetchResponse> {
  if (version < VERSION_MIN || version > VERSION_MAX) {
    throw new Failure('KAFKA_VERSION', `the broker fetches by version ${version}: nta needs Kafka 0.11 or later`);
  }
  const reader = new ResponseReader(payload);
  const throttleMs = reader.int32();
  const errorCode = version >= 7 ? reader.int16() : 0;
  const sessionId = version >= 7 ? reader.int32() : 0;
  const responses: { topicName: string; partitions: FetchedPartition[] }[] = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topicName = reader.string();
    const partitions: FetchedPartition[] = [];
    for (let left = reader.int32(); left > 0; left--) {
      partitions.push(await readPartition(reader, version, topicName, order));
    }
    responses.push({ topicName, partitions });
  }
  reader.finish();
  // From version 8 on it is the client that has to wait (KIP-219).
  const isOurs = version >= 8;
  return {
    throttleTime: isOurs ? 0 : throttleMs,
    clientSideThrottleTime: isOurs ? throttleMs : 0,
    errorCode,
    sessionId,
    responses,
  };
}

async function readPartition(
  reader: ResponseReader,
  version: number,
  topic: string,
  order: FetchOrder,
): Promise<FetchedPartition> {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  if (version >= 5) reader.int64(); // log start offset
  const aborted: AbortedTransaction[] = [];
  for (let left = reader.int32(); left > 0; left--) {
    aborted.push({ producerId: reader.int64(), firstOffset: Number(reader.int64()) });
  }
  const preferredReadReplica = version >= 11 ? reader.int32() : -1;
  const size = reader.int32();
  const from = reader.skip(Math.max(0, size));
  const where = `${topic}/${partition}`;
  const wanted = (): number => fetchOffset(order, topic, partition);
  const isCorrupt = errorCode === CORRUPT_MESSAGE;
  let messages: RecordCarrier[] = [];
  if (isCorrupt)
    messages = [damaged(malformedRecords(`${where} at offset ${wanted()}`, 'so the broker says'), where, wanted())];
  else if (errorCode === 0) messages = await carry(reader.bytes, from, reader.at, where, aborted, wanted());
  return {
    partition,
    // kafkajs would ask for all partitions again and again.
    errorCode: isCorrupt ? 0 : errorCode,
    highWatermark: String(highWatermark),
    lastStableOffset: String(lastStableOffset),
    abortedTransactions: [],
    preferredReadReplica,
    messages,
  };
}

async function carry(
  bytes: Buffer,
  from: number,
  to: number,
  where: string,
  aborted: readonly AbortedTransaction[],
  wanted: number,
): Promise<RecordCarrier[]> {
  const { batches, lastOffset, damage } = await readRecordBatches(bytes, from, to, where, aborted);
  // What comes before the damage is worked on first; the next fetch begins with it.
  if (lastOffset === null) return damage === null ? [] : [damaged(damage, where, wanted)];
  const records = new FetchedRecords(batches, where, wanted);
  return [{ offset: String(lastOffset), isControlRecord: batches.length === 0, records }];
}

/** In the place of records that cannot be read. */
function damaged(damage: Failure, where: string, wanted: number): RecordCarrier {
  return { offset: String(wanted), isControlRecord: false, records: new FetchedRecords([], where, wanted, damage) };
}

function fetchOffset(order: FetchOrder, topic: string, partition: number): number {
  for (const ordered of order.topics) {
    if (ordered.topic !== topic) continue;
    const own = ordered.partitions.find((candidate) => candidate.partition === partition);
    if (own !== undefined) return Number(own.fetchOffset);
  }
  throw new Failure('KAFKA_RESPONSE', `the broker answered with ${topic}/${partition}, which was not asked for`, {
    retriable: true,
  });
}

class ResponseReader {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  int16(): number {
    return this.bytes.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.skip(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.skip(8));
  }

  string(): string {
    const length = Math.max(0, this.int16());
    const start = this.skip(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  /** Moves past `length` bytes and returns where they start. */
  skip(length: number): number {
    const start = this.at;
    if (length > this.bytes.length - start) throw malformedResponse(`it ends after ${this.bytes.length} bytes`);
    this.at = start + length;
    return start;
  }

  finish(): void {
    const left = this.bytes.length - this.at;
    if (left > 0) throw malformedResponse(`${left} bytes follow its end`);
  }
}

function malformedResponse(problem: string): Failure {
  return new Failure(
    'KAFKA_RESPONSE',
    `the broker’s answer to a fetch cannot be read: ${problem}; check what stands between it and nta`,
    { retriable: true },
  );
}
