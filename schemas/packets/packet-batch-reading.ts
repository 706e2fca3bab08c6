/**
 * What follows the framing of a record on `packets`, into columns: schema 2, packet-batch-2.avsc.
 */
import { formatAddressBytes } from '../address.js';
import { ConversationBlock, ReceivedBlock } from '../conversations/conversation-block.js';
import {
  CONVERSATION_BYTES_MIN,
  RECEIVED_BYTES_MIN,
  readConversation,
  readReceived,
} from '../conversations/conversation-codec.js';
import { OBSERVATION_BYTES_MIN, readObservation } from '../observations/observation-codec.js';
import type { AvroReader } from './avro-bytes.js';
import { FlowColumns } from './flow-columns.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  type PacketBlock,
  type PacketOrigin,
} from './packet-block.js';
import { readPacket } from './packet-decoding.js';
import { PACKET_BYTES_MIN } from './packet-encoding.js';
import { readOrigin } from './packet-origin-codec.js';
import { readPlainPackets } from './plain-packet-decoding.js';

/** Most packets of one record; a block of this capacity takes any valid record. */
export const MAX_BATCH_PACKETS = 10_000;
/** Most conversations of one record, and most rows of what hosts received. */
export const MAX_BATCH_ROWS = 4096;

/** Fewer bytes than any host takes. */
const HOST_BYTES_MIN = 7;

/** Why a record could not be read. `block_full`: the same record fits blocks with more room. */
export type PacketBatchRefusal = 'not_avro' | 'unknown_schema' | 'truncated' | 'invalid' | 'block_full';

export type PacketBatchResult =
  | DecodedPacketBatch
  | { readonly ok: false; readonly reason: PacketBatchRefusal; readonly detail: string };

/** Where a record's rows go besides its packets; blocks of `MAX_BATCH_ROWS` take any valid record. */
export interface BatchRows {
  readonly conversations: ConversationBlock;
  readonly received: ReceivedBlock;
  /** Whether observations are wanted too: they go to the block's. */
  readonly observes?: boolean;
}

/** What a record was; its packets are in the block, and its rows in theirs. */
export class DecodedPacketBatch {
  readonly ok = true;
  /** Conversations and rows of what hosts received, appended from these rows on. */
  conversations = 0;
  firstConversation = 0;
  received = 0;
  firstReceived = 0;
  /** Observations appended to the block's; null of a schema that has none, where packets have to say it. */
  observations: number | null = null;

  constructor(
    /** Rows appended, from `firstRow` on; 0 for a tick. */
    readonly packets: number,
    readonly firstRow: number,
    /** The same object for the same origin, from batch to batch. */
    readonly origin: PacketOrigin,
    /** µs since 1970-01-01 UTC: of the first packet, or the node's clock when there is none. */
    readonly firstTimestamp: number,
    readonly endOfTimeline: boolean,
    /** Hosts in the record; 0 for a tick. */
    readonly hosts: number,
    private readonly bytes: Buffer,
    private readonly sourceStart: number,
    private readonly sourceLength: number,
  ) {}

  /** The address of the only host as text, which is also the record key; empty for a tick and of several. Made anew each time. */
  get source(): string {
    if (this.hosts !== 1) return '';
    return formatAddressBytes(this.bytes.subarray(this.sourceStart, this.sourceStart + this.sourceLength));
  }
}

export function refuse(reason: PacketBatchRefusal, detail: string): Extract<PacketBatchResult, { ok: false }> {
  return { ok: false, reason, detail };
}

/** Links of the record at hand, and flows of the host at hand. */
const flows = new FlowColumns(MAX_BATCH_PACKETS);

/** Where rows go that nobody wants. */
let unwanted: BatchRows | null = null;

/** Reads a record of packet-batch-2.avsc from the reader on to its end. */
export function readBatch2(reader: AvroReader, block: PacketBlock, wanted: BatchRows | null): PacketBatchResult {
  const { at: start } = reader;
  const origin = readOrigin(reader);
  const endOfTimeline = reader.boolean();
  const firstTimestamp = reader.long();
  if (reader.fault !== null) return refuse(reader.fault, `in the header, before byte ${reader.at - start}`);
  flows.readLinks(reader);
  if (reader.fault !== null) return refuse(reader.fault, 'in the array of links');
  const mark = new Mark(block, wanted);
  const hosts = new HostReader(reader, block, wanted, origin, firstTimestamp);
  const refusal = hosts.read();
  if (refusal !== null) {
    mark.restore();
    return refusal;
  }
  const firstRow = mark.row;
  if (hosts.row > firstRow) {
    const index = block.originIndex(origin);
    const { origin: column } = block;
    block.count = hosts.row;
    // Loops, here and below: `fill` costs more than the few rows of a small record.
    for (let row = firstRow; row < block.count; row++) column[row] = index;
  }
  const batch = new DecodedPacketBatch(
    hosts.row - firstRow,
    firstRow,
    origin,
    firstTimestamp,
    endOfTimeline,
    hosts.count,
    reader.bytes,
    hosts.sourceStart,
    hosts.sourceLength,
  );
  batch.observations = block.observations.length - mark.observations;
  if (wanted !== null) {
    batch.firstConversation = mark.conversation;
    batch.conversations = wanted.conversations.count - mark.conversation;
    batch.firstReceived = mark.received;
    batch.received = wanted.received.count - mark.received;
  }
  return batch;
}

