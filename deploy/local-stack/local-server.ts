/**
 * What the local Kafka and the local Postgres have in common: one guarded child process with ports on 127.0.0.1 and a
 * log, made ready, stopped, and disturbed by tests.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildExit, describeExit } from '../../runtime/process/child.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { GrowingDelay } from '../../runtime/process/growing-delay.js';
import { KeptRunning, type Launched } from '../../runtime/process/kept-running.js';
import type { Logger } from '../../runtime/process/log.js';
import { awaitLeftovers, GuardedProcess, type GuardedProcessOptions } from './guarded-process.js';
import { choosePort } from './local-ports.js';
import { faultIn, logSize, reasonIn, rotateLog, tailLog } from './log-tail.js';
import type { ProcessIdentity } from './process-identity.js';
import { readServerRecord, writeServerRecord } from './server-record.js';

/** What one kind of server adds. */
export interface ServerKind {
  /** For messages: `Kafka`. */
  readonly title: string;
  /** In file names: `kafka`. */
  readonly name: string;
  readonly failureCode: string;
  /** Its ports by role. */
  readonly portRoles: readonly string[];
  /** How long a start may take, milliseconds. */
  readonly startTimeoutMs: number;
  /** Files beside the output that may say why it did not start. */
  readonly logFiles: readonly string[];
  /** Whether what kept a start from succeeding goes away by itself, or with other ports. */
  isRetriable(logTail: string): boolean;
  /** What the end of a killed server may leave behind that would keep the next one from starting; it is killed. */
  findOrphans?(): readonly ProcessIdentity[];
  /** Writes configuration and says what to run. */
  prepare(ports: Readonly<Record<string, number>>, outputFile: string): Promise<GuardedProcessOptions>;
  /** Resolves when the server is ready for use; rejects when `signal` aborts. */
  awaitReady(ports: Readonly<Record<string, number>>, signal: AbortSignal): Promise<void>;
  /** Called after a stop that was asked for. */
  onStopped?(exit: ChildExit): void;
}

/** How long a start is tried again, milliseconds: processes of a killed server take their time to end on a busy machine. */
const RETRY_MS = 30_000;
const RETRY_PAUSE_MS = 500;
/** Pauses before a server that ended is started again, and how long one runs that does well, milliseconds. */
const RESTART_FIRST_MS = 500;
const RESTART_LAST_MS = 30_000;
const STABLE_AFTER_MS = 60_000;
const TAIL_LINES = 30;
/** More than the longest stop sequence: whoever is left behind is being stopped by its guardian. */
const LEFTOVER_WAIT_MS = 30_000;
/** Those of a killed server have nobody who stops them; the idle ones notice at once. */
const ORPHAN_WAIT_MS = 1_000;

/** Of a process that is gone already. */
const ENDED: ChildExit = { code: null, signal: null };

export class LocalServer {
  readonly #kind: ServerKind;
  readonly #directory: string;
  readonly #outputFile: string;
  readonly #recordFile: string;
  readonly #log: Logger;
  readonly #failed: Promise<never>;
  #fail: (failure: Failure) => void = () => undefined;
  #process: GuardedProcess | undefined;
  #ports: Readonly<Record<string, number>> = {};
  /** Ends the waiting for a server that is being started. */
  #starting = new AbortController();
  readonly #keepsRunning: boolean;
  #kept: KeptRunning | undefined;

  /**
   * @param directory holds the record and `logs/`.
   * @param keepsRunning starts the server again when it ends although nobody stopped it, on the same ports.
   */
  constructor(kind: ServerKind, directory: string, log: Logger, keepsRunning = false) {
    this.#keepsRunning = keepsRunning;
    this.#kind = kind;
    this.#directory = directory;
    this.#outputFile = join(directory, 'logs', `${kind.name}-output.log`);
    this.#recordFile = join(directory, `${kind.name}.json`);
    this.#log = log;
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Nobody need listen.
    this.#failed.catch(() => undefined);
  }

  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  /** Nothing while it does not run. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Rejects with a Failure when the process ends although nobody asked it to; never when it is kept running. */
  get failed(): Promise<never> {
    return this.#failed;
  }

  /**
   * Started again, it listens on the ports it had: whoever uses it knows them, so a port that is taken is waited for.
   *
   * @throws Failure with the kind's code; its cause is the end of the log.
   */
  async start(): Promise<void> {
    assert(this.#process === undefined, `the local ${this.#kind.title} runs already`);
    this.#starting = new AbortController();
    if (!this.#keepsRunning) return this.#startUp();
    this.#kept = new KeptRunning({
      launch: () => this.#launch(),
      delay: new GrowingDelay(RESTART_FIRST_MS, RESTART_LAST_MS, STABLE_AFTER_MS),
      onEnded: (reason, restartMs) =>
        this.#log.error({ restart_ms: restartMs }, `the local ${this.#kind.title} ${reason}; starting it again`),
      onRestarted: () => this.#log.info({ ports: this.#ports }, `the local ${this.#kind.title} runs again`),
    });
    await this.#kept.start();
  }

  #launch(): Launched {
    const ready = this.#startUp();
    return {
      ready,
      exited: ready.then(() => this.#process?.exited ?? ENDED).then((exit) => this.#describeEnd(exit)),
      stop: async () => {
        this.#starting.abort();
        await ready.catch(() => undefined);
        await this.#stopProcess();
      },
    };
  }

