/**
 * Packets on their way into records: one a source and origin, or one a partition of those sources that have few. Packets are encoded soon after they have been decoded,
 * while their columns are in the processor's cache, each behind the others of its source; what a flush then makes of a source
 * is the head of the record and a copy of a few runs of bytes. Encoding the packets of a source from all over a block of
 * columns instead took twice the time, most of it waiting for memory.
 *
 * Everything lies in typed arrays that are used again after a flush; their size bounds what may wait for one.
 */
import { ipv4At } from '../../schemas/address.js';
import {
  ADDRESS_SLOT_BYTES,
  type ConversationBlock,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { OBSERVATION_BYTES_MAX, putAddress } from '../../schemas/observations/observation-codec.js';
import { isAddress, linkName, partyOf } from '../../schemas/observations/party.js';
import { LONG_BYTES_MAX } from '../../schemas/packets/avro-bytes.js';
import {
  BATCH_START_BYTES_MAX,
  batchHead,
  HOST_BYTES_MAX,
  MAX_BATCH_PACKETS,
  MAX_BATCH_ROWS,
} from '../../schemas/packets/packet-batch.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_ICMP,
  HAS_PORTS,
  originIndex,
  type PacketBlock,
  type PacketOrigin,
} from '../../schemas/packets/packet-block.js';
import {
  FLOW_BYTES_MAX,
  LINK_BYTES_MAX,
  PACKET_BYTES_MAX,
  PacketEncoder,
  packetBytesMax,
  safeTimestamp,
} from '../../schemas/packets/packet-encoding.js';
import { EXTRA_BYTES_MAX } from '../../schemas/packets/packet-extra-codec.js';
import { FlowTable, NO_DIRECTION, NO_FLOW } from './flow-table.js';
import { FlushMemoryPool } from './flush-memory.js';
import type { RecordTaker, Sharing } from './lane.js';
import { NO_LINK } from './link-table.js';
import { PacketRuns, RUN_BYTES_MAX } from './packet-runs.js';
import { RecordRows, ROW_COUNT_MAX, rowBytesMax } from './record-rows.js';
import { RecordWriter } from './record-writer.js';
import { isSmall, SharedRecords } from './shared-records.js';
import { ADDRESS_TEXT, addressBytes, addressStart, hashBytes, hashIpv4, hashOfSource } from './source-key.js';
import { NO_SOURCE, SourceTable } from './source-table.js';
import {
  BYTES,
  END,
  FIRST_FLOW,
  FIRST_ROW,
  FIRST_TIMESTAMP,
  FLOW_COUNT,
  IDENTITY,
  LAST_FLOW,
  LAST_ROW,
  LAST_TIMESTAMP,
  NEXT,
  PACKETS,
  ROW_COUNT,
  SOURCE_WORDS as WORDS,
} from './source-words.js';

/** A record stays below what brokers take by default (1 MiB a request), bytes. */
export const RECORD_BYTES_MAX = 900 * 1024;
/** More packets a record make fewer records, which cost more than packets. */
export const PACKETS_MAX = 65_536;
/** Room for so many packets of the usual 60 bytes, and for what runs leave unused. */
const ARENA_BYTES = 8 * 1024 * 1024;
/** Packets that are added at once. */
export const ROWS_MAX = 64;
/** More bytes than a flow that is new to a record takes there, with a link of its own. */
const NEW_FLOW_BYTES_MAX = FLOW_BYTES_MAX + LINK_BYTES_MAX + LONG_BYTES_MAX;
/** What a record has besides its head, flows, packets and rows. */
const RECORD_OVERHEAD_MAX = BATCH_START_BYTES_MAX + HOST_BYTES_MAX;
const EMPTY_BYTES = new Uint8Array(0);
/** The address at hand: its length, then its bytes. */
const partyBytes = Buffer.alloc(17);
/** The most that one packet takes of the arena. */
const ROOM_MAX = Math.max(PACKET_BYTES_MAX + EXTRA_BYTES_MAX, RUN_BYTES_MAX);

/** Sources of packets, and of rows besides. */
const SOURCES_MAX = PACKETS_MAX + ROW_COUNT_MAX;
/** A source begins with one, and a packet may take another. */
const RUNS_MAX = PACKETS_MAX + SOURCES_MAX;
const SLOTS = 2 * PACKETS_MAX;

