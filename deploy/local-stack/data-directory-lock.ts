/** One run at a time on a data directory: a lock file naming the process that holds it. */
import { closeSync, linkSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../runtime/process/failure.js';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.js';

/** A takeover lasts milliseconds; one this old was cut short by a crash. */
const TAKEOVER_STALE_MS = 5_000;

export interface DataDirectoryLock {
  release(): void;
}

/**
 * Takes the lock, also from a holder that no longer runs.
 *
 * @throws Failure `DATA_DIRECTORY_IN_USE` when another run holds it.
 */
export function lockDataDirectory(dataDir: string): DataDirectoryLock {
  const path = join(dataDir, 'lock');
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error(`cannot identify process ${process.pid}`);
  // Written aside and linked into place, so that nobody ever reads half a lock.
  const draft = join(dataDir, `lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
  writeFileSync(draft, JSON.stringify(self), { mode: 0o644 });
  try {
    if (!tryLink(draft, path)) takeOver(path, draft, dataDir);
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    release: () => {
      const holder = readHolder(path);
      if (holder?.pid === self.pid && holder.started === self.started) rmSync(path, { force: true });
    },
  };
}

/** Replaces a stale lock. Only one process at a time may, so that none removes a lock just taken by another. */
function takeOver(path: string, draft: string, dataDir: string): void {
  const holder = readHolder(path);
  if (holder !== undefined && isRunning(holder)) throw inUse(dataDir, holder.pid);
  const takeover = `${path}.takeover`;
  try {
    if (Date.now() - statSync(takeover).mtimeMs > TAKEOVER_STALE_MS) rmSync(takeover, { force: true });
  } catch {
    // Nobody is taking over: the usual case.
  }
  try {
    closeSync(openSync(takeover, 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(dataDir, holder?.pid);
    throw error;
  }
  try {
    const current = readHolder(path);
    if (current !== undefined && isRunning(current)) throw inUse(dataDir, current.pid);
    rmSync(path, { force: true });
    if (!tryLink(draft, path)) throw inUse(dataDir, readHolder(path)?.pid);
  } finally {
    rmSync(takeover, { force: true });
  }
}

function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** @returns nothing for a lock that is gone or unreadable, which only a broken disk could leave. */
function readHolder(path: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function inUse(dataDir: string, pid: number | undefined): Failure {
  return new Failure(
    'DATA_DIRECTORY_IN_USE',
    `${dataDir} is in use by process ${pid ?? 'unknown'}; stop that one first (kill ${pid ?? 'PID'}) or give another --data-dir`,
  );
}
