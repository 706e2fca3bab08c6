/**
 * Says the same thing again and again on a compacted topic, the latest of which counts: heartbeats, and what is in force. Never
 * waits for Kafka: as long as it does not answer nothing is said, and nothing piles up.
 */
import type { Kafka, Producer } from 'kafkajs';
import { messageOf } from '../process/failure.js';
import type { Logger } from '../process/log.js';

export interface Announcement {
  readonly key: string;
  readonly value: object;
}

export class Announcer {
  private producer: Producer | null = null;
  private connected = false;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();
  private busy = false;

  /** @param read what is to be said now; `last` when it is the last time. */
  constructor(
    private readonly kafka: Kafka,
    private readonly topic: string,
    private readonly intervalMs: number,
    private readonly read: (last: boolean) => Announcement,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.producer = this.kafka.producer({ allowAutoTopicCreation: false, retry: { initialRetryTime: 50, retries: 1 } });
    this.timer = setInterval(() => this.say(), this.intervalMs);
    this.say();
  }

  /** Says it now, unless it is being said. */
  say(): void {
    if (this.busy || this.producer === null) return;
    this.busy = true;
    this.sending = this.send(false).finally(() => {
      this.busy = false;
    });
  }

  /** @param withLast whether it is said a last time. */
  async stop(withLast: boolean): Promise<void> {
    clearInterval(this.timer);
    const { producer } = this;
    if (producer === null) return;
    await this.sending;
    if (this.connected && withLast) await this.send(true);
    this.producer = null;
    await producer.disconnect().catch(() => undefined);
  }

  private async send(last: boolean): Promise<void> {
    const { key, value } = this.read(last);
    try {
      if (!this.connected) await this.producer!.connect();
      this.connected = true;
      await this.producer!.send({ topic: this.topic, messages: [{ key, value: JSON.stringify(value) }] });
    } catch (error) {
      this.log.debug({ topic: this.topic, reason: messageOf(error) }, 'nothing was announced');
    }
  }
}
