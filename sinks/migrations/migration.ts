/** Creates and updates the tables: forward only, under an advisory lock, all pending steps in one transaction; then views, functions and roles. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { describePostgresError, type PostgresSettings, postgresConfig } from '../../runtime/postgres/client.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { projectRoot } from '../../runtime/process/project.js';
import { sqlState } from '../stream/postgres-errors.js';
import { packetViewsSql } from './packet-views.js';

const MIGRATIONS_TABLE = 'nta_migrations';
/** SQLSTATE, PostgreSQL manual appendix A. */
const INSUFFICIENT_PRIVILEGE = '42501';
const migrationsFolder = (): string => join(projectRoot, 'sinks', 'migrations');

interface Migration {
  readonly name: string;
  readonly sql: string;
}

function readMigrations(): Migration[] {
  return readdirSync(migrationsFolder())
    .filter((file) => /^\d{4}_.*\.sql$/.test(file))
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.sql'.length),
      sql: readFileSync(join(migrationsFolder(), file), 'utf8').replace(/^-- Up Migration\n+/, ''),
    }));
}

const readSql = (file: string): string => readFileSync(join(migrationsFolder(), file), 'utf8');

/**
 * What is replaced after the migrations, views and functions, with a mark by which the next start knows that they are in force:
 * replacing a view waits for all who read it.
 */
function definitions(): { readonly sql: string; readonly mark: string } {
  const sql = [packetViewsSql(), readSql('functions.sql')].join('\n');
  return { sql, mark: createHash('sha256').update(sql).digest('hex') };
}

function markSql(mark: string): string {
  return `COMMENT ON TABLE ${MIGRATIONS_TABLE} IS 'Views and functions: ${mark}';`;
}

/** The whole of what `migrate` does to an empty database, to be read or run by hand; `migrate` then finds nothing to do. */
export function migrationSql(): string {
  const migrations = readMigrations();
  const { sql, mark } = definitions();
  return [
    'BEGIN;',
    ...migrations.map(({ name, sql }) => `-- ${name}\n\n${sql}`),
    `CREATE TABLE ${MIGRATIONS_TABLE} (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);`,
    ...migrations.map(({ name }) => `INSERT INTO ${MIGRATIONS_TABLE} (name, run_on) VALUES ('${name}', now());`),
    `\n${sql}`,
    markSql(mark),
    readSql('roles.sql'),
    'COMMIT;\n',
  ].join('\n');
}

export interface MigrationResult {
  /** Names of the steps that were applied now, in order. */
  readonly applied: readonly string[];
  /** What could not be done with this user's rights, a line each; the tables are usable without it. */
  readonly warnings: readonly string[];
}

/**
 * Brings the tables to this version. Safe while sinks run and when several processes do it at once: one does, the
 * others wait and find it done. A user who does not own the tables may run it as long as nothing is pending.
 *
 * @throws Failure `POSTGRES_…` of the connection, `MIGRATION_RIGHTS`, `MIGRATION_NEWER`, `MIGRATION`.
 */
