/** Child processes: what they inherit, how they ended, and how they are ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChildExit {
  /** Null when a signal ended it, and when it could not be started. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One step of a stop: the signal, and how long to wait for the end before the next step. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** To be asked for before the child can have ended. */
export function exitOf(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

/** Signals the child step by step until it has ended; SIGKILL follows the last step. */
export async function stopChild(
  child: ChildProcess,
  exited: Promise<ChildExit>,
  steps: readonly StopStep[],
  onKill: () => void = () => undefined,
): Promise<void> {
  let ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const done = exited.then(() => {
    ended = true;
  });
  for (const { signal, waitMs } of steps) {
    if (ended) return;
    child.kill(signal);
    const timer = new AbortController();
    await Promise.race([done, sleep(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }
  if (ended) return;
  onKill();
  child.kill('SIGKILL');
  await done;
}

/** "ended with exit code 1", "was killed by SIGKILL, …". */
export function describeExit({ code, signal }: ChildExit): string {
  const named = signal ?? signalOf(code);
  if (named === 'SIGKILL')
    return 'was killed by SIGKILL, by somebody or by the kernel when memory ran out (journalctl -k says which)';
  if (named !== undefined) return `was ended by ${named}`;
  return code === null ? 'could not be started' : `ended with exit code ${code}`;
}

/** Shells and JVMs report the signal that ended a process as 128 and its number. */
function signalOf(code: number | null): string | undefined {
  if (code === null || code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}

/** What any program may need of our environment. */
const PLAIN = /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_[A-Z]+|LD_LIBRARY_PATH|NODE_EXTRA_CA_CERTS)$/;

/**
 * The environment for a program that is not ours: only what is plain, and what `names` asks for. The rest may hold tokens
 * and keys of whoever started us, and a child that runs as another user shows its environment to that user.
 */
export function childEnvironment(
  names: RegExp = /^$/,
  environment: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => PLAIN.test(name) || names.test(name)));
}

/**
 * Signals the child when this process dies without a word: a shell waits on a pipe that closes with us. (A parent-death
 * signal would do, but a program that drops its privileges clears it.) Resolve `exited` ends the watch.
 */
export function endWithUs(child: ChildProcess, exited: Promise<unknown>, signal: 'INT' | 'TERM' | 'KILL'): void {
  if (child.pid === undefined) return;
  const watchdog = spawn('sh', ['-c', `read _; kill -${signal} ${child.pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: childEnvironment(),
  });
  watchdog.on('error', () => undefined);
  watchdog.unref();
  void exited.then(() => watchdog.kill('SIGKILL'));
}