/** What blocks held before a record. */
export class Mark {
  readonly row: number;
  readonly conversation: number;
  readonly received: number;
  readonly observations: number;
  private readonly ipv6Count: number;
  private readonly extras: number;
  private readonly applicationsLength: number;

  constructor(
    private readonly block: PacketBlock,
    private readonly rows: BatchRows | null,
  ) {
    this.row = block.count;
    this.ipv6Count = block.ipv6Count;
    this.extras = block.extras.length;
    this.applicationsLength = block.applicationsLength;
    this.observations = block.observations.length;
    this.conversation = rows === null ? 0 : rows.conversations.count;
    this.received = rows === null ? 0 : rows.received.count;
  }

  restore(): void {
    const { block, rows } = this;
    block.ipv6Count = this.ipv6Count;
    // Setting the length of an array, even to what it is, costs as much as a small packet.
    if (block.extras.length > this.extras) block.extras.length = this.extras;
    block.applicationsLength = this.applicationsLength;
    if (block.observations.length > this.observations) block.observations.length = this.observations;
    if (rows === null) return;
    rows.conversations.count = this.conversation;
    rows.received.count = this.received;
  }
}

/** The hosts of one record. Rows of packets are not yet counted in the block. */
class HostReader {
  count = 0;
  row: number;
  /** Conversations, rows of what hosts received, and observations. */
  private readonly totals = [0, 0, 0];
  sourceStart = 0;
  sourceLength = 0;
  private readonly firstRow: number;
  /** Why the rows at hand cannot be read. */
  private refusal: PacketBatchResult | null = null;

  constructor(
    private readonly reader: AvroReader,
    private readonly block: PacketBlock,
    private readonly wanted: BatchRows | null,
    private readonly origin: PacketOrigin,
    private readonly firstTimestamp: number,
  ) {
    this.row = this.firstRow = block.count;
  }

  /** Reads the array of hosts to the end of the record. */
  read(): PacketBatchResult | null {
    const { reader } = this;
    for (;;) {
      const count = reader.blockCount(HOST_BYTES_MIN);
      if (reader.fault !== null) return refuse(reader.fault, 'in the array of hosts');
      if (count === 0) break;
      for (let host = 0; host < count; host++) {
        const refusal = this.readHost();
        if (refusal !== null) return refusal;
      }
    }
    if (reader.at !== reader.end) return refuse('invalid', `${reader.end - reader.at} bytes after the last host`);
    return null;
  }

  private readHost(): PacketBatchResult | null {
    const { reader } = this;
    const sourceLength = reader.int();
    const sourceStart = reader.skip(sourceLength);
    if (kindOf(sourceLength) === ADDRESS_NONE && sourceLength !== 0) reader.fail('invalid');
    const time = this.firstTimestamp + reader.long();
    if (!Number.isSafeInteger(time)) reader.fail('invalid');
    if (reader.fault !== null) return refuse(reader.fault, `in host ${this.count + 1}`);
    this.count++;
    this.sourceStart = sourceStart;
    this.sourceLength = sourceLength;
    return this.readPackets(time) ?? this.readRows(time);
  }

  private readPackets(time: number): PacketBatchResult | null {
    const { reader, block, sourceStart, sourceLength } = this;
    const first = this.row;
    let row = first;
    let kind = -1;
    if (block.ipv6Count >= 2 * block.capacity) return refuse('block_full', 'more addresses than the block takes');
    flows.readFlows(reader, block);
    if (reader.fault !== null) return refuse(reader.fault, 'in an array of flows');
    let address = 0;
    for (;;) {
      const count = reader.blockCount(PACKET_BYTES_MIN);
      if (reader.fault !== null) return refuse(reader.fault, 'in an array of packets');
      if (count === 0) break;
      if (row - this.firstRow + count > MAX_BATCH_PACKETS) {
        return refuse('invalid', `more than ${MAX_BATCH_PACKETS} packets`);
      }
      if (row + count > block.capacity) {
        return refuse('block_full', `${row + count - block.capacity} packets more than the block takes`);
      }
      if (kind < 0) {
        kind = kindOf(sourceLength);
        if (kind === ADDRESS_IPV4) address = reader.word(sourceStart);
        else if (kind === ADDRESS_IPV6) address = block.addIpv6(reader.bytes, sourceStart);
      }
      for (const end = row + count; row < end; row++) {
        row = readPlainPackets(reader, block, row, end, row === first ? time : block.timestamp[row - 1]!, flows);
        if (row === end) break;
        if (reader.fault === null)
          readPacket(reader, block, row, row === first ? time : block.timestamp[row - 1]!, flows);
        if (reader.fault !== null) return refuse(reader.fault, `in packet ${row - this.firstRow + 1}`);
      }
    }
    if (kind === ADDRESS_MAC && !sameMacs(block, first, row, reader.bytes, sourceStart)) {
      return refuse('invalid', 'a source that is a MAC differs from the frame’s own');
    }
    fillSource(block, first, row, kind, address);
    this.row = row;
    return null;
  }

