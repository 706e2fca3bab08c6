/**
 * The records of one partition in one answer of a broker, read one after the other where they lie: the record at hand is
 * numbers and positions in `bytes`, and no object is made of it unless it is asked for. kafkajs makes about twenty objects
 * of a record, which was the better part of what a small record cost.
 *
 * https://kafka.apache.org/documentation/#record
 */
import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { Failure } from '../process/failure.js';
import { malformedRecords, type RecordBatch } from './record-batches.js';

export class FetchedRecords {
  /** Where the record at hand lies. The bytes are the answer's: whoever keeps a view keeps all of them. */
  bytes: Buffer = NOTHING;
  offset = -1;
  /** ms since 1970; beyond 2^53 only near enough. */
  timestamp = 0;
  keyStart = 0;
  /** Bytes; -1 for null. */
  keyLength = -1;
  valueStart = 0;
  /** Bytes; -1 for null. */
  valueLength = -1;
  private headersStart = 0;
  private headerCount = 0;

  private batch = -1;
  private left = 0;
  private at = 0;
  /** Up to where numbers may be read: the end of the batch, then of the record. */
  private end = 0;
  private batchEnd = 0;
  private baseOffset = 0;
  private lastOffset = 0;
  private baseTimestamp = 0;
  private appendTimestamp: number | null = null;

  /**
   * @param where names the partition in errors.
   * @param from records before this offset are passed over: a batch is sent whole.
   * @param damage why nothing can be read behind these batches.
   */
  constructor(
    private readonly batches: readonly RecordBatch[],
    private readonly where: string,
    private readonly from: number,
    private readonly damage: Failure | null = null,
  ) {}

  /**
   * Moves to the next record; false when there is none.
   *
   * @throws Failure `KAFKA_RECORDS` when there are other bytes than those of a record, or `KAFKA_COMPRESSION`: see
   * isUnreadable.
   */
  next(): boolean {
    do {
      while (this.left === 0) if (!this.enterBatch()) return false;
      this.readRecord();
    } while (this.offset < this.from);
    return true;
  }

  private enterBatch(): boolean {
    if (this.at !== this.batchEnd) throw this.malformed(`${this.batchEnd - this.at} bytes after the last record`);
    const next = this.batches[this.batch + 1];
    if (next === undefined) {
      if (this.damage !== null) throw this.damage;
      return false;
    }
    this.batch++;
    this.bytes = next.bytes;
    this.left = next.records;
    this.at = next.start;
    this.batchEnd = next.end;
    this.baseOffset = next.baseOffset;
    this.lastOffset = next.lastOffset;
    this.baseTimestamp = next.baseTimestamp;
    this.appendTimestamp = next.appendTimestamp;
    return true;
  }

  private readRecord(): void {
    this.left--;
    this.end = this.batchEnd;
    const length = this.varint();
    const end = this.at + length;
    if (length < 0 || end > this.batchEnd) throw this.malformed(`a record of ${length} bytes`);
    this.end = end;
    this.at++; // attributes: none are in use
    const sinceBase = this.varlong();
    this.timestamp = this.appendTimestamp ?? this.baseTimestamp + sinceBase;
    this.offset = this.baseOffset + this.varint();
    this.keyLength = this.varint();
    this.keyStart = this.skip(this.keyLength);
    this.valueLength = this.varint();
    this.valueStart = this.skip(this.valueLength);
    this.headerCount = this.varint();
    this.headersStart = this.at;
    for (let header = 0; header < this.headerCount; header++) {
      this.skip(this.varint());
      this.skip(this.varint());
    }
    if (this.at !== end || this.headerCount < 0) throw this.malformed('a record that does not end where it should');
    if (this.offset < this.baseOffset || this.offset > this.lastOffset) throw this.malformed(`offset ${this.offset}`);
  }

  get key(): Buffer | null {
    return this.keyLength < 0 ? null : this.bytes.subarray(this.keyStart, this.keyStart + this.keyLength);
  }

  get value(): Buffer | null {
    return this.valueLength < 0 ? null : this.bytes.subarray(this.valueStart, this.valueStart + this.valueLength);
  }

  /** As kafkajs has them: a name that stands there twice has an array. */
  get headers(): IHeaders {
    const headers: Record<string, Buffer | Buffer[]> = {};
    const { at, end } = this;
    this.at = this.headersStart;
    this.end = this.batchEnd;
    for (let header = 0; header < this.headerCount; header++) {
      const nameLength = this.varint();
      const nameStart = this.skip(nameLength);
      const name = this.bytes.toString('utf8', nameStart, nameStart + Math.max(0, nameLength));
      const length = this.varint();
      const start = this.skip(length);
      const value = length < 0 ? (null as unknown as Buffer) : this.bytes.subarray(start, start + length);
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
    }
    this.at = at;
    this.end = end;
    return headers;
  }

  /** The record at hand as kafkajs would give it. */
  toMessage(): KafkaMessage {
    return {
      key: this.key,
      value: this.value,
      offset: String(this.offset),
      timestamp: String(this.timestamp),
      attributes: 0,
      headers: this.headers,
    };
  }

  /** All records that are left, those before the offset left out. */
  messages(from = 0): KafkaMessage[] {
    const messages: KafkaMessage[] = [];
    while (this.next()) if (this.offset >= from) messages.push(this.toMessage());
    return messages;
  }

  /** Moves past bytes and returns where they start; a negative length is that of null. */
  private skip(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw this.malformed(`${length} bytes where ${this.end - start} are left`);
    if (length > 0) this.at = start + length;
    return start;
  }

  private varint(): number {
    const { bytes, end } = this;
    let { at } = this;
    if (at >= end) throw this.malformed('a record that ends too early');
    let byte = bytes[at++]!;
    let zigzag = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (at >= end || shift > 28) throw this.malformed('a number that does not end');
      byte = bytes[at++]!;
      zigzag |= (byte & 0x7f) << shift;
    }
    this.at = at;
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  private varlong(): number {
    const { bytes, end } = this;
    let { at } = this;
    if (at >= end) throw this.malformed('a record that ends too early');
    const first = bytes[at++]!;
    let magnitude = (first & 0x7e) >>> 1;
    let byte = first;
    for (let scale = 64; byte >= 0x80; scale *= 128) {
      if (at >= end || scale > 2 ** 62) throw this.malformed('a number that does not end');
      byte = bytes[at++]!;
      magnitude += (byte & 0x7f) * scale;
    }
    this.at = at;
    return (first & 1) === 0 ? magnitude : -magnitude - 1;
  }

  private malformed(problem: string): Failure {
    return malformedRecords(`${this.where} in the batch at offset ${this.baseOffset}`, problem);
  }
}

const NOTHING = Buffer.alloc(0);
