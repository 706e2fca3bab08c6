/** A processor's work on one partition that nobody disturbs: what workers under faults are held to. */
import type { KafkaMessage } from 'kafkajs';
import { readChangelog } from '../../processors/engine/changelog-reader.js';
import { DetectionEngine } from '../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../processors/engine/engine.js';
import { defaultRules } from '../../processors/rules/default-rules.js';
import { ClockSkew } from '../../processors/worker/clock-skew.js';
import { PartitionInput } from '../../processors/worker/partition-input.js';
import { ProcessMetrics } from '../../processors/worker/process-metrics.js';
import { ReplayPosition } from '../../processors/worker/replay-position.js';
import { Registry } from '../../runtime/process/metrics.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { inputRecord } from './input-record.js';
import { testLog } from './local-stack.js';

export class UndisturbedWorker {
  readonly alerts: AlertDocument[] = [];
  private readonly changelog = new Map<string, string>();
  private engine!: DetectionEngine;
  private input!: PartitionInput;

  constructor(private readonly partition: number) {
    this.open();
  }

  private open(): void {
    const metrics = new ProcessMetrics(new Registry());
    this.engine = new DetectionEngine(defaultRules(), DEFAULT_ENGINE_LIMITS);
    this.input = new PartitionInput({
      origin: { topic: 'packets', partition: this.partition },
      engine: this.engine,
      replay: new ReplayPosition(0, this.engine.rebuildMicros),
      metrics,
      clockSkew: new ClockSkew(testLog().child({}, { level: 'silent' }), metrics),
      packets: 0,
    });
  }

  read(records: readonly KafkaMessage[]): void {
    for (const { value, offset, timestamp } of records)
      this.input.process(inputRecord(value, Number(offset), Number(timestamp)));
    this.take();
  }

  /** The topic is recreated: what the old one left open is closed, for nothing of it comes any more. */
  restart(): void {
    const entries = readChangelog([...this.changelog].map(([key, value]) => ({ key, value })));
    this.open();
    this.engine.restore(entries);
    const timelines = new Set<string>();
    for (const { entry } of entries) {
      if (typeof entry !== 'string' && entry.kind !== 'incident') timelines.add(entry.run ?? entry.timeline);
    }
    for (const timeline of timelines) this.engine.endTimeline(timeline, 0, 'cut_off');
    this.take();
  }

  private take(): void {
    const { alerts, changelog } = this.engine.take();
    this.alerts.push(...alerts);
    for (const { key, value } of changelog) {
      if (value === null) this.changelog.delete(key);
      else this.changelog.set(key, value);
    }
  }
}
