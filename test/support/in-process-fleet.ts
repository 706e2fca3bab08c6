/**
 * A fleet in one process: captures through the intake of a capture node into records, the records by their keys into partitions,
 * each partition through the input of a worker into an engine of its own. And `nta analyze` of the same, to compare.
 */
import pino from 'pino';
import { Analysis } from '../../processors/analysis.js';
import { readChangelog } from '../../processors/engine/changelog-reader.js';
import { DetectionEngine } from '../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from '../../processors/engine/engine.js';
import { defaultRules } from '../../processors/rules/default-rules.js';
import { withoutHunted } from '../../processors/rules/hunted-rules.js';
import { ClockSkew } from '../../processors/worker/clock-skew.js';
import type { NodeClocks } from '../../processors/worker/live-clocks.js';
import { type InputRecord, PartitionInput } from '../../processors/worker/partition-input.js';
import { ProcessMetrics } from '../../processors/worker/process-metrics.js';
import { ReplayPosition } from '../../processors/worker/replay-position.js';
import { Balance } from '../../producers/balance.js';
import { readCapture } from '../../producers/capture-file/reader.js';
import { ConversationTracker } from '../../producers/conversations/conversation-tracker.js';
import { decodeCapture } from '../../producers/decoding/capture-decoder.js';
import { Intake } from '../../producers/decoding/intake.js';
import { partitionOf } from '../../runtime/kafka/partition.js';
import { Registry } from '../../runtime/process/metrics.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import {
  conversationBlock,
  copyConversations,
  copyReceived,
  receivedBlock,
} from '../../schemas/conversations/conversation-columns.js';
import { encodeTick } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { inputRecord } from './input-record.js';

export interface FleetOptions {
  readonly partitions?: number;
  readonly limits?: Partial<EngineLimits>;
  readonly tunnels?: 'outer' | 'inner';
  /** Frames between two flushes of the capture node. */
  readonly flushEvery?: number;
  /** After so many records of a partition its worker dies; never by default. */
  readonly recordsAWorker?: number;
}

const NODE = 'node';
/** What workers have in force: without what is hunted for in stored conversations. */
const RULES = withoutHunted(defaultRules());
const timelineOf = (index: number): string => `analyze-${index}`;

/** A partition in the hands of one worker after the other: each dies after its commit of so many records. */
class Partition {
  readonly alerts: AlertDocument[] = [];
  private readonly records: InputRecord[] = [];
  private readonly changelog = new Map<string, string>();
  private replayFrom = 0;
  private packets = 0;
  private silent: NodeClocks = {};
  private engine!: DetectionEngine;
  private input!: PartitionInput;
  private replay!: ReplayPosition;

  constructor(
    private readonly partition: number,
    private readonly limits: Partial<EngineLimits>,
    private readonly recordsAWorker: number,
  ) {
    this.begin();
  }

  private begin(): void {
    const metrics = new ProcessMetrics(new Registry());
    this.engine = new DetectionEngine(RULES, { ...DEFAULT_ENGINE_LIMITS, ...this.limits });
    this.replay = new ReplayPosition(this.replayFrom, this.engine.rebuildMicros);
    this.input = new PartitionInput({
      origin: { topic: 'packets', partition: this.partition },
      engine: this.engine,
      replay: this.replay,
      metrics,
      clockSkew: new ClockSkew(pino({ level: 'silent' }), metrics),
      packets: this.packets,
    });
    if (this.records.length === 0) return;
    const entries = [...this.changelog].map(([key, value]) => ({ key, value }));
    const [refused] = this.engine.restore(readChangelog(entries));
    if (refused !== undefined) throw new Error(`${refused.key}: ${refused.reason}`);
    for (const record of this.records.slice(this.replayFrom)) this.input.rebuild(record);
    this.input.finishRebuilding(this.silent);
  }

  take(value: Buffer): void {
    const record = inputRecord(value, this.records.length, 0);
    this.records.push(record);
    this.input.process(record);
    const [letter] = this.input.takeDeadLetters();
    if (letter !== undefined) throw new Error(`refused: ${JSON.stringify(letter.headers)}`);
    if (this.records.length % this.recordsAWorker !== 0) return;
    this.commit();
    this.begin();
  }

