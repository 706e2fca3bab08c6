/** Keeps trying while Postgres is away, says why once, and once more when it is back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import type { Logger } from '../../runtime/process/log.js';
import { classifyPostgresError, explainPostgresError, sqlState } from './postgres-errors.js';
import type { SinkMetrics } from './sink-metrics.js';
import { Superseded } from './topic-position.js';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

/** Thrown by `persist` when it gave up because it was told to stop. */
export class Stopped extends Error {}

export class Availability {
  private reason: string | null = null;

  constructor(
    private readonly log: Logger,
    private readonly metrics: SinkMetrics,
    private readonly stopping: AbortSignal,
  ) {}

  /** Why nothing is stored at the moment, or null. */
  get unavailable(): string | null {
    return this.reason;
  }

  /**
   * Does the work again, with growing pauses, until it succeeds, is refused for its data, or the sink stops.
   *
   * @param attempt gets the number of failures so far.
   * @throws Stopped, Superseded, the error of Postgres for data that it refuses, or a bug.
   */
  async persist<T>(attempt: (failures: number) => Promise<T>): Promise<T> {
    const delay = new GrowingDelay(FIRST_DELAY_MS, LONGEST_DELAY_MS);
    for (let failures = 0; ; failures++) {
      if (this.stopping.aborted && failures > 0) throw new Stopped();
      try {
        const result = await attempt(failures);
        this.back();
        return result;
      } catch (error) {
        if (error instanceof Superseded || error instanceof Stopped) throw error;
        const kind = classifyPostgresError(error);
        if (kind === 'refused' || kind === 'bug') throw error;
        this.metrics.failures.inc({ sqlstate: sqlState(error) || 'connection' });
        if (kind === 'busy') {
          this.log.debug({ sqlstate: sqlState(error) }, 'another transaction was in the way; repeating');
          await sleep(Math.random() * FIRST_DELAY_MS);
          continue;
        }
        this.gone(error);
        await sleep(delay.next(), undefined, { signal: this.stopping }).catch(() => undefined);
      }
    }
  }

  private gone(error: unknown): void {
    const reason = explainPostgresError(error);
    if (reason !== this.reason) this.log.error({ sqlstate: sqlState(error) || undefined }, `storing waits: ${reason}`);
    this.reason = reason;
    this.metrics.available.set(0);
  }

  private back(): void {
    if (this.reason === null) return;
    this.log.info('Postgres takes data again; storing goes on');
    this.reason = null;
    this.metrics.available.set(1);
  }
}
