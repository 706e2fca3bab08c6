/**
 * A part of `nta run` as its parent holds it: a child process of this very program, started again when it ends by itself.
 * Each is in a process group of its own, so that Ctrl-C reaches only the parent, which stops the parts in reverse order.
 * part.ts is the other end.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { describeExit, exitOf, stopChild } from '../../runtime/process/child.js';
import { Failure } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import { KeptRunning, type Launched } from '../../runtime/process/kept-running.js';
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

const START_TIMEOUT_MS = 60_000;
/** Longer than a part takes to stop its services. */
const STOP_SEQUENCE = [{ signal: 'SIGTERM', waitMs: 35_000 }] as const;
/** Pauses before a part is started again, and how long one runs that has started well, milliseconds. */
const RESTART_FIRST_MS = 500;
const RESTART_LAST_MS = 30_000;
const STABLE_AFTER_MS = 60_000;

export class PartProcess {
  readonly name: string;
  private readonly kept: KeptRunning;
  private outcome: unknown;
  private failure: Failure | undefined;
  private only: Launched | undefined;
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
    this.kept = new KeptRunning({
      launch: () => this.launch(),
      delay: new GrowingDelay(RESTART_FIRST_MS, RESTART_LAST_MS, STABLE_AFTER_MS),
      onEnded: (reason, restartMs) =>
        log.error({ child: this.name, restart_ms: restartMs }, `${this.name} ${reason}; starting it again`),
    });
  }

  /** Resolves when the part is ready. @throws Failure with the part's own reason when it ends before that. */
  async start(): Promise<void> {
    if (this.definition.finite) {
      this.only = this.launch();
      await this.only.ready;
    } else {
      await this.kept.start();
    }
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
    await (this.definition.finite ? this.only?.stop() : this.kept.stop());
  }

  private launch(): Launched {
    const child = fork(join(projectRoot, 'dist', 'deploy', 'nta', 'main.js'), [...this.definition.arguments], {
      env: { ...process.env, ...this.definition.environment },
      stdio: [this.definition.arguments.includes('--read=-') ? 'inherit' : 'ignore', 2, 2, 'ipc'],
      detached: true,
      execArgv: ['--enable-source-maps'],
    });
    let stopping = false;
    this.failure = undefined;
    const exited = exitOf(child);
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: PartMessage) => {
        if (message.type === 'ready') resolve();
        else if (message.type === 'result') this.outcome = message.result;
        else this.failure = new Failure(message.code, message.message);
      });
      void exited.then((exit) => {
        this.resolveEnd(exit.code ?? 1);
        if (stopping || (this.definition.finite && exit.code === 0)) resolve();
        else reject(this.failure ?? endedEarly(this.name, describeExit(exit)));
      });
    });
    return {
      ready: withTimeout(ready, START_TIMEOUT_MS, `${this.name} was not ready after ${START_TIMEOUT_MS / 1000} s`),
      exited: exited.then((exit) =>
        this.failure === undefined ? describeExit(exit) : `ended: ${this.failure.message}`,
      ),
      stop: () => {
        stopping = true;
        return stopChild(child, exited, STOP_SEQUENCE, () =>
          this.log.error({ child: this.name }, 'did not stop in time; killed'),
        );
      },
    };
  }
}

function endedEarly(name: string, how: string): Failure {
  return new Failure('PART_ENDED', `${name} ${how} before it was ready; its log says why`);
}
