/** Processor workers as processes of their own, the product's own entry, for tests that kill, pause and restart them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { ProcessSettings } from '../../processors/process-options.js';
import { processOptions } from '../../processors/process-options.js';
import type { WorkerMessage, WorkerOrder } from '../../processors/worker/worker-fleet.js';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import type { LogLevel } from '../../runtime/process/log.js';
import { readSettings } from '../../runtime/process/options.js';
import { projectRoot } from '../../runtime/process/project.js';

const ENTRY = join(projectRoot, 'dist', 'processors', 'worker', 'worker-process.js');

/** Default settings with these changes. */
export function processSettings(changes: Partial<ProcessSettings> = {}): ProcessSettings {
  return { ...(readSettings(processOptions, {}, {}) as ProcessSettings), ...changes };
}

export interface WorkerMetric {
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
}

export class ProcessorProcess {
  /** What it wrote to its log, a JSON line each. */
  readonly log: string[] = [];
  readonly exited: Promise<number | NodeJS.Signals>;
  readiness: string | null = 'starting';
  private metrics: Extract<WorkerMessage, { type: 'report' }>['metrics'] = [];
  private readonly child: ChildProcess;
  private readonly ready: Promise<void>;

  constructor(settings: ProcessSettings & KafkaSettings, logLevel: LogLevel = 'info') {
    const child = fork(ENTRY, [], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], detached: true });
    this.child = child;
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => this.log.push(...text.split('\n').filter((line) => line !== '')));
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') resolve();
        if (message.type === 'report') {
          this.readiness = message.readiness;
          this.metrics = message.metrics;
        }
      });
      void this.exited.then((how) =>
        reject(new Error(`the worker ended (${how}) before it was ready:\n${this.log.join('\n')}`)),
      );
    });
    this.ready.catch(() => undefined);
    child.send({ settings, logLevel, logFile: '' } satisfies WorkerOrder, () => undefined);
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when it is a member of the group. */
  joined(): Promise<void> {
    return this.ready;
  }

  /** The values of a metric as of the last report, about a second ago at most. */
  metric(name: string): readonly WorkerMetric[] {
    return (this.metrics.find((metric) => metric.name === name)?.values ?? []) as readonly WorkerMetric[];
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(signal);
  }

  /** SIGTERM, then waits. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }
}
