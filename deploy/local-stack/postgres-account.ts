/**
 * The user that Postgres runs as, and folders that this user can reach. Postgres refuses to run as root; started by
 * root it needs another user, who must be able to enter every folder above its programs and its data.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../runtime/process/failure.js';
import type { Account } from './guarded-process.js';

/** In this order: the one that packages of PostgreSQL make, and the one that every system has. */
const CANDIDATES = ['postgres', 'nobody'];

/** Where Postgres goes that root started from a folder closed to everyone else, such as /root. */
const SYSTEM_FOLDER = '/var/lib/nta';

/**
 * @param existingData a data folder of an earlier run; its owner is the user then.
 * @returns nothing when we are not root: Postgres then runs as ourselves.
 * @throws Failure `POSTGRES_ACCOUNT`
 */
export function postgresAccount(existingData: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(existingData, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of CANDIDATES) {
    const uid = numberFrom('id', ['-u', name]);
    const gid = numberFrom('id', ['-g', name]);
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid };
  }
  throw new Failure(
    'POSTGRES_ACCOUNT',
    `Postgres cannot run as root, and there is no user ${CANDIDATES.join(' or ')} to run it as; start as an ordinary user, add such a user, or use an existing server with --db-host`,
  );
}

/** Whether the user can enter the folder. Asked of the system, since modes, groups and ACLs all have a say. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], {
    cwd: '/',
    stdio: 'ignore',
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  return status === 0;
}

/** A folder of its own for each data directory, below one that everyone can enter. */
export function systemFolderFor(dataDir: string): string {
  return join(SYSTEM_FOLDER, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
}

/** Where programs go that cannot be reached where npm put them. */
export function systemFolderForPrograms(version: string): string {
  return join(SYSTEM_FOLDER, `postgresql-${version}`);
}

function numberFrom(command: string, args: readonly string[]): number | undefined {
  const { status, stdout } = spawnSync(command, [...args], { encoding: 'utf8' });
  const value = Number.parseInt(stdout ?? '', 10);
  return status === 0 && Number.isInteger(value) && value >= 0 ? value : undefined;
}
