/** What one transaction stores: rows, rollups and the new positions of the partitions they come from. */
import { decodePacketBatch, encodePacketBatch } from '../schemas/packet-batch.js';
import { PacketBlock } from '../schemas/packet-block.js';
import { PacketRows } from './packet-rows.js';
import type { TopicPosition } from './topic-position.js';
import { TrafficRollup } from './traffic-rollup.js';

/** A record as it came, kept until its rows are stored: about 20 bytes a packet, where a row takes 160. */
export interface UnitRecord {
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer;
  /** Number of its first packet in the unit. */
  readonly firstTag: number;
  readonly packets: number;
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

export class PacketUnit {
  readonly rows = new PacketRows();
  readonly rollup = new TrafficRollup();
  readonly partitions = new Map<number, UnitPartition>();
  readonly records: UnitRecord[] = [];
  /** Packets so far, whether they become rows or not; the tag of the next one. */
  packets = 0;
  /** When its first record came, milliseconds of the monotonic clock. */
  startedAt = 0;

  get empty(): boolean {
    return this.partitions.size === 0;
  }

  reset(): void {
    this.rows.reset();
    this.rollup.reset();
    this.partitions.clear();
    this.records.length = 0;
    this.packets = 0;
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