export class RecordAccumulator {
  /** Packets added since the last flush. */
  packets = 0;
  private readonly rows = new RecordRows();
  private readonly table = new SourceTable(SOURCES_MAX, SLOTS);
  private readonly sources = this.table.words;
  private readonly runs = new PacketRuns(this.sources, ARENA_BYTES, RUNS_MAX);
  private readonly flows: FlowTable;
  private readonly encoder: PacketEncoder;
  private readonly writer: RecordWriter;
  /** Of the rows being added. */
  private readonly identities = new Int32Array(ROWS_MAX);
  private readonly directions = new Int32Array(ROWS_MAX);
  /** The hashes of their sources, where these are not known by the flow. */
  private readonly hashes = new Int32Array(ROWS_MAX);
  /** The flows that they go on with. */
  private readonly latest = new Int32Array(ROWS_MAX);
  /** Of no meaning: V8 would leave out loads whose value goes nowhere. */
  touched = 0;
  private readonly origins: PacketOrigin[] = [];
  private readonly heads: Buffer[] = [];
  /** Most bytes of packets in a record, besides its head. */
  private packetBytesMax = RECORD_BYTES_MAX;
  private readonly memory = new FlushMemoryPool();

  /**
   * @param block of which rows are added
   * @param directions of conversations there can be
   */
  constructor(
    private readonly block: PacketBlock,
    directions = 0,
  ) {
    this.flows = new FlowTable(block, this.sources, PACKETS_MAX, directions);
    this.encoder = new PacketEncoder(block, this.runs.arena.bytes);
    this.writer = new RecordWriter(this.table, this.flows, this.runs, this.rows);
  }

  /** Whether the next rows need a flush first. */
  get isFull(): boolean {
    return (
      this.packets > PACKETS_MAX - ROWS_MAX || this.runs.used > ARENA_BYTES - ROWS_MAX * ROOM_MAX || this.rows.isFull
    );
  }

  /**
   * Adds the packets of these rows, at most `ROWS_MAX`, which have a source each; not while `isFull`.
   *
   * @param directions of their conversations, the first row's first, or `NO_DIRECTION`
   */
  add(from: number, to: number, directions: Int32Array | null = null): void {
    const { block } = this;
    let origin = -1;
    let originBits = 0;
    for (let row = from; row < to; row++) {
      const index = row - from;
      if (block.origin[row] !== origin) {
        origin = block.origin[row]!;
        originBits = this.originIndex(block.origins[origin]!) << 8;
      }
      this.identities[index] = originBits | block.sourceKind[row]!;
      const has = block.present[row]! & (HAS_PORTS | HAS_ICMP);
      this.directions[index] = directions === null || has !== HAS_PORTS ? NO_DIRECTION : directions[index]!;
    }
    this.lookUp(from, to);
    for (let row = from; row < to; row++) this.addRow(row, row - from);
  }

  /**
   * Looks which packets go on with a flow, and touches what each will be added to: its source, and the arena where that goes on.
   * A loop this short keeps many loads under way at once, where adding one packet after the other waits for each.
   */
  private lookUp(from: number, to: number): void {
    const { block, flows, table, sources, identities, hashes, directions } = this;
    const arena = this.runs.arena.bytes;
    let touched = 0;
    for (let row = from; row < to; row++) {
      const index = row - from;
      const direction = directions[index]!;
      const flow = direction === NO_DIRECTION ? NO_FLOW : flows.latest(row, direction, identities[index]!);
      this.latest[index] = flow;
      let source: number;
      if (flow === NO_FLOW) {
        const hash = hashOfSource(block, row, identities[index]!);
        hashes[index] = hash;
        source = table.peek(hash);
      } else source = flows.ownerOf(flow);
      if (source !== NO_SOURCE) touched ^= arena[sources[source + NEXT]!]!;
    }
    this.touched = touched;
  }

  private addRow(row: number, index: number): void {
    const { block, sources, table, flows } = this;
    const room = packetBytesMax(block, row);
    const time = safeTimestamp(block.timestamp[row]!);
    let flow = this.latest[index]!;
    let source = flow === NO_FLOW ? NO_SOURCE : flows.ownerOf(flow);
    if (source === NO_SOURCE || !this.hasRoom(source, room)) {
      source = this.sourceOf(row, index, room);
      flow = this.flowOf(row, source, this.directions[index]!);
    }
    let at = sources[source + NEXT]!;
    if (sources[source + END]! - at < room) at = this.runs.makeRoom(source, room);
    const latest = (source + LAST_TIMESTAMP) >>> 1;
    // Where a damaged capture jumps further than a number tells, what follows is counted from where readers come out.
    const offset = safeTimestamp(time - table.times[latest]!);
    const end = this.encoder.put(at, row, offset, flows.numbers[flow]!);
    table.times[latest]! += offset;
    sources[source + NEXT] = end;
    sources[source + BYTES]! += end - at;
    if (sources[source + PACKETS]!++ === 0) this.runs.endAt(source, end);
    this.packets++;
  }

