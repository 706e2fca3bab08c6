/**
 * `--workers N`: N members of the group in N child processes, because one worker uses one core. A child that ends by
 * itself is started again; its partitions are with the others meanwhile. Their logs and metrics come out of this
 * process, the metrics with a label `worker`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkKafka, createKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import { evictMember } from '../../runtime/kafka/member-eviction.js';
import { describeExit, exitOf, stopChild } from '../../runtime/process/child.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import { KeptRunning, type Launched } from '../../runtime/process/kept-running.js';
import { LOG_LEVELS, type Logger, type LogLevel } from '../../runtime/process/log.js';
import type { Registry } from '../../runtime/process/metrics.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { Service } from '../../runtime/process/service.js';
import { groupName } from '../../schemas/topics.js';
import type { ProcessSettings } from '../process-options.js';
import { FleetMetrics, type MetricSnapshot } from './fleet-metrics.js';

/** What a worker is told, once. */
export interface WorkerOrder {
  readonly settings: ProcessSettings & KafkaSettings;
  readonly logLevel: LogLevel;
  /** As `LogSettings.file`. */
  readonly logFile: string;
}

/** With where the workers log, as `LogSettings.file`. */
export type FleetSettings = ProcessSettings & KafkaSettings & { readonly logFile?: string };

/** What a worker tells. */
export type WorkerMessage =
  | { readonly type: 'ready' }
  /** The id that the group gave it. */
  | { readonly type: 'joined'; readonly memberId: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'report'; readonly readiness: string | null; readonly metrics: readonly MetricSnapshot[] };

const ENTRY = join(projectRoot, 'dist', 'processors', 'worker', 'worker-process.js');

/** Pause before a worker is started again: doubling from the first to the last, ms. */
const RESTART_FIRST_MS = 200;
const RESTART_LAST_MS = 10_000;
const STABLE_AFTER_MS = 30_000;
const STOP_SEQUENCE = [{ signal: 'SIGTERM', waitMs: 25_000 }] as const;

export class WorkerFleet implements Service {
  readonly name = 'processor';
  readonly done: Promise<void>;
  private readonly workers: WorkerProcess[];
  private readonly metrics: FleetMetrics;
  private readonly onHangup = (): void => {
    for (const worker of this.workers) worker.signal('SIGHUP');
  };

  constructor(
    private readonly settings: FleetSettings,
    private readonly log: Logger,
    registry: Registry,
  ) {
    this.metrics = new FleetMetrics(registry);
    const order: WorkerOrder = {
      settings: { ...settings, workers: 1 },
      logLevel: log.level as LogLevel,
      logFile: settings.logFile ?? '',
    };
    this.workers = Array.from({ length: settings.workers }, (_, index) => {
      const child = log.child({ worker: index });
      return new WorkerProcess(order, child, {
        onMetrics: (snapshot) => this.metrics.update(index, snapshot),
        onLost: (memberId) => void this.evict(settings, memberId, child),
      });
    });
    // Workers are started again for as long as the fleet lives, so it neither finishes nor breaks.
    this.done = new Promise(() => undefined);
  }

  readiness(): string | null {
    const reasons = this.workers.flatMap(({ readiness }, index) =>
      readiness === null ? [] : [`worker ${index}: ${readiness}`],
    );
    return reasons.length === 0 ? null : reasons.join('; ');
  }

  /** @throws Failure of the first worker that does not come up: what keeps one from starting keeps all. */
  async start(): Promise<void> {
    // Said once, not by each worker.
    await checkKafka(this.settings, this.log);
    process.on('SIGHUP', this.onHangup);
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  async stop(): Promise<void> {
    process.off('SIGHUP', this.onHangup);
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  /** The group need not wait for the session timeout: this process knows that the member is gone. */
  private async evict(settings: KafkaSettings, memberId: string, log: Logger): Promise<void> {
    try {
      await evictMember(
        createKafka(settings, 'nta-process', log),
        groupName('processors', settings.topicPrefix),
        memberId,
      );
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the group will notice the lost worker by itself');
    }
  }
}

interface WorkerEvents {
  readonly onMetrics: (metrics: readonly MetricSnapshot[]) => void;
  /** The worker ended without leaving the group. */
  readonly onLost: (memberId: string) => void;
}

class WorkerProcess {
  readiness: string | null = 'starting';
  private child: ChildProcess | undefined;
  private readonly kept: KeptRunning;

  constructor(
    private readonly order: WorkerOrder,
    private readonly log: Logger,
    private readonly events: WorkerEvents,
  ) {
    this.kept = new KeptRunning({
      launch: () => this.launch(),
      delay: new GrowingDelay(RESTART_FIRST_MS, RESTART_LAST_MS, STABLE_AFTER_MS),
      onEnded: (reason, restartMs) => log.error({ restart_ms: restartMs }, `the worker ${reason}; starting it again`),
    });
  }

  /** Resolves when the worker is a member of the group. */
  start(): Promise<void> {
    return this.kept.start();
  }

  stop(): Promise<void> {
    return this.kept.stop();
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  private launch(): Launched {
    const child = fork(ENTRY, [], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      // A process group of its own: Ctrl-C reaches the parent alone, which stops its workers in order.
      detached: true,
      execArgv: ['--enable-source-maps'],
    });
    this.child = child;
    relayLog(child, this.log);
    child.send(this.order, () => undefined);
    let stopping = false;
    const exited = exitOf(child);
    const ready = new Promise<void>((resolve, reject) => {
      let failure: Failure | undefined;
      let memberId: string | undefined;
      child.on('message', (message: WorkerMessage) => {
        if (message.type === 'report') {
          this.readiness = message.readiness;
          this.events.onMetrics(message.metrics);
        } else if (message.type === 'ready') {
          resolve();
        } else if (message.type === 'joined') {
          memberId = message.memberId;
        } else {
          failure = new Failure(message.code, message.message);
        }
      });
      child.on('error', (error) => this.log.error(`the worker process: ${messageOf(error)}`));
      void exited.then((exit) => {
        this.child = undefined;
        const how = describeExit(exit);
        this.readiness = how;
        if (memberId !== undefined && exit.code !== 0) this.events.onLost(memberId);
        if (stopping) resolve();
        else reject(failure ?? new Failure('WORKER_ENDED', `a worker ${how} before it was ready; the log says why`));
      });
    });
    return {
      ready,
      exited: exited.then(describeExit),
      stop: () => {
        stopping = true;
        return stopChild(child, exited, STOP_SEQUENCE, () => this.log.error('the worker did not stop in time; killed'));
      },
    };
  }
}

/** The worker's JSON lines in the log of this process; other output, such as a stack of Node's own, as it is. */
function relayLog(child: ChildProcess, log: Logger): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on('line', (line) => {
    let entry: { level?: LogLevel; msg?: string } = {};
    try {
      entry = JSON.parse(line) as typeof entry;
    } catch {
      log.error(line);
      return;
    }
    const { level = 'error', msg = '', ...fields } = entry;
    for (const own of ['time', 'part'] as const) delete (fields as Record<string, unknown>)[own];
    if (level !== 'silent' && LOG_LEVELS.includes(level)) log[level](fields, msg);
  });
}
