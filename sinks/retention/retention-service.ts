/** Retention as a service of its own rhythm, beside whatever else a process does. */

import type { PostgresSettings } from '../../runtime/postgres/client.js';
import { messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import type { Service } from '../../runtime/process/service.js';
import { explainPostgresError, sqlState } from '../stream/postgres-errors.js';
import { applyRetention, retentionOptions } from './retention.js';

export const retentionServiceOptions = defineOptions({
  ...retentionOptions,
  cleanupInterval: {
    kind: 'duration',
    env: 'NTA_CLEANUP_INTERVAL',
    default: 3_600_000,
    minimum: 1_000,
    maximum: 86_400_000,
    help: 'how often retention is applied',
  },
});
export type RetentionServiceSettings = Settings<typeof retentionServiceOptions>;

/** Applies retention at once and then every `cleanupInterval`. Postgres may be away: the next time will do. */
export function createRetention(settings: RetentionServiceSettings & PostgresSettings, log: Logger): Service {
  return new RetentionService(settings, log);
}

class RetentionService implements Service {
  readonly name = 'retention';
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly settings: RetentionServiceSettings & PostgresSettings,
    private readonly log: Logger,
  ) {}

  async start(): Promise<void> {
    this.timer = setInterval(() => this.apply(), this.settings.cleanupInterval);
    this.apply();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private apply(): void {
    this.running = this.running.then(async () => {
      try {
        const { dropped, postponed, busy } = await applyRetention(this.settings, { dryRun: false }, this.log);
        if (busy) this.log.debug('another cleaner is at work');
        if (postponed.length > 0)
          this.log.warn({ postponed }, 'in use by long queries; retention tries again next time');
        const bytes = dropped.reduce((sum, item) => sum + item.bytes, 0);
        if (dropped.length > 0) this.log.info({ dropped: dropped.length, bytes }, 'retention applied');
      } catch (error) {
        const reason = sqlState(error) === '' ? messageOf(error) : explainPostgresError(error);
        this.log.warn(
          `retention not applied, the next time is in ${this.settings.cleanupInterval / 1000} s: ${reason}`,
        );
      }
    });
  }
}