  /** The source of a row, added when it is new, and once more when its record has no room for another packet. */
  private sourceOf(row: number, index: number, room: number): number {
    const { block } = this;
    const identity = this.identities[index]!;
    const kind = identity & 0xff;
    const isIpv4 = kind === ADDRESS_IPV4;
    const bytes = isIpv4 ? EMPTY_BYTES : addressBytes(block, kind);
    const from = isIpv4 ? 0 : addressStart(block, row, kind);
    const time = safeTimestamp(block.timestamp[row]!);
    const value = isIpv4 ? block.sourceAddress[row]! : 0;
    // Of a flow whose record is full the source was not looked for before.
    const hash = this.latest[index] === NO_FLOW ? this.hashes[index]! : hashOfSource(block, row, identity);
    const source = this.find(identity, hash, bytes, from, value, time);
    return this.hasRoom(source, room) ? source : this.begin(this.table.addAgain(source), time);
  }

  /** Whether a record may have one more packet, of so many bytes. */
  private hasRoom(source: number, room: number): boolean {
    const { sources } = this;
    return (
      sources[source + PACKETS] !== MAX_BATCH_PACKETS &&
      sources[source + BYTES]! + room + NEW_FLOW_BYTES_MAX <= this.packetBytesMax
    );
  }

  /** The flow of a row, added to those of its source when it is new. */
  private flowOf(row: number, source: number, direction: number): number {
    const { sources, flows } = this;
    const isFirst = sources[source + FLOW_COUNT] === 0;
    const link = isFirst ? NO_LINK : flows.linkOf(sources[source + LAST_FLOW]!);
    const flow =
      direction === NO_DIRECTION ? flows.find(row, source, link) : flows.findInDirection(row, source, direction, link);
    if (!flows.isNew) return flow;
    if (isFirst) sources[source + FIRST_FLOW] = flow;
    else flows.next[sources[source + LAST_FLOW]!] = flow;
    sources[source + LAST_FLOW] = flow;
    flows.numbers[flow] = sources[source + FLOW_COUNT]!++;
    sources[source + BYTES]! += NEW_FLOW_BYTES_MAX;
    return flow;
  }

  /** Adds a conversation to what its originator's record says; not while `isFull`. */
  addConversation(block: ConversationBlock, row: number): void {
    const source = this.findHost(block, block.originator, row);
    this.chainRow(source, this.rows.addConversation(block, row, this.table.timeOf(source)));
  }

  /** Adds a row of what a host received to what its record says; not while `isFull`. */
  addReceived(block: ReceivedBlock, row: number): void {
    const source = this.findHost(block, block.target, row);
    this.chainRow(source, this.rows.addReceived(block, row, this.table.timeOf(source)));
  }

  /** Adds an observation to what the record of its party says (`partyOf`); not while `isFull`. */
  addObservation(observation: Observation, origin: PacketOrigin): void {
    const time = safeTimestamp(observation.time);
    const host = this.withRoom(this.findParty(observation, origin, time), OBSERVATION_BYTES_MAX, time);
    this.chainRow(host, this.rows.addObservation(observation, this.table.timeOf(host)));
  }

  private findParty(observation: Observation, origin: PacketOrigin, time: number): number {
    const party = partyOf(observation);
    const originBits = this.originIndex(origin) << 8;
    if (isAddress(party)) {
      const length = (putAddress(partyBytes, 0, party) - 1) | 0;
      const identity = originBits | (length === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6);
      const value = ipv4At(partyBytes, 1);
      const hash = length === 4 ? hashIpv4(value, identity) : hashBytes(partyBytes, 1, length, identity);
      return this.find(identity, hash, partyBytes, 1, value, time);
    }
    const text = party === '' ? linkName(observation.vlan, origin.interface) : party;
    const identity = originBits | ADDRESS_TEXT;
    const number = this.table.textNumber(text);
    return this.find(identity, hashIpv4(number, identity), EMPTY_BYTES, 0, number, time);
  }

