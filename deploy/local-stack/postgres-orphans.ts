/**
 * Processes that a killed Postgres left behind. Its children lead process groups of their own, so that killing the server's group
 * misses them, and one that is busy does not look whether its server is still there: it holds the shared memory, and with
 * it the data, until its statement ends.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { identifyProcess, type ProcessIdentity } from './process-identity.js';

/**
 * Children of a server on this data whose server is gone; none where there is no /proc (they end by themselves then).
 *
 * @param data PGDATA: the working directory of the server and of all its children.
 */
export function findPostgresOrphans(data: string): ProcessIdentity[] {
  let folder: string;
  let candidates: number[];
  try {
    folder = realpathSync(data);
    candidates = readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
  const onData = new Set(candidates.filter((pid) => linkOf(`/proc/${pid}/cwd`) === folder));
  return [...onData]
    .filter((pid) => read(`/proc/${pid}/cmdline`).startsWith('postgres: ') && !onData.has(parentOf(pid)))
    .flatMap((pid) => identifyProcess(pid) ?? []);
}

/** proc(5): the second field after the name, which stands in parentheses and may hold anything. */
function parentOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