  private readRows(time: number): PacketBatchResult | null {
    const { reader } = this;
    // Nearly all hosts of most records have none.
    const { bytes, at } = reader;
    if (reader.end - at >= 3 && (bytes[at]! | bytes[at + 1]! | bytes[at + 2]!) === 0) {
      reader.at += 3;
      return null;
    }
    unwanted ??= {
      conversations: new ConversationBlock(MAX_BATCH_ROWS),
      received: new ReceivedBlock(MAX_BATCH_ROWS),
    };
    const { conversations, received } = this.wanted ?? unwanted;
    if (this.wanted === null) {
      conversations.reset();
      received.reset();
    }
    return (
      this.readConversations(conversations, time) ?? this.readReceived(received, time) ?? this.readObservations(time)
    );
  }

  private readConversations(rows: ConversationBlock, time: number): PacketBatchResult | null {
    const { reader, origin, sourceStart, sourceLength } = this;
    for (;;) {
      const count = this.nextRows(0, rows, CONVERSATION_BYTES_MIN);
      if (count === 0) return this.refusal;
      for (let item = 0; item < count; item++) {
        readConversation(reader, rows, origin, sourceStart, sourceLength, time);
        if (reader.fault !== null) return refuse(reader.fault, `in row ${item + 1}`);
      }
    }
  }

  private readReceived(rows: ReceivedBlock, time: number): PacketBatchResult | null {
    const { reader, origin, sourceStart, sourceLength } = this;
    for (;;) {
      const count = this.nextRows(1, rows, RECEIVED_BYTES_MIN);
      if (count === 0) return this.refusal;
      for (let item = 0; item < count; item++) {
        readReceived(reader, rows, origin, sourceStart, sourceLength, time);
        if (reader.fault !== null) return refuse(reader.fault, `in row ${item + 1}`);
      }
    }
  }

  private readObservations(time: number): PacketBatchResult | null {
    const { reader, block, wanted } = this;
    if (reader.end > reader.at && reader.bytes[reader.at] === 0) {
      reader.at++;
      return null;
    }
    const { observations } = block;
    const isWanted = wanted?.observes === true;
    const place = {
      host: formatAddressBytes(reader.bytes, this.sourceStart, this.sourceLength),
      time,
      row: block.count,
      origin: isWanted ? block.originIndex(this.origin) : 0,
    };
    for (;;) {
      const count = this.nextRows(2, null, OBSERVATION_BYTES_MIN);
      if (count === 0) return this.refusal;
      for (let item = 0; item < count; item++) {
        const observation = readObservation(reader, place);
        if (reader.fault !== null) return refuse(reader.fault, `in row ${item + 1}`);
        if (isWanted) observations.push(observation);
      }
    }
  }

  /** The number of rows of the next block of an array; 0 at its end, or where `refusal` says why there are none. */
  private nextRows(kind: number, rows: ConversationBlock | ReceivedBlock | null, bytesMin: number): number {
    const { reader } = this;
    const count = reader.blockCount(bytesMin);
    if (reader.fault !== null) this.refusal = refuse(reader.fault, 'in an array of rows');
    if (count === 0 || reader.fault !== null) return 0;
    this.totals[kind]! += count;
    if (rows !== null && this.sourceLength !== 4 && this.sourceLength !== 16)
      this.refusal = refuse('invalid', 'rows of what is no address of IP');
    else if (this.totals[kind]! > MAX_BATCH_ROWS) this.refusal = refuse('invalid', `more than ${MAX_BATCH_ROWS} rows`);
    else if (rows !== null && rows.count + count > rows.capacity)
      this.refusal = refuse('block_full', `${rows.count + count - rows.capacity} rows more than the block takes`);
    return this.refusal === null ? count : 0;
  }
}

export function fillSource(block: PacketBlock, from: number, to: number, kind: number, address: number): void {
  const { sourceKind, sourceAddress } = block;
  for (let row = from; row < to; row++) {
    sourceKind[row] = kind;
    sourceAddress[row] = address;
  }
}

export function kindOf(length: number): number {
  if (length === 4) return ADDRESS_IPV4;
  if (length === 16) return ADDRESS_IPV6;
  return length === 6 ? ADDRESS_MAC : ADDRESS_NONE;
}

/** A source that is a MAC stands in `macs`, so it has to be the frame's own. */
export function sameMacs(
  block: PacketBlock,
  firstRow: number,
  end: number,
  bytes: Buffer,
  sourceStart: number,
): boolean {
  for (let row = firstRow; row < end; row++) {
    for (let i = 0; i < 6; i++) if (block.macs[row * 12 + i] !== bytes[sourceStart + i]) return false;
  }
  return true;
}
