/**
 * The records of one partition on their way: a queue and at most one request. One request at a time keeps their order;
 * a request that fails is sent again unchanged, under the same sequence numbers, so that the broker recognises what it
 * has already written (KIP-98). One partition a request on purpose: of a request to several brokers kafkajs repeats
 * everything when one of them fails for long, and what the others had written would be there twice.
 */

import type { PacketOrigin } from '../../schemas/packets/packet-block.js';
import type { FlushMemory } from './flush-memory.js';

/** The partition that all sources of a record are of while the topic has so many. */
export interface Sharing {
  readonly partition: number;
  readonly partitions: number;
}

/** A record ready for Kafka. */
export interface OutgoingRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  /** 0 of a tick, and of a record that only says what became of conversations. */
  readonly packets: number;
  /** Whose packets they are in the balance. */
  readonly interfaceName: string;
  /** Where key and value lie, to be released when nothing more comes of the record; null when it is nobody else's. */
  readonly memory: FlushMemory | null;
  /** Of a record of several sources, whose key is empty. */
  readonly sharing?: Sharing | null;
}

/** Takes a record of a flush. @param memory where key and value lie, with the other records of the flush: each record is to release it once */
export type RecordTaker = (
  key: Buffer,
  value: Buffer,
  packets: number,
  origin: PacketOrigin,
  memory: FlushMemory,
  sharing: Sharing | null,
) => void;

/** Whether a record is a tick: worth nothing any more when it cannot be sent at once. */
export function isTick(record: OutgoingRecord): boolean {
  return record.packets === 0 && record.key.length === 0 && !record.sharing;
}

/** Bytes of one request, unless one record alone is larger: below the 1 MiB that brokers take by default. */
const REQUEST_BYTES_MAX = 900 * 1024;
/** So that a request of small records, too, is written and acknowledged in some milliseconds. */
const REQUEST_RECORDS_MAX = 10_000;

/** What became of a request: `later` sends it again, `refused` gives its only record up. */
export type SendOutcome = 'sent' | 'later' | 'too_large' | 'refused';

export type SendRequest = (partition: number, records: readonly OutgoingRecord[]) => Promise<SendOutcome>;

export interface LaneListener {
  onSent(records: readonly OutgoingRecord[]): void;
  onRefused(record: OutgoingRecord): void;
}

export class Lane {
  private queue: OutgoingRecord[] = [];
  /** How many of `queue`'s first records have been sent; they are cut off in bulk. */
  private head = 0;
  /** Records of the request under way. */
  private underWay = 0;
  private recordsMax = REQUEST_RECORDS_MAX;
  private running = false;
  private stopped = false;
  /** When the request under way was first sent, `performance.now()`; null when there is none. */
  busySince: number | null = null;

  constructor(
    private readonly partition: number,
    private readonly send: SendRequest,
    private readonly listener: LaneListener,
  ) {}

  push(record: OutgoingRecord): void {
    this.queue.push(record);
    if (!this.running && !this.stopped) void this.run();
  }

  /** The records of the request under way, in order. */
  get taken(): readonly OutgoingRecord[] {
    return this.queue.slice(this.head, this.head + this.underWay);
  }

  /** Gives back what no request has taken yet, in order. */
  withdraw(): OutgoingRecord[] {
    return this.queue.splice(this.head + this.underWay);
  }

  /** Sends nothing more, and gives back what was not sent, in order; the request under way, if any, is among it. */
  halt(): OutgoingRecord[] {
    this.stopped = true;
    const left = this.queue.slice(this.head);
    this.queue = [];
    this.head = 0;
    return left;
  }

  private async run(): Promise<void> {
    this.running = true;
    // Whatever else is pushed in this turn goes into the same request.
    await Promise.resolve();
    while (this.head < this.queue.length && !this.stopped) {
      const records = this.nextRequest();
      this.underWay = records.length;
      this.busySince = performance.now();
      let outcome = await this.send(this.partition, records);
      while (outcome === 'later' && !this.stopped) outcome = await this.send(this.partition, records);
      if (this.stopped) break;
      this.busySince = null;
      this.underWay = 0;
      if (outcome === 'too_large' && records.length > 1) {
        this.recordsMax = Math.ceil(records.length / 2);
        continue;
      }
      this.head += records.length;
      if (outcome === 'sent') this.listener.onSent(records);
      else for (const record of records) this.listener.onRefused(record);
      this.recordsMax = REQUEST_RECORDS_MAX;
      if (this.head === this.queue.length) {
        this.queue = [];
        this.head = 0;
      } else if (this.head > 4096 && this.head * 2 > this.queue.length) {
        this.queue = this.queue.slice(this.head);
        this.head = 0;
      }
    }
    this.running = false;
  }

  /** The first records that fit a request. */
  private nextRequest(): OutgoingRecord[] {
    const { queue, head } = this;
    let bytes = 0;
    let end = head;
    while (end < queue.length && end - head < this.recordsMax) {
      const size = queue[end]!.value.length + queue[end]!.key.length;
      if (end > head && bytes + size > REQUEST_BYTES_MAX) break;
      bytes += size;
      end++;
    }
    return queue.slice(head, end);
  }
}
