/** What one transaction stores: segments, rollups and the new positions of the partitions they come from. */
import { decodePacketBatch, encodePacketBatch, MAX_BATCH_PACKETS } from '../schemas/packet-batch.js';
import { PacketBlock } from '../schemas/packet-block.js';
import { SegmentRows } from './segment-rows.js';
import type { TopicPosition } from './topic-position.js';
import { TrafficRollup } from './traffic-rollup.js';

/** A record as it came, kept until it is stored: about 20 bytes a packet. */
export interface UnitRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly originId: number;
  /** Number of its first packet in the unit. */
  readonly firstTag: number;
  readonly packets: number;
  /** One of so many packets is stored, counted from the first of the partition; 0 is none. */
  readonly every: number;
  /** Number of its first packet in the partition. */
  readonly firstOrdinal: number;
}

export interface UnitPartition {
  /** As the transaction expects to find it. */
  readonly position: TopicPosition;
  /** Offset behind the last record of the unit. */
  nextOffset: bigint;
  packets: number;
  storedRows: number;
  readonly refusedRows: 0;
}

/** Ids of a unit are its number × 2^20 + the place of the packet in it. */
const UNIT_ID_SPAN = 2 ** 20;

/**
 * From so many sources on, most have a packet or two, and a segment is found by their networks alone: there are fewer of
 * these when sources of one network come together.
 */
const SOURCES_SORTED = 4_096;

export class PacketUnit {
  readonly rows = new SegmentRows();
  readonly rollup = new TrafficRollup();
  readonly partitions = new Map<number, UnitPartition>();
  readonly records: UnitRecord[] = [];
  /** Those with packets to store, by origin and by source. */
  private readonly origins = new Map<number, Map<string, UnitRecord[]>>();
  /** Packets so far, whether they are stored or not; the tag of the next one. */
  packets = 0;
  /** Of the records. */
  bytes = 0;
  /** When its first record came, milliseconds of the monotonic clock. */
  startedAt = 0;

  get empty(): boolean {
    return this.partitions.size === 0;
  }

  /** Whether any packet is to be stored. */
  get hasRows(): boolean {
    return this.origins.size > 0;
  }

  reset(): void {
    this.rollup.reset();
    this.partitions.clear();
    this.records.length = 0;
    this.origins.clear();
    this.packets = 0;
    this.bytes = 0;
  }

  /** Takes a record of the source. @returns how many of its packets are to be stored */
  add(record: UnitRecord, source: string): number {
    this.records.push(record);
    this.packets += record.packets;
    this.bytes += record.value.length;
    const { originId, packets, every, firstOrdinal } = record;
    const stored = every === 0 ? 0 : multiples(firstOrdinal + packets, every) - multiples(firstOrdinal, every);
    if (stored === 0) return 0;
    let sources = this.origins.get(originId);
    if (sources === undefined) {
      sources = new Map();
      this.origins.set(originId, sources);
    }
    const known = sources.get(source);
    if (known === undefined) sources.set(source, [record]);
    else known.push(record);
    return stored;
  }

  /** Makes the rows, with ids of the unit's number (of the sequence packet_units); `block` is overwritten. */
  pack(unitNumber: number, block: PacketBlock): void {
    const { rows } = this;
    rows.begin(unitNumber * UNIT_ID_SPAN);
    for (const [originId, sources] of this.origins) {
      for (const records of sources.size < SOURCES_SORTED ? sources.values() : byFirstNumber(sources)) {
        for (const { value, firstTag, packets, every, firstOrdinal } of records) {
          block.reset();
          decodePacketBatch(value, block);
          const first = every * multiples(firstOrdinal, every) - firstOrdinal;
          for (let row = first; row < packets; row += every) rows.append(block, row, originId, firstTag + row);
        }
      }
    }
    rows.finish();
  }

  /** The packets of a row that Postgres refused, a row each. */
  packOneByOne(row: number): SegmentRows {
    const block = new PacketBlock(MAX_BATCH_PACKETS);
    const single = new SegmentRows(1);
    single.begin(this.rows.firstIdOf(row));
    let decoded: UnitRecord | undefined;
    for (const tag of this.rows.rowTags(row)) {
      const { record, index } = this.locate(tag);
      if (record !== decoded) {
        block.reset();
        decodePacketBatch(record.value, block);
        decoded = record;
      }
      single.append(block, index, record.originId, tag);
    }
    return single;
  }

  /** The partition's part of the unit, begun at `position` when it has none yet. */
  partition(position: TopicPosition): UnitPartition {
    let part = this.partitions.get(position.partition);
    if (part === undefined) {
      if (this.partitions.size === 0) this.startedAt = performance.now();
      part = {
        position: { ...position },
        nextOffset: position.nextOffset,
        packets: 0,
        storedRows: 0,
        refusedRows: 0,
      };
      this.partitions.set(position.partition, part);
    }
    return part;
  }

  /** The record that a packet of the unit came in, and which packet of the record it is. */
  locate(tag: number): { readonly record: UnitRecord; readonly index: number } {
    let low = 0;
    let high = this.records.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.records[middle]!.firstTag <= tag) low = middle;
      else high = middle - 1;
    }
    const record = this.records[low]!;
    return { record, index: tag - record.firstTag };
  }
}

/** The packet of a record as a record of its own. */
export function singlePacketRecord(record: UnitRecord, index: number): Buffer {
  const block = new PacketBlock(record.packets);
  decodePacketBatch(record.value, block);
  return encodePacketBatch(block, [index], 0, 1);
}

/** How many multiples of `every` are below `end`. */
function multiples(end: number, every: number): number {
  return Math.ceil(end / every);
}

/** The records of each source, ordered by the first number of its address. */
function byFirstNumber(sources: ReadonlyMap<string, UnitRecord[]>): UnitRecord[][] {
  const buckets: UnitRecord[][][] = Array.from({ length: 256 }, () => []);
  for (const [source, records] of sources) {
    const first = source.includes(':') ? Number.parseInt(source, 16) : Number.parseInt(source, 10);
    buckets[first & 255]!.push(records);
  }
  return buckets.flat();
}
