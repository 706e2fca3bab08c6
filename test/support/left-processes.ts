/**
 * Processes that tests have started and nobody has ended: those of a test that timed out, and all when a signal ends the run.
 * Found by their parents while these live, and by the folder for temporary files that they inherit. Linux only: elsewhere
 * none is found.
 */
import { readdirSync, readFileSync } from 'node:fs';

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** What has begun with the environment variable TMPDIR in this folder or below. */
export function processesIn(folder: string): RunningProcess[] {
  return runningProcesses().filter(({ pid }) => {
    const directory = environmentOf(pid)
      .find((variable) => variable.startsWith('TMPDIR='))
      ?.slice('TMPDIR='.length);
    return directory === folder || directory?.startsWith(`${folder}/`) === true;
  });
}

/** Children of a process, and theirs. */
export function descendantsOf(ancestor: number): RunningProcess[] {
  const all = runningProcesses();
  const family = new Set([ancestor]);
  for (let before = 0; before < family.size; ) {
    before = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => pid !== ancestor && family.has(pid));
}

/** SIGKILL, with the process group of those that lead one. */
export function killAll(processes: readonly RunningProcess[]): void {
  for (const { pid } of processes) {
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        // It leads no group, or has ended meanwhile.
      }
    }
  }
}

function runningProcesses(): RunningProcess[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // The name of the program, in parentheses, may have anything in it; then come the state and the parent.
      const status = read(`/proc/${name}/stat`);
      const [state, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ');
      if (parent === undefined || state === 'Z') return [];
      const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
      return [{ pid: Number(name), parent: Number(parent), command }];
    });
}

function environmentOf(pid: number): string[] {
  return read(`/proc/${pid}/environ`).split('\0');
}

/** Empty when it has ended, or is another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