  async #startUp(): Promise<void> {
    const record = readServerRecord(this.#recordFile);
    await awaitLeftovers(record.processes, LEFTOVER_WAIT_MS);
    const known = Object.keys(this.#ports).length > 0 ? this.#ports : undefined;
    const deadline = Date.now() + RETRY_MS;
    let kept = record.ports;
    for (;;) {
      await awaitLeftovers(this.#kind.findOrphans?.() ?? [], ORPHAN_WAIT_MS);
      const ports = known ?? (await this.#choosePorts(kept));
      const started = Date.now();
      const problem = await this.#startOnce(ports);
      if (problem === undefined) {
        this.#log.debug({ ports, server: this.pid, tookMs: Date.now() - started }, `${this.#kind.title} is ready`);
        return;
      }
      if (!problem.retriable || Date.now() > deadline || this.#starting.signal.aborted) throw problem;
      this.#log.debug({ ports, reason: problem.message }, `${this.#kind.title} did not start; trying again`);
      kept = {};
      await new Promise((done) => setTimeout(done, RETRY_PAUSE_MS));
    }
  }

  /** Stops the process by its stop sequence; the data stays. */
  async stop(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await (kept?.stop() ?? this.#stopProcess());
  }

  async #stopProcess(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    const exit = await process.stop();
    this.#log.debug({ ...exit }, `${this.#kind.title} has stopped`);
    this.#kind.onStopped?.(exit);
    writeServerRecord(this.#recordFile, { ports: this.#ports, processes: [] });
  }

  /** Stops and starts again, on the same ports. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** SIGKILL, for tests: what a power cut does to the process. `start` brings it back. */
  async kill9(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    process?.signal('SIGKILL');
    await process?.exited;
  }

  /** SIGSTOP, for tests: the process keeps its connections and answers nobody. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  async #choosePorts(kept: Readonly<Record<string, number>>): Promise<Record<string, number>> {
    const ports: Record<string, number> = {};
    for (const role of this.#kind.portRoles) ports[role] = await choosePort(kept[role], Object.values(ports));
    return ports;
  }

  /** @returns why it did not start. */
  async #startOnce(ports: Readonly<Record<string, number>>): Promise<Failure | undefined> {
    const files = [this.#outputFile, ...this.#kind.logFiles];
    mkdirSync(join(this.#directory, 'logs'), { recursive: true, mode: 0o700 });
    rotateLog(this.#outputFile);
    const before = files.map(logSize);
    const guarded = await GuardedProcess.spawn(await this.#kind.prepare(ports, this.#outputFile));
    writeServerRecord(this.#recordFile, { ports, processes: guarded.identities() });

    const waiting = new AbortController();
    const deadline = setTimeout(() => waiting.abort(), this.#kind.startTimeoutMs);
    const onStop = (): void => waiting.abort();
    this.#starting.signal.addEventListener('abort', onStop);
    const ready = this.#kind.awaitReady(ports, waiting.signal).then(
      () => undefined,
      (error: unknown) =>
        error instanceof Failure
          ? error
          : waiting.signal.aborted
            ? `was not ready after ${this.#kind.startTimeoutMs / 1000} s`
            : messageOf(error),
    );
    const problem = await Promise.race([ready, guarded.exited.then(describeExit)]);
    clearTimeout(deadline);
    this.#starting.signal.removeEventListener('abort', onStop);
    if (problem === undefined) {
      this.#ports = ports;
      this.#process = guarded;
      void guarded.exited.then((exit) => this.#onExit(guarded, exit));
      return undefined;
    }
    waiting.abort();
    await guarded.stop();
    if (problem instanceof Failure) return problem;
    return this.#failure(problem, files.map((file, index) => tailLog(file, before[index])).join('\n'));
  }

  #onExit(guarded: GuardedProcess, exit: ChildExit): void {
    if (this.#process !== guarded) return;
    this.#process = undefined;
    if (this.#keepsRunning) return;
    this.#fail(
      new Failure(this.#kind.failureCode, `the local ${this.#kind.title} ${this.#describeEnd(exit)}`, {
        cause: new Error(this.#tail().split('\n').slice(-TAIL_LINES).join('\n')),
      }),
    );
  }

  /** How a server ended that nobody stopped: the signal that killed it, else what its log calls an error. */
  #describeEnd(exit: ChildExit): string {
    const killed = exit.code === null || exit.code > 128;
    const fault = killed ? undefined : faultIn(this.#tail());
    const logs = `its logs are in ${join(this.#directory, 'logs')}`;
    return `${describeExit(exit)} although nobody stopped it${fault === undefined ? '' : `: ${fault}`}; ${logs}`;
  }

  #tail(): string {
    return [this.#outputFile, ...this.#kind.logFiles].map((file) => tailLog(file)).join('\n');
  }

  /** The message names the likeliest reason; the cause is the end of the log. */
  #failure(problem: string, logTail: string): Failure {
    const reason = reasonIn(logTail);
    return new Failure(
      this.#kind.failureCode,
      `the local ${this.#kind.title} ${problem}${reason === undefined ? '' : `: ${reason}`}; its logs are in ${join(this.#directory, 'logs')}`,
      {
        retriable: this.#kind.isRetriable(logTail),
        cause: new Error(logTail.split('\n').slice(-TAIL_LINES).join('\n')),
      },
    );
  }
}