  commit(): void {
    const { alerts, changelog } = this.engine.take();
    this.alerts.push(...alerts);
    for (const { key, value } of changelog) {
      if (value === null) this.changelog.delete(key);
      else this.changelog.set(key, value);
    }
    this.replayFrom = Math.min(this.replay.replayFrom(), this.records.length);
    this.packets = this.input.packets;
    this.silent = this.input.clocks.silent();
  }
}

/** The alerts of a fleet that replays the captures one after the other, each on a timeline of its own. */
export async function fleetAlerts(files: readonly string[], options: FleetOptions = {}): Promise<AlertDocument[]> {
  const {
    partitions: count = 8,
    limits = {},
    tunnels = 'outer',
    flushEvery = 1000,
    recordsAWorker = Number.POSITIVE_INFINITY,
  } = options;
  const partitions = Array.from({ length: count }, (_, index) => new Partition(index, limits, recordsAWorker));
  const intake = new Intake(
    { captureNode: NODE, sampling: { kind: 'none', rate: 1 }, tunnels },
    new Balance(new Registry()),
    ({ key, value, sharing }) => partitions[sharing?.partition ?? partitionOf(key, count)]!.take(Buffer.from(value)),
    () => count,
  );
  for (const [index, file] of files.entries()) {
    const source = intake.source({ name: file, timeline: timelineOf(index) });
    let frames = 0;
    await readCapture(file, () => ({
      onInterface: (captureInterface) => source.onInterface(captureInterface),
      onFrame: (...frame) => {
        source.onFrame(...frame);
        if (++frames % flushEvery === 0) intake.flush();
      },
    }));
    intake.finish();
    if (source.origin === null || source.lastTimestamp === null) continue;
    for (const partition of partitions) partition.take(encodeTick(source.origin, source.lastTimestamp, true));
  }
  for (const partition of partitions) partition.commit();
  return partitions.flatMap(({ alerts }) => alerts);
}

/** The alerts of `nta analyze`, but for rules that workers leave to hunts. */
export async function analyzeAlerts(files: readonly string[], options: FleetOptions = {}): Promise<AlertDocument[]> {
  const analysis = new Analysis(RULES, options.limits);
  const alerts: AlertDocument[] = [];
  const conversations = new ConversationBlock(0);
  const received = new ReceivedBlock(0);
  for (const [index, file] of files.entries()) {
    const timeline = timelineOf(index);
    let waiting: { conversations: ConversationBlock; received: ReceivedBlock }[] = [];
    const tracker = new ConversationTracker({
      deliver: (from, of) =>
        waiting.push({
          conversations: conversationBlock(copyConversations(from)),
          received: receivedBlock(copyReceived(of)),
        }),
    });
    const process = (block: PacketBlock): void => {
      tracker.flush();
      const last = waiting.pop() ?? { conversations, received };
      const noPackets = new PacketBlock(0);
      for (const rows of waiting) alerts.push(...analysis.process(noPackets, rows.conversations, rows.received, []));
      waiting = [];
      alerts.push(...analysis.process(block, last.conversations, last.received, block.observations));
    };
    await decodeCapture(
      file,
      {
        tunnels: options.tunnels ?? 'outer',
        application: false,
        observe: true,
        dedupeWindow: 0,
        captureNode: NODE,
        timeline,
        conversations: tracker,
        blockCapacity: 8192,
      },
      process,
    );
    tracker.finish();
    process(new PacketBlock(0));
    alerts.push(...analysis.endTimeline(timeline));
  }
  return alerts;
}

/** Each alert by its id: rule, severity at the most, and whom it names. */
export function summaryOf(alerts: readonly AlertDocument[]): Record<string, string> {
  const severities = new Map<string, number>();
  const all: Record<string, string> = {};
  for (const { nta, event, rule, source } of alerts) {
    const { id } = nta.alert;
    const severity = Math.max(severities.get(id) ?? 0, event.severity);
    severities.set(id, severity);
    all[id] = `${rule.id} ${severity} ${source.address}`;
  }
  return all;
}