export async function migrate(settings: PostgresSettings, log: Logger): Promise<MigrationResult> {
  const client = new pg.Client({ ...postgresConfig(settings, 'nta-migrate'), keepAlive: true });
  const warnings: string[] = [];
  client.on('error', () => undefined);
  client.on('notice', (notice) => {
    if (notice.severity !== 'WARNING' || notice.message === undefined) return;
    warnings.push(notice.message);
    log.warn(notice.message);
  });
  try {
    await client.connect();
  } catch (error) {
    throw describePostgresError(error, settings);
  }
  try {
    const state = await readState(client);
    const known = new Set(readMigrations().map(({ name }) => name));
    const newer = state.applied.filter((name) => !known.has(name));
    if (newer.length > 0) {
      throw new Failure(
        'MIGRATION_NEWER',
        `database "${settings.dbName}" was set up by a newer version (${newer.join(', ')}); update this installation`,
      );
    }
    if (state.owned) return { applied: await applyMigrations(client, log), warnings };
    const pending = [...known].filter((name) => !state.applied.includes(name));
    if (pending.length === 0) return { applied: [], warnings };
    throw new Failure(
      'MIGRATION_RIGHTS',
      `database "${settings.dbName}" lacks ${pending.join(', ')} and user "${settings.dbUser}" does not own its tables; run nta setup as the owner, or have an administrator run what nta setup --print prints`,
    );
  } catch (error) {
    throw error instanceof Failure ? error : describeMigrationError(error, settings);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Names of the steps that this version needs and the database does not have, or that this user may not see: all of them
 * where nothing was set up.
 *
 * @throws Failure `POSTGRES_…` of the connection.
 */
export async function pendingMigrations(settings: PostgresSettings): Promise<string[]> {
  const client = new pg.Client(postgresConfig(settings, 'nta-wait'));
  client.on('error', () => undefined);
  const known = readMigrations().map(({ name }) => name);
  try {
    await client.connect();
    const { applied } = await readState(client);
    return known.filter((name) => !applied.includes(name));
  } catch (error) {
    // The rights come with the last step of a set-up.
    if (sqlState(error) === INSUFFICIENT_PRIVILEGE) return known;
    throw describePostgresError(error, settings);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** `owned`: this user may change the tables, or there are none yet. */
async function readState(client: pg.Client): Promise<{ owned: boolean; applied: string[] }> {
  const table = await client.query<{ owned: boolean }>(
    `SELECT pg_has_role(current_user, relowner, 'USAGE') AS owned FROM pg_class WHERE oid = to_regclass($1)`,
    [MIGRATIONS_TABLE],
  );
  if (table.rows.length === 0) return { owned: true, applied: [] };
  const steps = await client.query<{ name: string }>(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
  return { owned: table.rows[0]!.owned, applied: steps.rows.map(({ name }) => name) };
}

async function applyMigrations(client: pg.Client, log: Logger): Promise<string[]> {
  const { rows } = await client.query<{ schema: string | null }>('SELECT current_schema() AS schema');
  const applied = await runner({
    dbClient: client,
    dir: migrationsFolder(),
    // The folder also holds code, functions and roles.
    ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
    direction: 'up',
    migrationsTable: MIGRATIONS_TABLE,
    schema: rows[0]?.schema ?? 'public',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: {
      debug: (line) => log.trace(line),
      info: (line) => log.debug(line),
      warn: (line) => log.debug(line),
      error: (line) => log.debug(line),
    },
  });
  await applyDefinitions(client);
  return applied.map(({ name }) => name);
}

async function applyDefinitions(client: pg.Client): Promise<void> {
  const { sql, mark } = definitions();
  await client.query('BEGIN');
  await client.query("SELECT pg_advisory_xact_lock(hashtext('nta.definitions'))");
  const { rows } = await client.query<{ known: boolean }>(
    `SELECT coalesce(obj_description('${MIGRATIONS_TABLE}'::regclass), '') LIKE $1 AS known`,
    [`%${mark}`],
  );
  if (!rows[0]!.known) await client.query(`${sql}\n${markSql(mark)}`);
  await client.query(readSql('roles.sql'));
  await client.query('COMMIT');
}

function describeMigrationError(error: unknown, settings: PostgresSettings): Failure {
  // node-pg-migrate wraps some errors of Postgres into ones without a code.
  const denied = sqlState(error) === INSUFFICIENT_PRIVILEGE || /permission denied/.test(messageOf(error));
  return denied
    ? new Failure(
        'MIGRATION_RIGHTS',
        `user "${settings.dbUser}" may not set up database "${settings.dbName}": ${messageOf(error).split('\n')[0]}; GRANT CREATE ON SCHEMA public, or have an administrator run what nta setup --print prints`,
        { cause: error },
      )
    : new Failure('MIGRATION', `the tables of database "${settings.dbName}" cannot be set up: ${messageOf(error)}`, {
        cause: error,
      });
}
