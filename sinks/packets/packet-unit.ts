/** What one transaction stores: segments, rollups and the new positions of the partitions they come from. */
import { formatSource } from '../../schemas/address.js';
import { type DecodedPacketBatch, encodePacketBatch, MAX_BATCH_PACKETS } from '../../schemas/packets/packet-batch.js';
import { ADDRESS_MAC, LITTLE_ENDIAN, PacketBlock } from '../../schemas/packets/packet-block.js';
import { ConversationRows } from '../conversations/conversation-rows.js';
import type { TopicPosition } from '../stream/topic-position.js';
import { SourceDictionary } from '../traffic/source-dictionary.js';
import { TrafficRollup } from '../traffic/traffic-rollup.js';
import { SegmentRows } from './segment-rows.js';

/** Past these a unit takes no more records, and reading waits. */
const PACKETS_MAX = 1 << 18;
const RECORDS_MAX = 1 << 17;
/** Runs of one source: a record more may have as many as it has packets. */
const RUNS_MAX = RECORDS_MAX + MAX_BATCH_PACKETS;
/** Rows of conversations, the same one told of again among them. */
const CONVERSATIONS_MAX = 1 << 16;
/** Minutes by nodes: each is rows to write, and an old capture may hold a minute a packet. */
const MINUTES_MAX = 2_048;
/** A fleet has a few, a replay one a file. */
const ORIGINS_MAX = 4_096;

/** Of the second word of a row's MACs, what belongs to the source's. */
const MAC_TAIL = LITTLE_ENDIAN ? 0xffff : 0xffff_0000;

/** Ids of a unit are its number × 2^20 + the place of the packet in it. */
const UNIT_ID_SPAN = 2 ** 20;

export interface UnitPartition {
  /** As the transaction expects to find it. */
  readonly position: TopicPosition;
  /** Offset behind the last record of the unit. */
  nextOffset: number;
  packets: number;
  storedRows: number;
  readonly refusedRows: 0;
}

/** A packet of a unit, and where it came from. */
export interface UnitPacket {
  /** As the record key. */
  readonly source: string;
  readonly partition: number;
  readonly offset: number;
  /** Of the packet in its record. */
  readonly index: number;
  /** The packet as a record of its own. */
  readonly value: Buffer;
}

/**
 * Packets are kept as columns, decoded once; of each source of a record with packets to store there is an entry here in each of
 * the arrays that say what these are. What is not to be stored is counted and forgotten.
 */
export class PacketUnit {
  readonly block = new PacketBlock(PACKETS_MAX + MAX_BATCH_PACKETS);
  readonly sources = new SourceDictionary();
  readonly rows = new SegmentRows(this.block);
  readonly rollup = new TrafficRollup(this.sources);
  /** What is told of conversations in the same records. */
  readonly conversations = new ConversationRows();
  readonly partitions = new Map<number, UnitPartition>();
  /** Packets so far, whether they are stored or not. */
  packets = 0;
  /** Likewise. */
  records = 0;
  /** When its first record came, milliseconds of the monotonic clock. */
  startedAt = 0;

  /** Runs of packets of one source and record, with packets to store. */
  private storedRuns = 0;
  /** Where a run begins in the block, where its record does, and how many packets it has. */
  private readonly firstRows = new Uint32Array(RUNS_MAX);
  private readonly recordRows = new Uint32Array(RUNS_MAX);
  private readonly rowCounts = new Uint32Array(RUNS_MAX);
  /** One of so many packets is stored, from this one of the run on. */
  private readonly every = new Float64Array(RUNS_MAX);
  private readonly skipped = new Float64Array(RUNS_MAX);
  private readonly sourceNumbers = new Uint32Array(RUNS_MAX);
  private readonly partitionNumbers = new Uint32Array(RUNS_MAX);
  private readonly offsets = new Float64Array(RUNS_MAX);
  /** Ids by the number of the origin in the block. */
  private readonly originIds: number[] = [];

  get empty(): boolean {
    return this.partitions.size === 0;
  }

  /** Whether any packet is to be stored. */
  get hasRows(): boolean {
    return this.storedRuns > 0;
  }

  get hasRoom(): boolean {
    return (
      this.packets < PACKETS_MAX &&
      this.records < RECORDS_MAX &&
      this.storedRuns < RECORDS_MAX &&
      this.rollup.size < MINUTES_MAX &&
      this.block.origins.length < ORIGINS_MAX &&
      this.conversations.copy.rows < CONVERSATIONS_MAX
    );
  }

  reset(): void {
    this.block.reset();
    this.rows.reset();
    this.sources.reset();
    this.rollup.reset();
    this.conversations.reset();
    this.partitions.clear();
    this.originIds.length = 0;
    this.packets = 0;
    this.records = 0;
    this.storedRuns = 0;
  }

