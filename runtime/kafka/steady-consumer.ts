/**
 * A consumer that stays. kafkajs mends most of what breaks by itself, but gives up where a broker that has just come back
 * does not know yet who coordinates the group; then it is run again. And it says nothing while no broker answers, which is
 * told here by the heartbeats that are answered.
 */
import type { Consumer, ConsumerRunConfig } from 'kafkajs';
import { messageOf } from '../process/failure.js';
import { GrowingDelay } from '../process/growing-delay.js';
import type { Logger } from '../process/log.js';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** A member sends heartbeats every second or so; without an answer for so long, Kafka counts as away, ms. */
const AWAY_AFTER_MS = 10_000;

/** Since when Kafka has answered the members of a group, by their heartbeats. */
export class KafkaPresence {
  private seenAt: number | null = null;

  constructor(consumer: Consumer) {
    const { HEARTBEAT, GROUP_JOIN } = consumer.events;
    const seen = (): void => {
      this.seenAt = performance.now();
    };
    consumer.on(HEARTBEAT, seen);
    consumer.on(GROUP_JOIN, seen);
  }

  /** That Kafka does not answer, or null when it does. */
  get obstacle(): string | null {
    if (this.seenAt === null) return 'joining the consumer group';
    const silence = performance.now() - this.seenAt;
    return silence > AWAY_AFTER_MS ? `Kafka has not answered for ${Math.round(silence / 1000)} s` : null;
  }
}

export class SteadyConsumer {
  private readonly presence: KafkaPresence;
  private readonly delay = new GrowingDelay(FIRST_DELAY_MS, LONGEST_DELAY_MS);
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  /** @param onLost called with what waiting does not mend. */
  constructor(
    private readonly consumer: Consumer,
    private readonly config: ConsumerRunConfig,
    private readonly log: Logger,
    private readonly onLost: (error: unknown) => void,
  ) {
    this.presence = new KafkaPresence(consumer);
    consumer.on(consumer.events.GROUP_JOIN, () => this.delay.reset());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart && !this.isStopped) this.mend(payload.error);
    });
  }

  /** Why nothing can be read, or null. */
  get obstacle(): string | null {
    return this.presence.obstacle;
  }

  /** To be called once the consumer has subscribed. */
  async run(): Promise<void> {
    await this.consumer.run(this.config);
  }

  /** It is not run again from now on. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private mend(error: unknown): void {
    if (!doesWaitingHelp(error)) {
      this.onLost(error);
      return;
    }
    const retryMs = Math.round(this.delay.next());
    this.log.warn({ retry_ms: retryMs }, `reading from Kafka broke off and is begun again: ${messageOf(error)}`);
    this.timer = setTimeout(() => {
      this.run().catch((reason: unknown) => this.onLost(reason));
    }, retryMs);
  }
}

/** Whether time may mend an error of a consumer: not one of ours, and not where Kafka refuses this user. */
export function doesWaitingHelp(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { name, type = '' } = cause as Error & { readonly type?: string };
    if (!name.startsWith('KafkaJS') || name.includes('SASL') || type.endsWith('AUTHORIZATION_FAILED')) return false;
  }
  return error instanceof Error;
}
