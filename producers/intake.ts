/**
 * From frames to records: every source of a node hands its frames to one intake, which samples, decodes them into one
 * block, and on `flush` turns the block into records grouped by source. Everything is synchronous; whoever feeds it
 * decides when to wait.
 */

import { formatSource } from '../schemas/address.js';
import { DECODE_FAILURES } from '../schemas/decode-failure.js';
import { encodePacketBatch, MAX_BATCH_PACKETS } from '../schemas/packet-batch.js';
import { ADDRESS_NONE, PacketBlock, type PacketOrigin } from '../schemas/packet-block.js';
import { add, type Balance, type InterfaceCounts } from './balance.js';
import type { CaptureInterface, FrameHandler } from './capture-file/frame-handler.js';
import { ConversationTable } from './conversation-table.js';
import { type DecodeOptions, Dissection, decodeFrame } from './decoder.js';
import type { OutgoingRecord } from './publisher/lane.js';
import { RowGroups } from './row-groups.js';
import { keepsFlow, keepsPacket } from './sampling.js';

/** Rows of the block: more packets a record and fewer records, which cost more than packets; 8 MB. */
export const BLOCK_ROWS = 65_536;
/** A record stays below what brokers take by default (1 MiB a request), bytes. */
export const RECORD_BYTES_MAX = 900 * 1024;

export interface Sampling {
  readonly kind: PacketOrigin['sampling'];
  /** One of how many is kept. */
  readonly rate: number;
}

export interface IntakeOptions extends DecodeOptions {
  readonly captureNode: string;
  readonly sampling: Sampling;
}

/** What a source says of its frames. */
export interface SourceName {
  /** The interface, or the file as it was named. */
  readonly name: string;
  /** `PacketOrigin.timeline`. */
  readonly timeline: string;
  /** Added to every timestamp, µs. A function, because it may be known from the first frame only. */
  readonly shift?: (timestamp: number) => number;
}

export class Intake {
  private readonly block = new PacketBlock(BLOCK_ROWS);
  private readonly groups = new RowGroups(BLOCK_ROWS);
  private readonly conversations = new ConversationTable();
  private readonly dissection: Dissection;

  constructor(
    private readonly options: IntakeOptions,
    private readonly balance: Balance,
    private readonly emit: (record: OutgoingRecord) => void,
  ) {
    this.dissection = new Dissection(options);
  }

  /** A handler for the frames of one source. */
  source(source: SourceName): SourceIntake {
    return new SourceIntake(this, source, this.balance.of(source.name), this.options);
  }

  /** Decodes a frame; the block is flushed first when it is full. */
  take(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    origin: PacketOrigin,
    counts: InterfaceCounts,
  ): void {
    const { block } = this;
    if (block.count === block.capacity) this.flush();
    const { ipv6Count } = block;
    const { length: extraCount } = block.extras;
    const originIndex = block.originIndex(origin);
    const row = decodeFrame(
      block,
      origin.linkType,
      buffer,
      offset,
      capturedLength,
      frameLength,
      timestamp,
      originIndex,
      this.dissection,
    );
    if (origin.sampling === 'flow' && !keepsFlow(block, row, origin.samplingRate)) {
      block.count = row;
      block.ipv6Count = ipv6Count;
      block.extras.length = extraCount;
      counts.dropped.sampled_out++;
      return;
    }
    const failure = block.failure[row]!;
    if (failure !== 0) add(counts.decodeFailures, DECODE_FAILURES[failure]!, 1);
    this.conversations.classify(block, row);
  }

  /** Turns what the block holds into records. */
  flush(): void {
    const { block, groups } = this;
    if (block.count === 0) return;
    groups.group(block);
    for (let group = 0; group < groups.count; group++) {
      const end = groups.starts[group + 1]!;
      const first = groups.rows[groups.starts[group]!]!;
      const key = Buffer.from(formatSource(block, first));
      const interfaceName = block.origins[block.origin[first]!]!.interface;
      for (let from = groups.starts[group]!; from < end; from += MAX_BATCH_PACKETS) {
        this.emitRows(key, interfaceName, from, Math.min(from + MAX_BATCH_PACKETS, end));
      }
    }
    if (groups.sourceless > 0) this.countSourceless();
    block.reset();
  }

  /** One record, or as many as keep each below `RECORD_BYTES_MAX`. */
  private emitRows(key: Buffer, interfaceName: string, from: number, to: number): void {
    const value = encodePacketBatch(this.block, this.groups.rows, from, to);
    if (value.length > RECORD_BYTES_MAX && to - from > 1) {
      const middle = (from + to) >>> 1;
      this.emitRows(key, interfaceName, from, middle);
      this.emitRows(key, interfaceName, middle, to);
      return;
    }
    this.emit({ key, value, packets: to - from, interfaceName });
  }

  /** Frames without a source have no key, so they are counted here and go no further. */
  private countSourceless(): void {
    const { block } = this;
    for (let row = 0; row < block.count; row++) {
      if (block.sourceKind[row] !== ADDRESS_NONE) continue;
      const counts = this.balance.of(block.origins[block.origin[row]!]!.interface);
      counts.dropped.decode_failed++;
      add(counts.decodeFailed, DECODE_FAILURES[block.failure[row]!] || 'no_source', 1);
    }
  }
}

/** The frames of one interface or file on their way into the intake. */
export class SourceIntake implements FrameHandler {
  private readonly origins: PacketOrigin[] = [];
  private readonly packetRate: number;
  /** The latest timestamp handed on, µs; null before the first. */
  lastTimestamp: number | null = null;
  /** An origin of the source, for its ticks; null before its link type is known. */
  origin: PacketOrigin | null = null;
  private clockTimestamp: number | null = null;
  private clockReadAt = 0;

  constructor(
    private readonly intake: Intake,
    private readonly name: SourceName,
    readonly counts: InterfaceCounts,
    private readonly options: IntakeOptions,
  ) {
    this.packetRate = options.sampling.kind === 'packet' ? options.sampling.rate : 1;
  }

  /** The source's clock now when it runs at the speed of ours, µs: the latest timestamp and the time since it came. */
  now(): number | null {
    if (this.lastTimestamp !== this.clockTimestamp) {
      this.clockTimestamp = this.lastTimestamp;
      this.clockReadAt = performance.now();
    }
    return this.clockTimestamp === null
      ? null
      : this.clockTimestamp + Math.floor((performance.now() - this.clockReadAt) * 1000);
  }

  onInterface(captureInterface: CaptureInterface): void {
    const { linkType, index } = captureInterface;
    const known = this.origins.find((origin) => origin.linkType === linkType);
    this.origin = known ?? {
      captureNode: this.options.captureNode,
      interface: this.name.name,
      linkType,
      timeline: this.name.timeline,
      sampling: this.options.sampling.kind,
      samplingRate: this.options.sampling.rate,
    };
    this.origins[index] = this.origin;
  }

  onFrame(
    buffer: Uint8Array,
    offset: number,
    capturedLength: number,
    frameLength: number,
    timestamp: number,
    interfaceIndex: number,
  ): void {
    const { counts } = this;
    counts.seen++;
    counts.bytes += frameLength;
    const shifted = this.name.shift === undefined ? timestamp : timestamp + this.name.shift(timestamp);
    if (this.lastTimestamp === null || shifted > this.lastTimestamp) this.lastTimestamp = shifted;
    if (!keepsPacket(this.packetRate)) {
      counts.dropped.sampled_out++;
      return;
    }
    this.intake.take(buffer, offset, capturedLength, frameLength, shifted, this.origins[interfaceIndex]!, counts);
  }
}
