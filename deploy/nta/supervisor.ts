/**
 * The parts of `nta run`: child processes of this very program, started in order, started again when they end by
 * themselves, stopped in reverse order. Each is in a process group of its own, so that Ctrl-C reaches only the
 * supervisor and the order holds.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { projectRoot } from '../../runtime/process/project.js';
import { withTimeout } from '../../runtime/process/service.js';
import type { PartMessage } from './part.js';

export interface PartDefinition {
  /** As messages call it. */
  readonly name: string;
  /** As `nta` knows it, with its arguments: `['process', '--workers=2']`. */
  readonly arguments: readonly string[];
  /** Over this process's own; undefined takes a variable away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A finite part ends by itself; the others are started again when they do. */
  readonly finite: boolean;
}

/** How long a part may take until it is ready, and to stop before it is killed, milliseconds. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 35_000;
/** Pause before a part is started again: doubling from the first to the last, milliseconds. */
const RESTART_FIRST_MS = 500;
const RESTART_LAST_MS = 30_000;
/** A part that ran this long starts again after the first pause, milliseconds. */
const STABLE_AFTER_MS = 60_000;

export class Part {
  readonly name: string;
  private child: ChildProcess | undefined;
  private stopping = false;
  private restartDelay = RESTART_FIRST_MS;
  private restartTimer: NodeJS.Timeout | undefined;
  private startedAt = 0;
  private outcome: unknown;
  private failure: Failure | undefined;
  private readonly end: Promise<number>;
  private resolveEnd: (exitCode: number) => void = () => undefined;

  constructor(
    private readonly definition: PartDefinition,
    private readonly log: Logger,
  ) {
    this.name = definition.name;
    this.end = new Promise((resolve) => {
      this.resolveEnd = resolve;
    });
  }

  /** Resolves when the part is ready. @throws Failure with the part's own reason when it ends before that. */
  async start(): Promise<void> {
    await withTimeout(this.launch(), START_TIMEOUT_MS, `${this.name} was not ready after ${START_TIMEOUT_MS / 1000} s`);
  }

  /** The exit code of a finite part. */
  ended(): Promise<number> {
    return this.end;
  }

  /** What a finite part reported before it ended. */
  result(): unknown {
    return this.outcome;
  }

  /** Why the part ended, in its own words. */
  reason(): Failure | undefined {
    return this.failure;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restartTimer);
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    try {
      await withTimeout(exited, STOP_TIMEOUT_MS, `${this.name} did not stop`);
    } catch {
      this.log.error({ child: this.name }, 'did not stop in time; killed');
      child.kill('SIGKILL');
      await exited;
    }
  }

  private launch(): Promise<void> {
    this.startedAt = Date.now();
    const child = fork(join(projectRoot, 'dist', 'deploy', 'nta', 'main.js'), [...this.definition.arguments], {
      env: { ...process.env, ...this.definition.environment },
      stdio: [this.definition.arguments.includes('--read=-') ? 'inherit' : 'ignore', 2, 2, 'ipc'],
      detached: true,
      execArgv: ['--enable-source-maps'],
    });
    this.child = child;
    return new Promise((resolve, reject) => {
      let ready = false;
      child.on('message', (message: PartMessage) => {
        if (message.type === 'ready') {
          ready = true;
          resolve();
        } else if (message.type === 'result') {
          this.outcome = message.result;
        } else {
          this.failure = new Failure(message.code, message.message);
        }
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (!ready && !this.stopping && !(this.definition.finite && code === 0)) {
          reject(
            this.failure ??
              new Failure(
                'PART_ENDED',
                `${this.name} ended with ${describeExit(code, signal)} before it was ready; its log says why`,
              ),
          );
          this.resolveEnd(code ?? 1);
          return;
        }
        resolve();
        this.onExit(code, signal);
      });
    });
  }

  private onExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.definition.finite || this.stopping) {
      this.resolveEnd(code ?? 1);
      return;
    }
    if (Date.now() - this.startedAt > STABLE_AFTER_MS) this.restartDelay = RESTART_FIRST_MS;
    this.log.error(
      { child: this.name, restart_ms: this.restartDelay },
      `${this.name} ended with ${describeExit(code, signal)}; starting it again`,
    );
    this.restartTimer = setTimeout(() => {
      this.launch().catch((error: unknown) => {
        this.log.error({ child: this.name }, `${this.name} did not start again: ${messageOf(error)}`);
        this.onExit(null, null);
      });
    }, this.restartDelay);
    this.restartDelay = Math.min(this.restartDelay * 2, RESTART_LAST_MS);
  }
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
