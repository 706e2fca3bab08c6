/** A child process under a guardian (guardian.js): started, signalled, stopped, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ChildExit, StopStep } from '../../runtime/process/child.js';
import { Failure } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.js';

/** The user that a process runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** What the guardian is told, as JSON. */
export interface GuardianPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly workingDirectory: string;
  /** Absent: as ourselves. */
  readonly account?: Account;
  /** SIGKILL follows after the last step. */
  readonly stopSequence: readonly StopStep[];
}

export interface GuardedProcessOptions extends GuardianPlan {
  /** Takes the child's standard output and error, appended. */
  readonly outputFile: string;
  /** The whole of what it inherits. */
  readonly environment: NodeJS.ProcessEnv;
}

interface GuardianReport {
  readonly pid?: number;
  readonly error?: string;
  readonly code?: number | null;
  readonly signal?: NodeJS.Signals | null;
}

export class GuardedProcess {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  readonly #guardian: ChildProcess;
  #running = true;

  private constructor(guardian: ChildProcess, pid: number, exited: Promise<ChildExit>) {
    this.#guardian = guardian;
    this.pid = pid;
    this.exited = exited;
    void exited.then(() => {
      this.#running = false;
    });
  }

  /** @throws Failure `PROCESS_START` when the command cannot be executed. */
  static async spawn(options: GuardedProcessOptions): Promise<GuardedProcess> {
    const { outputFile, environment, ...plan } = options;
    const output = openSync(outputFile, 'a', 0o600);
    const guardian = spawn(
      process.execPath,
      [join(projectRoot, 'deploy/local-stack/guardian.js'), JSON.stringify(plan satisfies GuardianPlan)],
      {
        cwd: '/',
        detached: true,
        env: { ...environment, NODE_OPTIONS: '' },
        stdio: ['pipe', output, output, 'pipe'],
      },
    );
    closeSync(output);
    // Writing to a guardian that is gone is no error: nothing is written, its end is what closes the pipe.
    guardian.stdin?.on('error', () => undefined);

    const reports = createInterface({ input: guardian.stdio[3] as Readable })[Symbol.asyncIterator]();
    const first = await nextReport(reports);
    if (first?.pid === undefined) {
      throw new Failure('PROCESS_START', `cannot run ${plan.command}: ${first?.error ?? 'the guardian ended early'}`);
    }
    const { pid } = first;
    const exited = nextReport(reports).then((last): ChildExit => {
      if (last !== undefined) return { code: last.code ?? null, signal: last.signal ?? null };
      // The guardian was killed, so nobody else ends the child.
      killGroup(pid);
      return { code: null, signal: 'SIGKILL' };
    });
    return new GuardedProcess(guardian, pid, exited);
  }

  get running(): boolean {
    return this.#running;
  }

  /** Both processes, for whoever must find them after a crash of ours. */
  identities(): ProcessIdentity[] {
    return [this.#guardian.pid, this.pid].flatMap((pid) => (pid === undefined ? [] : (identifyProcess(pid) ?? [])));
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) process.kill(this.pid, signal);
  }

  /** Closes the guardian's pipe, just as the death of this process would, and waits for the child's end. */
  async stop(): Promise<ChildExit> {
    this.#guardian.stdin?.end();
    return this.exited;
  }
}

/** @returns nothing when the guardian ended without another report. */
async function nextReport(reports: AsyncIterator<string>): Promise<GuardianReport | undefined> {
  const { value, done } = await reports.next();
  return done ? undefined : (JSON.parse(value) as GuardianReport);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

export interface GuardedRun {
  readonly exit: ChildExit;
  /** What the command wrote, both streams. */
  readonly output: string;
}

/**
 * Runs a command to its end; it is killed at once when this process goes away.
 *
 * @param options.outputFile is emptied first.
 * @param onOutput takes the output as it grows.
 * @throws Failure `PROCESS_START`
 */
export async function runGuarded(
  options: Omit<GuardedProcessOptions, 'stopSequence'>,
  onOutput: (output: string) => void = () => undefined,
): Promise<GuardedRun> {
  writeFileSync(options.outputFile, '', { mode: 0o600 });
  const guarded = await GuardedProcess.spawn({ ...options, stopSequence: [] });
  const look = setInterval(() => onOutput(readFileSync(options.outputFile, 'utf8')), OUTPUT_POLL_MS);
  try {
    const exit = await guarded.exited;
    return { exit, output: readFileSync(options.outputFile, 'utf8') };
  } finally {
    clearInterval(look);
  }
}

const OUTPUT_POLL_MS = 500;

/** How often a process that should end is looked at, milliseconds. */
const POLL_MS = 50;

/**
 * Waits for processes that a crashed run left behind: their guardians are stopping them. Kills what is still there after
 * `waitMs`.
 */
export async function awaitLeftovers(identities: readonly ProcessIdentity[], waitMs: number): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (identities.some(isRunning) && Date.now() < deadline) await new Promise((done) => setTimeout(done, POLL_MS));
  for (const identity of identities) {
    if (!isRunning(identity)) continue;
    killGroup(identity.pid);
    while (isRunning(identity) && Date.now() < deadline + waitMs)
      await new Promise((done) => setTimeout(done, POLL_MS));
  }
}
