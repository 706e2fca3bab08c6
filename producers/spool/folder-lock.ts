/**
 * One process at a time in a spool folder: a file with the process's id and the time it started, so that neither a
 * crash nor an id that was given out again (always 1 in a container) leaves the folder locked.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../runtime/process/failure.js';

export interface FolderLock {
  release(): void;
}

/** @throws Failure `SPOOL_IN_USE` */
export function lockFolder(folder: string): FolderLock {
  const file = join(folder, 'lock');
  const own = identityOf(process.pid);
  const holder = readHolder(file);
  if (holder !== null && holder !== own && isAlive(holder)) {
    throw new Failure(
      'SPOOL_IN_USE',
      `the spool ${folder} belongs to process ${Number.parseInt(holder, 10)}: give each capture node a --spool-dir of its own`,
    );
  }
  writeFileSync(file, `${own}\n`, { mode: 0o600 });
  return { release: () => rmSync(file, { force: true }) };
}

/** Whether a living process, this one or another, has the folder. */
export function isFolderLocked(folder: string): boolean {
  const holder = readHolder(join(folder, 'lock'));
  return holder !== null && isAlive(holder);
}

function isAlive(holder: string): boolean {
  return holder === identityOf(Number.parseInt(holder, 10));
}

function readHolder(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** "pid start", the start in clock ticks since boot (proc_pid_stat(5), field 22); without /proc "pid" while it lives. */
function identityOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return `${pid} ${fields[19]}`;
  } catch {
    if (process.platform === 'linux') return '';
  }
  try {
    process.kill(pid, 0);
    return String(pid);
  } catch {
    return '';
  }
}
