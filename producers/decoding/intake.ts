/**
 * From frames to records: every source of a node hands its frames to one intake, which samples and decodes them one by
 * one, encodes them a few at a time, and on `flush` gives what has gathered of each source as a record. Everything is
 * synchronous; whoever feeds it decides when to wait.
 */
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { ObservationBudget } from '../../schemas/observations/observation-budget.js';
import { unaskedObservations } from '../../schemas/observations/unasked.js';
import { DECODE_FAILURES } from '../../schemas/packets/decode-failure.js';
import { ADDRESS_NONE, PacketBlock, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { add, type Balance, type InterfaceCounts } from '../balance.js';
import type { CaptureInterface, FrameHandler } from '../capture-file/frame-handler.js';
import { ConversationTracker } from '../conversations/conversation-tracker.js';
import type { OutgoingRecord } from '../publisher/lane.js';
import { RecordAccumulator, ROWS_MAX } from '../publisher/record-accumulator.js';
import { keepsFlow, keepsPacket } from '../sampling.js';
import { CopyFilter, copyWindow } from './copies.js';
import { type DecodeOptions, Dissection, decodeFrame } from './decoder.js';
import { Payloads } from './payloads.js';

export interface Sampling {
  readonly kind: PacketOrigin['sampling'];
  /** One of how many is kept. */
  readonly rate: number;
}

export interface IntakeOptions extends DecodeOptions {
  readonly captureNode: string;
  /** `PacketOrigin.site`; empty by default. */
  readonly site?: string;
  readonly sampling: Sampling;
  /** A copy of a packet that came another way within this time is left out, µs; 0 or left out: on `any` and in replays. */
  readonly dedupeWindow?: number;
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

/** So long a packet may be on its way to us, behind those of other interfaces. */
const LATENESS_MICROS = 1_000_000;

export class Intake {
  /** Packets that are decoded and not encoded yet: few, so that their columns stay in the processor's first cache. */
  private readonly block = new PacketBlock(ROWS_MAX);
  private readonly conversations = new ConversationTracker({
    deliver: (conversations, received) => this.takeRows(conversations, received),
  });
  private readonly records = new RecordAccumulator(this.block, this.conversations.directionCount);
  private readonly payloads = new Payloads();
  private readonly copies = new CopyFilter();
  private readonly dissection: Dissection;
  private readonly unaskedBudget = new ObservationBudget();
  /** Under which name packets of an origin are counted, where that is not its interface. */
  private readonly names = new WeakMap<PacketOrigin, string>();

  constructor(
    private readonly options: IntakeOptions,
    private readonly balance: Balance,
    private readonly emit: (record: OutgoingRecord) => void,
    /** Of the topic; 0 while that is not known: sources with few packets share records then no more. */
    private readonly partitions: () => number = () => 0,
  ) {
    this.dissection = new Dissection({ ...options, observe: true });
  }

  /** A handler for the frames of one source. */
  source(source: SourceName): SourceIntake {
    return new SourceIntake(this, source, this.balance.of(source.name), this.options);
  }

  /** Decodes a frame, and encodes it with those before it when there are enough of them. */
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
    const { ipv6Count, applicationsLength } = block;
    const extras = block.extras.length;
    const row = decodeFrame(
      block,
      origin.linkType,
      buffer,
      offset,
      capturedLength,
      frameLength,
      timestamp,
      block.originIndex(origin),
      this.dissection,
    );
    const window = copyWindow(this.options.dedupeWindow ?? 0, origin);
    if (window > 0 && this.copies.isCopy(block, row, this.dissection, window)) {
      counts.dropped.duplicate++;
      block.truncate(row, ipv6Count, extras, applicationsLength);
      return;
    }
    if (origin.sampling === 'flow' && !keepsFlow(block, row, origin.samplingRate)) {
      counts.dropped.sampled_out++;
      block.truncate(row, ipv6Count, extras, applicationsLength);
      return;
    }
    const failure = block.failure[row]!;
    if (failure !== 0) add(counts.decodeFailures, DECODE_FAILURES[failure]!, 1);
    if (block.sourceKind[row] === ADDRESS_NONE) {
      // Frames without a source have no key, so they are counted here and go no further.
      counts.dropped.decode_failed++;
      add(counts.decodeFailed, DECODE_FAILURES[failure] || 'no_source', 1);
      block.truncate(row, ipv6Count, extras, applicationsLength);
      return;
    }
    this.payloads.keep(row, block, row, this.dissection, buffer);
    if (block.count === ROWS_MAX) this.encode();
  }

  /** Packets of an origin are counted as of a source of another name: of the file that has several interfaces. */
  countAs(origin: PacketOrigin, name: string): void {
    this.names.set(origin, name);
  }

  get observationsLeftOut(): number {
    return this.dissection.observationBudget.leftOut + this.unaskedBudget.leftOut;
  }

  /** The buffer of the frames so far is about to be used again. */
  onFramesRead(): void {
    this.payloads.secure();
  }

  get conversationsEvicted(): number {
    return this.conversations.evicted;
  }

  get quicSkipped(): number {
    return this.conversations.quicSkipped;
  }

  get conversationsLeftOut(): number {
    return this.conversations.unansweredLeftOut;
  }

  /** Turns what has gathered into records. */
  flush(): void {
    this.encode();
    this.flushRecords();
  }

  /** Ends what has been silent for too long by this time of the sources' clock, µs, though no packet tells it. */
  passTime(now: number): void {
    this.encode();
    this.conversations.passTime(now - LATENESS_MICROS);
  }

  /** As `flush`, at the end of a capture: all conversations are over. */
  finish(): void {
    this.encode();
    this.conversations.finish();
    this.flushRecords();
  }

  /** Of the packets in the block; what has gathered before is flushed first when there is no room for them. */
  private encode(): void {
    const { block, records } = this;
    const rows = block.count;
    this.conversations.classify(block, 0, rows, this.payloads);
    if (records.isFull) this.flushRecords();
    records.add(0, rows, this.conversations.directions);
    for (const observation of block.observations) {
      if (records.isFull) this.flushRecords();
      records.addObservation(observation, block.origins[observation.origin]!);
    }
    // Behind the packets that they are about.
    this.conversations.flush();
    block.reset();
  }

  private takeRows(conversations: ConversationBlock, received: ReceivedBlock): void {
    const { records } = this;
    for (let row = 0; row < conversations.count; row++) {
      if (records.isFull) this.flushRecords();
      records.addConversation(conversations, row);
    }
    for (let row = 0; row < received.count; row++) {
      if (records.isFull) this.flushRecords();
      records.addReceived(received, row);
      if (received.unasked[row] === 0) continue;
      const origin = received.origins[received.origin[row]!]!;
      for (const observation of unaskedObservations(received, row, 0, this.unaskedBudget)) {
        if (records.isFull) this.flushRecords();
        records.addObservation(observation, origin);
      }
    }
  }

  private flushRecords(): void {
    this.records.flush(
      (key, value, packets, origin, memory, sharing) =>
        this.emit({
          key,
          value,
          packets,
          interfaceName: this.names.get(origin) ?? origin.interface,
          memory,
          sharing,
        }),
      this.partitions(),
    );
  }
}

/** The frames of one interface or file on their way into the intake. */
export class SourceIntake implements FrameHandler {
  private readonly origins: PacketOrigin[] = [];
  private readonly packetRate: number;
  /** The latest timestamp handed on, µs. A number always: V8 makes an object of each one in a field that can be null. */
  private latest = Number.NEGATIVE_INFINITY;
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

  /** The latest timestamp handed on, µs; null before the first. */
  get lastTimestamp(): number | null {
    return this.latest === Number.NEGATIVE_INFINITY ? null : this.latest;
  }

  /** The source's clock now when it runs at the speed of ours, µs: the latest timestamp and the time since it came. */
  now(): number | null {
    const { lastTimestamp } = this;
    if (lastTimestamp !== this.clockTimestamp) {
      this.clockTimestamp = lastTimestamp;
      this.clockReadAt = performance.now();
    }
    return this.clockTimestamp === null
      ? null
      : this.clockTimestamp + Math.floor((performance.now() - this.clockReadAt) * 1000);
  }

  onInterface(captureInterface: CaptureInterface): void {
    const { linkType, index } = captureInterface;
    const name = captureInterface.name ?? this.name.name;
    const known = this.origins.find((origin) => origin.linkType === linkType && origin.interface === name);
    this.origin = known ?? {
      captureNode: this.options.captureNode,
      interface: name,
      linkType,
      timeline: this.name.timeline,
      sampling: this.options.sampling.kind,
      samplingRate: this.options.sampling.rate,
      site: this.options.site ?? '',
    };
    this.origins[index] = this.origin;
    if (name !== this.name.name) this.intake.countAs(this.origin, this.name.name);
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
    if (shifted > this.latest) this.latest = shifted;
    if (!keepsPacket(this.packetRate)) {
      counts.dropped.sampled_out++;
      return;
    }
    this.intake.take(buffer, offset, capturedLength, frameLength, shifted, this.origins[interfaceIndex]!, counts);
  }

  onFramesRead(): void {
    this.intake.onFramesRead();
  }
}
