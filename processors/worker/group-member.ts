/**
 * One member of the processor group, for as long as the process lives: a session after the other. A session that breaks
 * (a broker restarted, the worker was fenced, a transaction failed) is given up whole and the next one finds
 * everything as it was committed.
 */
import { isKafkaError } from '../../runtime/kafka/client.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { GrowingDelay, pause } from '../../runtime/process/growing-delay.js';
import type { Logger } from '../../runtime/process/log.js';
import type { Service } from '../../runtime/process/service.js';
import type { ExceptionSource } from './exception-source.js';
import { GroupSession, type SessionOptions } from './group-session.js';
import type { ProcessMetrics } from './process-metrics.js';
import type { RuleSource } from './rule-source.js';

export interface GroupMemberOptions {
  readonly session: SessionOptions;
  readonly rules: RuleSource;
  readonly exceptions: ExceptionSource;
  /** Fails with a line a person can act on when no broker answers. */
  readonly check: () => Promise<void>;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

/** Pause before a broken membership is restarted: doubling from the first to the last, ms. */
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5_000;
/** A session that worked for so long starts the pauses over, ms. */
const STABLE_AFTER_MS = 30_000;
/** Kafka's names for a group or a transaction whose coordinator is not at work yet, or has just moved. */
const COORDINATOR_NOT_YET = ['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP'];
/** What kafkajs makes of the same when it has looked for one and found none. */
const NO_COORDINATOR = 'KafkaJSGroupCoordinatorNotFound';
/** The default of the broker's group.min.session.timeout.ms. */
const BROKER_MINIMUM_MS = 6_000;

export class GroupMember implements Service {
  readonly name = 'processor';
  readonly done: Promise<void>;
  private rejectDone: (error: unknown) => void = () => undefined;
  private session: GroupSession | undefined;
  private supervision: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private sessionOptions: SessionOptions;

  constructor(private readonly options: GroupMemberOptions) {
    this.sessionOptions = options.session;
    this.done = new Promise((_, reject) => {
      this.rejectDone = reject;
    });
    this.done.catch(() => undefined);
  }

  /** Why no packets are being processed, or null when they are. */
  readiness(): string | null {
    return this.session === undefined ? 'not a member of the consumer group' : this.session.readiness();
  }

  /** Resolves when the group has assigned partitions; their recovery goes on. */
  async start(): Promise<void> {
    await this.options.rules.start();
    await this.options.check();
    await this.options.exceptions.start();
    const session = await this.firstSession();
    if (session === null) return;
    this.supervision = this.supervise(session).catch((error: unknown) => this.rejectDone(error));
  }

  /** Rules that were read again take effect. */
  applyRules(): void {
    this.session?.setRules(this.options.rules.rules);
  }

  applyExceptions(): void {
    this.session?.setExceptions(this.options.exceptions.inForce);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    const { session } = this;
    this.session = undefined;
    try {
      await session?.stop();
      await this.supervision;
    } finally {
      await this.options.rules.stop();
      await this.options.exceptions.stop();
    }
  }

  /** The first session that joins, or null when the member is stopped before: a fresh broker has its coordinators yet to load. */
  private async firstSession(): Promise<GroupSession | null> {
    const { signal } = this.stopping;
    const delay = new GrowingDelay(RETRY_FIRST_MS, RETRY_LAST_MS);
    for (;;) {
      let retryMs: number;
      try {
        return await this.joinFirst();
      } catch (error) {
        if (!lacksCoordinator(error)) throw error;
        retryMs = Math.round(delay.next());
        this.options.log.info({ retry_ms: retryMs }, `waiting for the group's coordinator: ${messageOf(error)}`);
        await this.session?.abandon();
        this.session = undefined;
      }
      await pause(retryMs, signal);
      if (signal.aborted) return null;
    }
  }

  /** Brokers by default take no session timeout as short as ours; one that refuses it gets what it must take. */
  private async joinFirst(): Promise<GroupSession> {
    this.session = new GroupSession(this.sessionOptions);
    try {
      await this.session.start();
    } catch (error) {
      if (!hasType(error, 'INVALID_SESSION_TIMEOUT') || this.sessionOptions.sessionTimeoutMs >= BROKER_MINIMUM_MS)
        throw error;
      this.options.log.info(
        { session_timeout_ms: this.sessionOptions.sessionTimeoutMs, used_ms: BROKER_MINIMUM_MS },
        'the broker’s group.min.session.timeout.ms does not allow --session-timeout: a lost worker is noticed later',
      );
      await this.session.abandon();
      this.sessionOptions = { ...this.sessionOptions, sessionTimeoutMs: BROKER_MINIMUM_MS };
      this.session = new GroupSession(this.sessionOptions);
      await this.session.start();
    }
    return this.session;
  }

  /** Replaces every session that breaks; ends when the member is stopped, rejects at what no new session mends. */
  private async supervise(first: GroupSession): Promise<void> {
    const { log, metrics } = this.options;
    let session = first;
    const delay = new GrowingDelay(RETRY_FIRST_MS, RETRY_LAST_MS, STABLE_AFTER_MS);
    let startedAt = performance.now();
    for (;;) {
      const error = await this.brokenOrStopped(session);
      if (error === null) return;
      this.session = undefined;
      metrics.sessionFailures.inc();
      await session.abandon();
      if (!isMendable(error)) throw error;
      const retryMs = Math.round(delay.next(performance.now() - startedAt));
      log.warn(
        { code: (error as { code?: string }).code, retry_ms: retryMs },
        `joining the group again: ${messageOf(error)}`,
      );
      await pause(retryMs, this.stopping.signal);
      if (this.stopping.signal.aborted) return;
      session = new GroupSession(this.sessionOptions);
      startedAt = performance.now();
      this.session = session;
      session.start().catch((reason: unknown) => session.fail(reason));
    }
  }

  /** The reason why the session broke, or null when the member is stopped first. */
  private brokenOrStopped(session: GroupSession): Promise<unknown> {
    const { signal } = this.stopping;
    return new Promise((resolve) => {
      if (signal.aborted) resolve(null);
      signal.addEventListener('abort', () => resolve(null), { once: true });
      session.failed.catch(resolve);
    });
  }
}

/** Kafka's own errors and retriable failures pass; a missing topic or a defect does not. */
function isMendable(error: unknown): boolean {
  return error instanceof Failure ? error.retriable : isKafkaError(error);
}

function lacksCoordinator(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause.name === NO_COORDINATOR) return true;
  return COORDINATOR_NOT_YET.some((type) => hasType(error, type));
}

/** Whether an error of Kafka's, or what it was caused by, is of this type. */
function hasType(error: unknown, type: string): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { type?: string }).type === type) return true;
  }
  return false;
}