  /**
   * Takes a record whose packets have been decoded into the block, source by source.
   *
   * @param everyOf of the source at a row one of so many packets is stored, counted from the first of the partition; 0 is none.
   * @returns how many of its packets are to be stored; when there is none their rows are not needed any more
   */
  add(
    position: TopicPosition,
    offset: number,
    batch: DecodedPacketBatch,
    originId: number,
    everyOf: (row: number) => number,
  ): number {
    const { firstRow, packets } = batch;
    const { block } = this;
    const end = firstRow + packets;
    let stored = 0;
    for (let row = firstRow; row < end; ) {
      const runEnd = batch.hosts === 1 ? end : endOfRun(block, row, end);
      const source = this.sources.numberOf(block, row);
      this.rollup.add(block, row, runEnd, source);
      const every = everyOf(row);
      if (every > 0) stored += this.addRun(position, offset, firstRow, row, runEnd, source, every);
      row = runEnd;
    }
    this.packets += packets;
    this.records++;
    if (stored > 0) this.originIds[block.origin[firstRow]!] = originId;
    return stored;
  }

  private addRun(
    position: TopicPosition,
    offset: number,
    recordRow: number,
    firstRow: number,
    end: number,
    source: number,
    every: number,
  ): number {
    const ordinal = position.packets + firstRow - recordRow;
    const packets = end - firstRow;
    const skipped = every * multiples(ordinal, every) - ordinal;
    if (skipped >= packets) return 0;
    const run = this.storedRuns++;
    this.firstRows[run] = firstRow;
    this.recordRows[run] = recordRow;
    this.rowCounts[run] = packets;
    this.every[run] = every;
    this.skipped[run] = skipped;
    this.sourceNumbers[run] = source;
    this.partitionNumbers[run] = position.partition;
    this.offsets[run] = offset;
    return multiples(ordinal + packets, every) - multiples(ordinal, every);
  }

  /** Makes the rows, with ids of the unit's number (of the sequence packet_units). */
  pack(unitNumber: number): void {
    const { rows, block, originIds, firstRows, rowCounts, every, skipped } = this;
    rows.begin(unitNumber * UNIT_ID_SPAN);
    for (const key of this.runKeys()) {
      const run = key % RUNS_MAX;
      const first = firstRows[run]!;
      const originId = originIds[block.origin[first]!]!;
      rows.append(first + skipped[run]!, first + rowCounts[run]!, every[run]!, originId);
    }
    rows.finish();
  }

  /**
   * A number a run, in the order in which they are stored; modulo RUNS_MAX it is the run's. They are ordered by
   * origin, then by address, then as they came: a segment then has few sources, a source few segments, and where most sources
   * have a packet or two, as in a flood from forged addresses, segments have few networks, which they are found by.
   */
  private runKeys(): Float64Array {
    const { sources, block, firstRows, sourceNumbers } = this;
    const byAddress = new Float64Array(sources.size);
    for (let number = 0; number < byAddress.length; number++) {
      byAddress[number] = sources.firstWordOf(number) * RUNS_MAX + number;
    }
    byAddress.sort();
    const places = new Uint32Array(byAddress.length);
    for (let place = 0; place < places.length; place++) places[byAddress[place]! % RUNS_MAX] = place;
    const keys = new Float64Array(this.storedRuns);
    for (let run = 0; run < keys.length; run++) {
      const origin = block.origin[firstRows[run]!]!;
      keys[run] = (origin * RUNS_MAX + places[sourceNumbers[run]!]!) * RUNS_MAX + run;
    }
    return keys.sort();
  }

  /** The packets of a row that Postgres refused, a row each. */
  packOneByOne(row: number): SegmentRows {
    const single = new SegmentRows(this.block, 1);
    single.begin(this.rows.firstIdOf(row));
    for (const blockRow of this.rows.blockRowsOf(row)) {
      single.append(blockRow, blockRow + 1, 1, this.originIds[this.block.origin[blockRow]!]!);
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

  /** A packet that is to be stored, by its row of the block. */
  packetOf(blockRow: number): UnitPacket {
    const { firstRows } = this;
    let low = 0;
    let high = this.storedRuns - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (firstRows[middle]! <= blockRow) low = middle;
      else high = middle - 1;
    }
    return {
      source: formatSource(this.block, blockRow),
      partition: this.partitionNumbers[low]!,
      offset: this.offsets[low]!,
      index: blockRow - this.recordRows[low]!,
      value: encodePacketBatch(this.block, [blockRow], 0, 1),
    };
  }
}

/** Where the packets of another source begin. */
function endOfRun({ sourceKind, sourceAddress, macWords }: PacketBlock, from: number, end: number): number {
  const kind = sourceKind[from];
  const address = sourceAddress[from];
  let row = from + 1;
  while (row < end && sourceKind[row] === kind) {
    const isSame =
      kind === ADDRESS_MAC
        ? macWords[row * 3] === macWords[from * 3] &&
          ((macWords[row * 3 + 1]! ^ macWords[from * 3 + 1]!) & MAC_TAIL) === 0
        : sourceAddress[row] === address;
    if (!isSame) break;
    row++;
  }
  return row;
}

/** How many multiples of `every` are below `end`. */
function multiples(end: number, every: number): number {
  return Math.ceil(end / every);
}
