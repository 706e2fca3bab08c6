/**
 * The npm that started this process. npm passes on the signals it can catch; when it is killed, what it started runs on
 * unless that takes notice.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.js';

const POLL_MS = 500;
/** npm, the shell it may put in between, and one launcher more. */
const MOST_LEVELS = 4;

/**
 * Calls `onGone` once when the npm that runs this process as one of its scripts has ended; never when there is none.
 *
 * @returns ends the watching.
 */
export function watchLauncher(onGone: () => void): () => void {
  const launchers = process.env.npm_lifecycle_event === undefined ? [] : findLaunchers();
  if (launchers.length === 0) return () => undefined;
  const timer = setInterval(() => {
    if (launchers.every(isRunning)) return;
    clearInterval(timer);
    onGone();
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Our ancestors up to npm; none when npm is not among them, as in a shell that merely has its variables. */
function findLaunchers(): ProcessIdentity[] {
  const launchers: ProcessIdentity[] = [];
  let pid = process.ppid;
  for (let level = 0; level < MOST_LEVELS && pid > 1; level++) {
    const identity = identifyProcess(pid);
    const ancestor = describeProcess(pid);
    if (identity === undefined || ancestor === undefined) return [];
    launchers.push(identity);
    if (/\bnpm\b/.test(ancestor.command)) return launchers;
    pid = ancestor.parent;
  }
  return [];
}

function describeProcess(pid: number): { parent: number; command: string } | undefined {
  if (process.platform === 'linux') {
    try {
      const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
      return { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ') };
    } catch {
      return undefined;
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' });
  const [, parent, command] = /^\s*(\d+)\s+(.*)/.exec(stdout ?? '') ?? [];
  return parent === undefined || command === undefined ? undefined : { parent: Number(parent), command };
}
