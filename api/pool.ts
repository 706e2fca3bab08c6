/** The API's connections: bounded in number, in time per statement, and with values in the form that answers carry. */
import pg from 'pg';
import { type PostgresSettings, postgresConfig } from '../runtime/postgres/client.js';
import { ApiProblem } from './http/problem.js';

const INT8 = 20;
const TIMESTAMPTZ = 1184;

/** "2026-01-02 03:04:05.6789+00" → "2026-01-02T03:04:05.678900Z"; a Date would lose the microseconds. */
export function formatPostgresTime(text: string): string {
  const match = /^(\S+) (\d{2}:\d{2}:\d{2})(?:\.(\d+))?\+00$/.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z` : text;
}

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === TIMESTAMPTZ) return formatPostgresTime;
    // Counts of packets and bytes: exact up to 2^53, which is 9 petabytes.
    if (oid === INT8) return Number;
    return pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig['getTypeParser'],
};

/**
 * A query is short; compiling it would take longer than running it. Workers side by side are for reading whole tables, which
 * still costs several times as much as this: for a page each worker looks for a page of its own, three times the rows.
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO',
  jit: 'off',
  parallel_setup_cost: '100000',
};

export function createApiPool(
  settings: PostgresSettings,
  statementTimeoutMs: number,
  onIdleError: (error: Error) => void,
): pg.Pool {
  const pool = new pg.Pool({
    ...postgresConfig(settings, 'nta-api'),
    types,
    statement_timeout: statementTimeoutMs,
    // A server that vanished without a word is noticed here.
    query_timeout: statementTimeoutMs + 5_000,
    options: Object.entries(SESSION_SETTINGS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  pool.on('error', onIdleError);
  return pool;
}

/** Longest time that a word to Postgres may take on the connection of the feed, milliseconds. */
const FEED_TIMEOUT_MS = 10_000;

/** The feed's own connection, beside the pool: listening takes one for as long as anyone looks. */
export function createFeedClient(settings: PostgresSettings): pg.Client {
  return new pg.Client({ ...postgresConfig(settings, 'nta-api-feed'), query_timeout: FEED_TIMEOUT_MS });
}

/** A download's own connection, which it has for as long as its client reads. */
export function createDownloadClient(settings: PostgresSettings): pg.Client {
  return new pg.Client(postgresConfig(settings, 'nta-api-download'));
}

/** Requests that may wait for a connection; further ones are turned away at once rather than after a timeout. */
const WAITING_MAX = 100;

/**
 * Statements that a connection keeps, so that Postgres parses each once, and plans it once if that plan is as good for any
 * values. Further ones are sent again each time: a plan takes 0.3 MB of its server process, more with many partitions.
 */
export const KEPT_MAX = 32;
const keptNames = new WeakMap<pg.Pool, Map<string, string>>();

function keptName(pool: pg.Pool, text: string): string | undefined {
  let names = keptNames.get(pool);
  if (names === undefined) {
    names = new Map();
    keptNames.set(pool, names);
  }
  let name = names.get(text);
  if (name === undefined && names.size < KEPT_MAX) {
    name = `nta_${names.size + 1}`;
    names.set(text, name);
  }
  return name;
}

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Of a text that comes again and again, with other values. Those of which Postgres has to see the values are no such. */
export function queryKept<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  { text, values }: Statement,
): Promise<pg.QueryResult<Row>> {
  return send<Row>(pool, { text, values: [...values], name: keptName(pool, text) });
}

export function query<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[] = [],
): Promise<pg.QueryResult<Row>> {
  return send<Row>(pool, { text, values: [...values] });
}

function send<Row extends pg.QueryResultRow>(pool: pg.Pool, config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
  if (pool.waitingCount >= WAITING_MAX) {
    throw new ApiProblem(503, 'BUSY', 'too many requests wait for the database; try again, or raise --db-max-conn', {
      headers: { 'retry-after': '2' },
    });
  }
  return pool.query<Row>(config);
}
