/** The heartbeat of a capture node on the topic `capture-nodes`: the latest record of a node is its state. */
import type { Kafka, Producer } from 'kafkajs';
import { messageOf } from '../runtime/process/failure.js';
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
  private producer: Producer | null = null;
  private connected = false;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();
  private busy = false;
  private before: Totals = { packets: 0, bytes: 0 };
  private beforeAt = performance.now();

  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly intervalMs: number,
    private readonly read: StatusReader,
    private readonly log: Logger,
  ) {}

  /** Does not wait for Kafka: as long as it does not answer there are no heartbeats. */
  start(): void {
    this.producer = this.kafka.producer({ allowAutoTopicCreation: false, retry: { initialRetryTime: 50, retries: 1 } });
    this.timer = setInterval(() => this.beat(), this.intervalMs);
    this.beat();
  }

  /** The last heartbeat says that the node was stopped on purpose. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    if (this.producer === null) return;
    await this.sending;
    if (this.connected) await this.send(true);
    await this.producer.disconnect().catch(() => undefined);
  }

  /** One at a time: while Kafka is away they must not pile up. */
  private beat(): void {
    if (this.busy) return;
    this.busy = true;
    this.sending = this.send(false).finally(() => {
      this.busy = false;
    });
  }

  private async send(stopped: boolean): Promise<void> {
    const { totals, ...status } = this.read();
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.beforeAt) / 1000);
    const heartbeat: CaptureNodeStatus = {
      ...status,
      sent_at: new Date().toISOString(),
      interval_ms: this.intervalMs,
      packets_per_second: stopped ? 0 : Math.round((totals.packets - this.before.packets) / seconds),
      bits_per_second: stopped ? 0 : Math.round(((totals.bytes - this.before.bytes) * 8) / seconds),
      stopped,
    };
    this.before = totals;
    this.beforeAt = now;
    const messages = [{ key: status.capture_node, value: JSON.stringify(heartbeat) }];
    try {
      if (!this.connected) await this.producer!.connect();
      this.connected = true;
      await this.producer!.send({ topic: this.topic, messages });
    } catch (error) {
      this.log.debug({ reason: messageOf(error) }, 'the heartbeat was not sent');
    }
  }
}
