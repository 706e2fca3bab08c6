/**
 * The records of one input partition, decoded and given to its engine in their order. A record that cannot be used is
 * set aside with the reason and does not hold up those behind it.
 */
import type { Message } from 'kafkajs';
import type { FetchedRecords } from '../../runtime/kafka/fetched-records.js';
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import {
  decodePacketBatch,
  MAX_BATCH_PACKETS,
  MAX_BATCH_ROWS,
  type PacketBatchResult,
} from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Engine, TimelineEnd } from '../engine/engine.js';
import { AHEAD_TOLERANCE_MICROS, type ClockSkew } from './clock-skew.js';
import { LiveClocks, type NodeClocks } from './live-clocks.js';
import type { ProcessMetrics } from './process-metrics.js';
import type { EndedTimeline, ReplayPosition } from './replay-position.js';

/** Origins stay in the block from record to record, as few as are found at a glance: to add one costs a twentieth of a small record. */
const ORIGINS_KEPT = 16;

/** The timeline of live traffic; replays have names. */
const LIVE = '';

type Batch = Extract<PacketBatchResult, { ok: true }>;

/** The record at hand, of which nothing is kept. */
export type InputRecord = Pick<
  FetchedRecords,
  'bytes' | 'valueStart' | 'valueLength' | 'offset' | 'timestamp' | 'key' | 'value'
>;

export interface InputOrigin {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionInputOptions {
  readonly origin: InputOrigin;
  readonly engine: Engine;
  readonly replay: ReplayPosition;
  readonly metrics: ProcessMetrics;
  readonly clockSkew: ClockSkew;
  /** Packets processed before. */
  readonly packets: number;
}

export class PartitionInput {
  /** Packets processed since the first record of the partition. */
  packets: number;
  /** Of live traffic. */
  readonly clocks = new LiveClocks();
  /** Timelines that came to their end in what was read again, and did not start again. */
  private readonly ended = new Map<string, { readonly newest: number; readonly reason: TimelineEnd }>();
  private readonly block = new PacketBlock(MAX_BATCH_PACKETS);
  private readonly rows = {
    conversations: new ConversationBlock(MAX_BATCH_ROWS),
    received: new ReceivedBlock(MAX_BATCH_ROWS),
    observes: true,
  };
  private deadLetters: Message[] = [];
  /** The newest capture time of the record at hand, µs. */
  private newest = 0;
  /** Its first capture time, or what a tick says, µs. */
  private batchTime = 0;
  /** How many packets of the record at hand are ahead of Kafka's clock, and by how much at most, µs. */
  private aheadPackets = 0;
  private aheadMicros = 0;
  private countedPackets: number;
  private records = 0;
  private bytes = 0;
  private replayedPackets = 0;

  private readonly engine: Engine;
  private readonly replay: ReplayPosition;
  private readonly metrics: ProcessMetrics;

  constructor(private readonly options: PartitionInputOptions) {
    this.engine = options.engine;
    this.replay = options.replay;
    this.metrics = options.metrics;
    this.packets = options.packets;
    this.countedPackets = options.packets;
  }

  /** Reads a record that has been processed before: it fills windows and nothing else. */
  rebuild(record: InputRecord): void {
    const batch = this.decode(record);
    if ('reason' in batch) return;
    const { timeline } = batch.origin;
    for (const idle of this.observe(record, batch)) this.rebuildEnd(idle.timeline, idle.newest, 'cut_off');
    this.ended.delete(timeline);
    const { conversations, received } = this.rows;
    if (batch.hosts > 0)
      this.engine.rebuild(this.block, 0, this.block.count, conversations, received, this.observed(batch));
    else if (!batch.endOfTimeline) this.engine.rebuildTick(timeline, batch.origin.captureNode, batch.firstTimestamp);
    if (batch.endOfTimeline) {
      this.replay.end(timeline);
      this.rebuildEnd(timeline, this.batchTime, 'end_of_timeline');
    }
    this.replayedPackets += batch.packets;
  }

  /**
   * All has been read again. The engine, which took up windows only, learns where timelines stood.
   *
   * @param silent clocks of capture nodes that had fallen silent before
   */
  finishRebuilding(silent: NodeClocks): void {
    for (const [timeline, { newest, reason }] of this.ended) this.engine.endTimeline(timeline, newest, reason);
    this.ended.clear();
    this.clocks.restore(silent);
    for (const [captureNode, clock] of Object.entries(this.clocks.all())) {
      this.engine.rebuildTick(LIVE, captureNode, clock);
      this.engine.tick(LIVE, captureNode, clock);
    }
  }

