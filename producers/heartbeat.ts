/** The heartbeat of a capture node on the topic `capture-nodes`: the latest record of a node is its state. */
import type { Kafka } from 'kafkajs';
import { type Announcement, Announcer } from '../runtime/kafka/announcer.js';
import type { Logger } from '../runtime/process/log.js';
import type { CaptureNodeStatus } from '../schemas/nodes/capture-node.js';

/** Counters that rates are made of. */
export interface Totals {
  readonly packets: number;
  readonly bytes: number;
}

export type StatusReader = () => Omit<
  CaptureNodeStatus,
  'sent_at' | 'interval_ms' | 'packets_per_second' | 'bits_per_second' | 'stopped'
> & { readonly totals: Totals };

export class Heartbeat {
  private readonly announcer: Announcer;
  private before: Totals = { packets: 0, bytes: 0 };
  private beforeAt = performance.now();

  constructor(
    kafka: Kafka,
    topic: string,
    private readonly intervalMs: number,
    private readonly read: StatusReader,
    log: Logger,
  ) {
    this.announcer = new Announcer(kafka, topic, intervalMs, (stopped) => this.beat(stopped), log);
  }

  start(): void {
    this.announcer.start();
  }

  /** The last heartbeat says that the node was stopped on purpose. */
  stop(): Promise<void> {
    return this.announcer.stop(true);
  }

  private beat(stopped: boolean): Announcement {
    const { totals, ...status } = this.read();
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.beforeAt) / 1000);
    const value: CaptureNodeStatus = {
      ...status,
      sent_at: new Date().toISOString(),
      interval_ms: this.intervalMs,
      packets_per_second: stopped ? 0 : Math.round((totals.packets - this.before.packets) / seconds),
      bits_per_second: stopped ? 0 : Math.round(((totals.bytes - this.before.bytes) * 8) / seconds),
      stopped,
    };
    this.before = totals;
    this.beforeAt = now;
    return { key: status.capture_node, value };
  }
}