  private findHost(block: ConversationBlock | ReceivedBlock, slots: Uint8Array, row: number): number {
    const slot = row * ADDRESS_SLOT_BYTES;
    const kind = slots[slot]!;
    const identity = (this.originIndex(block.origins[block.origin[row]!]!) << 8) | kind;
    const time = safeTimestamp(block.time[row]!);
    const from = slot + 1;
    const value = ipv4At(slots, from);
    const hash = kind === ADDRESS_IPV4 ? hashIpv4(value, identity) : hashBytes(slots, from, 16, identity);
    return this.withRoom(this.find(identity, hash, slots, from, value, time), rowBytesMax(block, row), time);
  }

  /** The record of a host, or a further one when a row does not fit it. */
  private withRoom(source: number, room: number, time: number): number {
    const { sources } = this;
    const fits =
      sources[source + BYTES]! + room <= this.packetBytesMax && sources[source + ROW_COUNT]! < MAX_BATCH_ROWS;
    return fits ? source : this.begin(this.table.addAgain(source), time);
  }

  private chainRow(source: number, row: number): void {
    const { sources } = this;
    const last = sources[source + LAST_ROW]!;
    if (last === 0) sources[source + FIRST_ROW] = row;
    else this.rows.chain(last, row);
    sources[source + LAST_ROW] = row;
    sources[source + BYTES]! += this.rows.lengthOf(row);
    sources[source + ROW_COUNT]!++;
  }

  /**
   * Hands over the records of what was added, and forgets it: of each source in the order in which they first appeared, then
   * those of several sources.
   *
   * @param partitions of the topic; 0: not known, and each source has records of its own
   */
  flush(take: RecordTaker, partitions = 0): void {
    const { table, sources, origins } = this;
    if (table.count === 0) return;
    const memory = this.memory.take(this.recordBytesMax());
    const { bytes } = memory;
    let at = 0;
    const emit = (first: number, hosts: number, packets: number, sharing: Sharing | null): void => {
      const origin = sources[first + IDENTITY]! >>> 8;
      const keyEnd = sharing === null ? table.putKey(bytes, at, first) : at;
      const valueEnd = this.writer.put(memory, keyEnd, first, hosts, this.heads[origin]!);
      memory.share();
      const key = bytes.subarray(at, keyEnd);
      take(key, bytes.subarray(keyEnd, valueEnd), packets, origins[origin]!, memory, sharing);
      at = valueEnd;
    };
    const shared = new SharedRecords(table, partitions, this.packetBytesMax, emit);
    for (let source = 0; source < table.count * WORDS; source += WORDS) {
      if (partitions === 0 || !isSmall(sources, source)) emit(source, 1, sources[source + PACKETS]!, null);
      else shared.add(source);
    }
    shared.finish();
    memory.release();
    this.clear();
  }

  private clear(): void {
    this.table.clear();
    this.packets = 0;
    this.rows.clear();
    this.runs.clear();
    this.flows.clear();
    this.origins.length = 0;
    this.heads.length = 0;
    this.packetBytesMax = RECORD_BYTES_MAX;
  }

  /** The source, added when it is new: as `SourceTable.find`. */
  private find(identity: number, hash: number, bytes: Uint8Array, from: number, value: number, time: number): number {
    const known = this.table.find(identity, hash, bytes, from, value);
    return known === NO_SOURCE ? this.begin(this.table.add(identity, hash, bytes, from, value), time) : known;
  }

  private originIndex(origin: PacketOrigin): number {
    const index = originIndex(this.origins, origin);
    if (index === this.heads.length) {
      const head = batchHead(origin);
      this.packetBytesMax = Math.min(this.packetBytesMax, RECORD_BYTES_MAX - head.length - RECORD_OVERHEAD_MAX);
      this.heads.push(head);
    }
    return index;
  }

  /** Makes a source one without packets. */
  private begin(source: number, time: number): number {
    const { sources } = this;
    this.runs.begin(source);
    sources[source + PACKETS] = sources[source + BYTES] = sources[source + FLOW_COUNT] = 0;
    sources[source + FIRST_ROW] = sources[source + LAST_ROW] = sources[source + ROW_COUNT] = 0;
    this.table.times[(source + FIRST_TIMESTAMP) >>> 1] = time;
    this.table.times[(source + LAST_TIMESTAMP) >>> 1] = time;
    return source;
  }

  /** Enough for the keys and values of all records. */
  private recordBytesMax(): number {
    const head = this.heads.reduce((most, { length }) => Math.max(most, length), 0);
    const { table } = this;
    const flows = this.flows.count * NEW_FLOW_BYTES_MAX;
    return (
      this.runs.used + flows + this.rows.bytesUsed + table.keyBytesMax + table.count * (head + RECORD_OVERHEAD_MAX)
    );
  }
}