  process(record: InputRecord): void {
    const batch = this.decode(record);
    this.records++;
    this.bytes += Math.max(0, record.valueLength);
    if ('reason' in batch) {
      this.deadLetters.push(this.deadLetter(record, batch.reason, batch.detail));
      this.metrics.deadLetters.inc({ reason: batch.reason });
      return;
    }
    if (this.aheadMicros > 0)
      this.options.clockSkew.note(batch.origin.captureNode, this.aheadPackets, this.aheadMicros);
    for (const idle of this.observe(record, batch)) this.engine.endTimeline(idle.timeline, idle.newest, 'cut_off');
    const { timeline, captureNode } = batch.origin;
    const { conversations, received } = this.rows;
    if (batch.hosts > 0)
      this.engine.process(this.block, 0, this.block.count, conversations, received, this.observed(batch));
    else if (!batch.endOfTimeline) this.engine.tick(timeline, captureNode, this.batchTime);
    if (batch.endOfTimeline) {
      this.engine.endTimeline(timeline, this.batchTime);
      this.replay.end(timeline);
    }
    this.packets += batch.packets;
  }

  /** Brings the counters up to date; once for many records, since a counter costs more than a small record. */
  updateMetrics(): void {
    const { metrics } = this;
    metrics.packets.inc(this.packets - this.countedPackets);
    metrics.records.inc(this.records);
    metrics.bytes.inc(this.bytes);
    metrics.replayedPackets.inc(this.replayedPackets);
    this.countedPackets = this.packets;
    this.records = 0;
    this.bytes = 0;
    this.replayedPackets = 0;
  }

  get hasDeadLetters(): boolean {
    return this.deadLetters.length > 0;
  }

  /** The records set aside since the last take, as they go to the dead-letter topic. */
  takeDeadLetters(): Message[] {
    const taken = this.deadLetters;
    this.deadLetters = [];
    return taken;
  }

  private rebuildEnd(timeline: string, newest: number, reason: TimelineEnd): void {
    this.engine.rebuildEnd(timeline);
    this.ended.set(timeline, { newest, reason });
  }

  /** Null where the record is of a schema that says nothing of it. */
  private observed(batch: Batch): readonly Observation[] | null {
    return batch.observations === null ? null : this.block.observations;
  }

  private decode(record: InputRecord): Batch | { readonly reason: string; readonly detail: string } {
    if (record.valueLength < 0) return { reason: 'no_value', detail: 'the record has no value' };
    if (this.block.origins.length < ORIGINS_KEPT) this.block.forgetRows();
    else this.block.reset();
    const from = record.valueStart;
    this.rows.conversations.reset();
    this.rows.received.reset();
    const batch = decodePacketBatch(record.bytes, this.block, from, from + record.valueLength, this.rows);
    if (!batch.ok) return batch;
    this.newest = this.findNewest(batch);
    this.aheadMicros = 0;
    this.aheadPackets = 0;
    this.batchTime = batch.firstTimestamp;
    if (batch.origin.timeline === LIVE) this.bound(record.timestamp * 1000);
    return batch;
  }

  /** Takes back what is ahead of Kafka's clock to that. */
  private bound(kafkaMicros: number): void {
    const latest = kafkaMicros + AHEAD_TOLERANCE_MICROS;
    boundTimes(this.rows.conversations, latest);
    boundTimes(this.rows.received, latest);
    for (const observation of this.block.observations) observation.time = Math.min(observation.time, latest);
    if (this.newest <= latest) return;
    const { timestamp, count } = this.block;
    this.aheadMicros = this.newest - kafkaMicros;
    this.newest = latest;
    this.batchTime = Math.min(this.batchTime, latest);
    for (let row = 0; row < count; row++) {
      if (timestamp[row]! <= latest) continue;
      timestamp[row] = latest;
      this.aheadPackets++;
    }
  }

  private observe({ offset, timestamp }: InputRecord, batch: Batch): readonly EndedTimeline[] {
    const { timeline, captureNode } = batch.origin;
    const { newest } = this;
    if (timeline === LIVE) this.clocks.observe(captureNode, newest, timestamp);
    return this.replay.observe(offset, timeline, captureNode, newest, batch.hosts === 0, timestamp);
  }

  private findNewest(batch: Batch): number {
    const { timestamp, count } = this.block;
    let newest = batch.firstTimestamp;
    for (let row = 0; row < count; row++) if (timestamp[row]! > newest) newest = timestamp[row]!;
    for (const { time } of this.block.observations) if (time > newest) newest = time;
    return newest;
  }

  /** Copies the record: a view would keep all that was fetched with it. */
  private deadLetter({ key, value, offset, timestamp }: InputRecord, reason: string, detail: string): Message {
    return {
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: {
        reason,
        detail,
        'source-topic': this.options.origin.topic,
        'source-partition': String(this.options.origin.partition),
        'source-offset': String(offset),
        'source-timestamp': String(timestamp),
      },
    };
  }
}

/** Takes times of rows back to the latest there can be. */
function boundTimes({ time, last, count }: ConversationBlock | ReceivedBlock, latest: number): void {
  for (let row = 0; row < count; row++) {
    if (time[row]! > latest) time[row] = latest;
    if (last[row]! > latest) last[row] = latest;
  }
}
