/** The Postgres client of a process: settings with their usual names, a pool, and errors with a remedy. */
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { Failure, messageOf } from '../process/failure.js';
import { defineOptions, type Settings } from '../process/options.js';
import { readCertificates, renewableFile } from '../process/setting-file.js';

export const postgresOptions = defineOptions({
  dbHost: {
    kind: 'string',
    env: 'DB_HOST',
    default: '',
    placeholder: '<host>',
    help: 'Postgres host or socket folder',
  },
  dbPort: {
    kind: 'integer',
    env: 'DB_PORT',
    default: 5432,
    minimum: 1,
    maximum: 65_535,
    unit: 'port',
    help: 'Postgres port',
  },
  dbName: { kind: 'string', env: 'DB_NAME', default: 'nta', placeholder: '<name>', help: 'database' },
  dbUser: { kind: 'string', env: 'DB_USER', default: 'nta', placeholder: '<name>', help: 'database user' },
  dbPassword: {
    kind: 'string',
    env: 'DB_PASSWORD',
    default: '',
    secret: true,
    placeholder: '<password>',
    help: 'database password; prefer the environment variable, flags are visible to other users',
  },
  dbSslmode: {
    kind: 'string',
    env: 'DB_SSLMODE',
    default: 'disable',
    choices: ['disable', 'require', 'verify-full'],
    help: 'TLS to Postgres, as libpq names it',
  },
  dbSslCa: {
    kind: 'string',
    env: 'DB_SSL_CA',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the authority for verify-full; the system’s when empty',
  },
  dbMaxConn: {
    kind: 'integer',
    env: 'DB_MAX_CONN',
    default: 10,
    minimum: 1,
    maximum: 1000,
    unit: 'connections',
    help: 'most connections of this process',
  },
});
export type PostgresSettings = Settings<typeof postgresOptions>;

/** What `pg.Pool` and `pg.Client` take. */
export function postgresConfig(settings: PostgresSettings, applicationName: string): pg.PoolConfig {
  return {
    host: settings.dbHost === '' ? '127.0.0.1' : settings.dbHost,
    port: settings.dbPort,
    database: settings.dbName,
    user: settings.dbUser,
    password: settings.dbPassword,
    max: settings.dbMaxConn,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(settings.dbSslmode === 'disable'
      ? {}
      : {
          ssl: tlsOf(settings),
        }),
  };
}

/** pg copies the properties at each connection, so that a renewed authority holds from the next one on. */
function tlsOf({ dbSslmode, dbSslCa }: PostgresSettings): ConnectionOptions {
  const tls: ConnectionOptions = { rejectUnauthorized: dbSslmode === 'verify-full' };
  if (dbSslCa === '') return tls;
  const get = renewableFile(() => readCertificates('--db-ssl-ca', dbSslCa));
  return Object.defineProperty(tls, 'ca', { get, enumerable: true });
}

/** A pool whose connections may break (a restarted server), idle or not, without ending the process. */
export function createPool(
  settings: PostgresSettings,
  applicationName: string,
  onIdleError: (error: Error) => void,
): pg.Pool {
  const pool = new pg.Pool(postgresConfig(settings, applicationName));
  pool.on('error', onIdleError);
  // A connection that breaks while it is checked out fails its query, and besides emits an error that would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Fails with one clear line when the server is away, the password is wrong or the database is missing.
 *
 * @throws Failure `POSTGRES_UNREACHABLE` (retriable), `POSTGRES_AUTHENTICATION`, `POSTGRES_NO_DATABASE`.
 */
export async function checkPostgres(settings: PostgresSettings): Promise<void> {
  const client = new pg.Client(postgresConfig(settings, 'nta-check'));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    throw describePostgresError(error, settings);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Does work with one connection of its own, which ends with it.
 *
 * @throws Failure as `checkPostgres` when there is no connection; whatever the work throws.
 */
export async function withPostgres<Result>(
  settings: PostgresSettings,
  applicationName: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client(postgresConfig(settings, applicationName));
  // A connection that breaks fails its query; the event besides would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect().catch((error: unknown) => {
      throw describePostgresError(error, settings);
    });
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Turns a connection error of pg into a Failure with the remedy. Classes by SQLSTATE, PostgreSQL manual appendix A. */
export function describePostgresError(error: unknown, settings: PostgresSettings): Failure {
  const where = `${settings.dbHost || '127.0.0.1'}:${settings.dbPort}`;
  const code = (error as { code?: string } | null)?.code ?? '';
  if (code === '28P01' || code === '28000') {
    return new Failure(
      'POSTGRES_AUTHENTICATION',
      `Postgres at ${where} refuses user "${settings.dbUser}": ${messageOf(error)}; check --db-user and DB_PASSWORD`,
      { cause: error },
    );
  }
  if (code === '' && /client password must be a (non-empty )?string/.test(messageOf(error))) {
    return new Failure(
      'POSTGRES_AUTHENTICATION',
      `Postgres at ${where} asks user "${settings.dbUser}" for a password, and there is none: set DB_PASSWORD, or DB_PASSWORD_FILE to the file that holds it`,
      { cause: error },
    );
  }
  if (code === '3D000') {
    return new Failure(
      'POSTGRES_NO_DATABASE',
      `Postgres at ${where} has no database "${settings.dbName}": create it (createdb ${settings.dbName}) or name another with --db-name`,
      { cause: error },
    );
  }
  return new Failure(
    'POSTGRES_UNREACHABLE',
    `Postgres does not answer at ${where}: ${messageOf(error)}; check --db-host and --db-port, and that the server runs`,
    { cause: error, retriable: true },
  );
}
