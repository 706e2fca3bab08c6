/**
 * Waits, before a part begins, for what `nta setup` makes: the topics in Kafka, the tables in Postgres, and either server
 * itself. Where everything is started at once (Kubernetes, compose, systemd) a part then needs no restarts until the
 * last of them is there.
 */
import { checkKafka, createKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import type { PostgresSettings } from '../../runtime/postgres/client.js';
import { Failure } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import type { Logger } from '../../runtime/process/log.js';
import { defineOptions, formatDuration, type Settings } from '../../runtime/process/options.js';
import type { Service } from '../../runtime/process/service.js';
import { type TopicId, topicName } from '../../schemas/topics.js';
import { pendingMigrations } from '../../sinks/migrations/migration.js';

export const setupWaitOptions = defineOptions({
  setupWait: {
    kind: 'duration',
    env: 'NTA_SETUP_WAIT',
    default: 0,
    minimum: 0,
    maximum: 86_400_000,
    help: 'how long to wait at the start for Kafka, Postgres, topics and tables that are not there yet; 0 ends at once',
  },
});
export type SetupWaitSettings = Settings<typeof setupWaitOptions>;

/** Pause between two looks, doubling from the first to the last, ms. */
const PAUSE_FIRST_MS = 250;
const PAUSE_LAST_MS = 5_000;

/** One thing that is waited for: null when it is there, else what is missing. */
interface Look {
  (): Promise<string | null>;
  /** Looked at once even where nothing is waited for, because what needs it would wait for good. */
  readonly always?: true;
}

/** The topics that a part reads or writes. @throws Failure of Kafka, retriable while no broker answers. */
export function topicsAreThere(settings: KafkaSettings, topics: readonly TopicId[], log: Logger): Look {
  return async () => {
    await checkKafka(settings, log);
    const admin = createKafka(settings, 'nta-wait', log).admin();
    try {
      await admin.connect();
      const existing = new Set(await admin.listTopics());
      const missing = topics.map((id) => topicName(id, settings.topicPrefix)).filter((name) => !existing.has(name));
      return missing.length === 0 ? null : `Kafka has no topic ${missing.join(', ')}: nta setup creates it`;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  };
}

/** What can do without its server while that is away does not wait for it. */
export function unlessAway(look: Look): Look {
  return () =>
    look().catch((error: unknown) => {
      if (error instanceof Failure && error.retriable) return null;
      throw error;
    });
}

/** The tables of this version. @throws Failure of Postgres, retriable while it does not answer. */
export function tablesAreThere(settings: PostgresSettings): Look {
  const look = async (): Promise<string | null> => {
    const pending = await pendingMigrations(settings);
    return pending.length === 0
      ? null
      : `database "${settings.dbName}" lacks ${pending.at(-1)!} for user "${settings.dbUser}": nta setup brings it up to date`;
  };
  return Object.assign(look, { always: true as const });
}

/** First service of a part but for its metrics, so that `/ready` has the reason while it waits. */
export class SetupWait implements Service {
  readonly name = 'setup-wait';
  private missing: string | null = null;
  private readonly stopping = new AbortController();

  constructor(
    private readonly settings: SetupWaitSettings,
    private readonly looks: readonly Look[],
    private readonly log: Logger,
  ) {}

  /** What is waited for, or null. */
  readiness(): string | null {
    return this.missing;
  }

  /** @throws Failure `SETUP_MISSING` when the time is up; at once what waiting does not mend: a refused password. */
  async start(): Promise<void> {
    const { setupWait } = this.settings;
    if (setupWait === 0) {
      for (const look of this.looks.filter(({ always }) => always)) {
        const missing = await unlessAway(look)();
        if (missing !== null) throw new Failure('SETUP_MISSING', missing);
      }
      return;
    }
    const deadline = performance.now() + setupWait;
    this.missing = 'looking for what nta setup makes';
    for (const look of this.looks) await this.until(look, deadline);
    this.missing = null;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
  }

  private async until(look: Look, deadline: number): Promise<void> {
    const { signal } = this.stopping;
    for (const delay = new GrowingDelay(PAUSE_FIRST_MS, PAUSE_LAST_MS); ; ) {
      const missing = await reasonOf(look);
      if (missing === null || signal.aborted) return;
      if (performance.now() >= deadline) {
        const waited = formatDuration(this.settings.setupWait);
        throw new Failure('SETUP_MISSING', `${missing}; waited ${waited} (--setup-wait)`, { retriable: true });
      }
      if (missing !== this.missing) this.log.info(`waiting: ${missing}`);
      this.missing = missing;
      await delay.wait(signal);
    }
  }
}

async function reasonOf(look: Look): Promise<string | null> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Failure && error.retriable) return error.message;
    throw error;
  }
}
