/**
 * Drops what is old, by whole partitions: no row of the big tables is ever deleted or scanned. A partition is as old as the
 * younger of its time range and its last write, so that a capture of last year that is replayed today stays as long as
 * one of today.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type PostgresSettings, withPostgres } from '../../runtime/postgres/client.js';
import type { Logger } from '../../runtime/process/log.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import { sqlState } from '../stream/postgres-errors.js';
import { dropAuditEntries } from './audit-log.js';

export const retentionOptions = defineOptions({
  dataRetentionDays: {
    kind: 'integer',
    env: 'NTA_DATA_RETENTION_DAYS',
    default: 7,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which packets are dropped',
  },
  conversationRetentionDays: {
    kind: 'integer',
    env: 'NTA_CONVERSATION_RETENTION_DAYS',
    default: 30,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which conversations are dropped',
  },
  statsRetentionDays: {
    kind: 'integer',
    env: 'NTA_STATS_RETENTION_DAYS',
    default: 400,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which traffic statistics are dropped, by whole months',
  },
  alertRetentionDays: {
    kind: 'integer',
    env: 'NTA_ALERT_RETENTION_DAYS',
    default: 730,
    minimum: 1,
    maximum: 36_500,
    unit: 'days',
    help: 'age at which closed alerts, and entries of the audit log, are deleted',
  },
  maxDatabaseSize: {
    kind: 'size',
    env: 'NTA_MAX_DATABASE_SIZE',
    default: 0,
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    help: 'size of the database past which the oldest packets are dropped early; 0 for no bound',
  },
});

export type RetentionSettings = Settings<typeof retentionOptions>;

export interface DroppedItem {
  /** Table, or `alerts`. */
  readonly name: string;
  /** What it spanned, for people. */
  readonly range: string;
  readonly bytes: number;
  /** Why: its age, or the size of the database. */
  readonly reason: 'age' | 'size';
  /** How long Postgres took, its files gone. */
  readonly seconds: number;
}

export interface RetentionResult {
  readonly dropped: readonly DroppedItem[];
  /** Partitions that a long query kept in use; they go next time. */
  readonly postponed: readonly string[];
  /** Another cleaner was at work, so this one did nothing. */
  readonly busy: boolean;
}

/** One cleaner at a time: the key of its advisory lock. */
const CLEANER_LOCK = "hashtext('nta.retention')";
/**
 * Dropping a partition locks its parent for the moment that takes; while the lock is waited for, readers queue behind it. So the
 * wait is short and repeated.
 */
const LOCK_TIMEOUT_MS = 100;
const LOCK_ATTEMPTS = 50;
const LOCK_PAUSE_MS = 100;
const ALERTS_AT_ONCE = 1_000;
/** The tables that have the packets and the conversations; the others of `partitions` are statistics. */
const PACKETS = 'packet_segments';
const CONVERSATIONS = 'conversations';
const OPEN_CONVERSATIONS = 'conversations_open';

interface Partition {
  readonly name: string;
  readonly parent: string;
  readonly isDefault: boolean;
  readonly range: string;
  readonly bytes: number;
}

/**
 * Applies retention now.
 *
 * @throws Failure `POSTGRES_…` when the database cannot be reached; the error of Postgres when this user may not drop tables.
 */
export async function applyRetention(
  settings: RetentionSettings & PostgresSettings,
  options: { readonly dryRun: boolean },
  log: Logger,
): Promise<RetentionResult> {
  // The lock is given back with the connection.
  return withPostgres(settings, 'nta-retention', async (client) => {
    const { rows } = await client.query<{ locked: boolean }>(`SELECT pg_try_advisory_lock(${CLEANER_LOCK}) AS locked`);
    if (!rows[0]!.locked) return { dropped: [], postponed: [], busy: true };
    return clean(client, settings, options.dryRun, log);
  });
}

async function clean(
  client: pg.Client,
  settings: RetentionSettings,
  dryRun: boolean,
  log: Logger,
): Promise<RetentionResult> {
  const dropped: DroppedItem[] = [];
  const postponed: string[] = [];
  const drop = async (partition: Partition, days: number | null): Promise<boolean> => {
    const startedAt = performance.now();
    const done = dryRun || (await dropPartition(client, partition, days));
    const seconds = secondsSince(startedAt);
    if (done) {
      const { name, range, bytes } = partition;
      dropped.push({ name, range, bytes, reason: days === null ? 'size' : 'age', seconds });
      if (!dryRun) log.info({ partition: name, range, bytes, seconds }, 'partition dropped');
    } else {
      postponed.push(partition.name);
    }
    return done;
  };
  for (const partition of await oldPartitions(client, settings)) {
    await drop(partition, retentionDays(settings, partition.parent));
  }
  if (settings.maxDatabaseSize > 0) {
    const gone = new Set([...dropped.map(({ name }) => name), ...postponed]);
    let size = (await databaseSize(client)) - (dryRun ? dropped.reduce((sum, { bytes }) => sum + bytes, 0) : 0);
    for (const partition of (await packetPartitions(client)).filter(({ name }) => !gone.has(name))) {
      if (size <= settings.maxDatabaseSize) break;
      if (await drop(partition, null)) size -= partition.bytes;
    }
    if (size > settings.maxDatabaseSize) {
      log.warn(
        { bytes: size, maxDatabaseSize: settings.maxDatabaseSize },
        'the database is larger than --max-database-size and there is nothing left to drop; shorten --partition-interval, or raise the bound',
      );
    }
  }
  const startedAt = performance.now();
  const alerts = await dropAlerts(client, settings.alertRetentionDays, dryRun);
  if (alerts > 0) {
    const range = `${alerts} closed alerts older than ${settings.alertRetentionDays} days`;
    dropped.push({ name: 'alerts', range, bytes: 0, reason: 'age', seconds: secondsSince(startedAt) });
  }
  const entries = await dropAuditEntries(client, settings.alertRetentionDays, dryRun);
  if (entries > 0) {
    const range = `${entries} entries older than ${settings.alertRetentionDays} days`;
    dropped.push({ name: 'audit_log', range, bytes: 0, reason: 'age', seconds: 0 });
  }
  const forgotten = await dropOpenConversations(client, settings.conversationRetentionDays, dryRun);
  if (forgotten > 0) {
    const range = `${forgotten} conversations not heard of for ${settings.conversationRetentionDays} days`;
    dropped.push({ name: OPEN_CONVERSATIONS, range, bytes: 0, reason: 'age', seconds: 0 });
  }
  return { dropped, postponed, busy: false };
}

function retentionDays(settings: RetentionSettings, parent: string): number {
  if (parent === PACKETS) return settings.dataRetentionDays;
  return parent === CONVERSATIONS ? settings.conversationRetentionDays : settings.statsRetentionDays;
}

function secondsSince(startedAt: number): number {
  return Number(((performance.now() - startedAt) / 1000).toFixed(3));
}

const PARTITION_COLUMNS = `partition_name::text AS name, parent_name::text AS parent, range_start = '-infinity' AS "isDefault",
  CASE WHEN range_start = '-infinity' THEN 'times outside every partition'
    ELSE to_char(range_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') || ' to '
      || to_char(range_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') END AS range,
  pg_total_relation_size(to_regclass(quote_ident(partition_name)))::double precision AS bytes`;

/** Older than a number of days in both its range and its last write; a default partition has no range but rows. */
const oldCondition = (days: string): string => `last_write_at < now() - make_interval(days => ${days})
  AND (range_end < now() - make_interval(days => ${days}) OR range_start = '-infinity')`;

async function oldPartitions(client: pg.Client, settings: RetentionSettings): Promise<Partition[]> {
  const { rows } = await client.query<Partition>(
    `SELECT ${PARTITION_COLUMNS} FROM partitions
     WHERE to_regclass(quote_ident(partition_name)) IS NOT NULL
       AND ${oldCondition(`CASE parent_name WHEN '${PACKETS}' THEN $1::integer WHEN '${CONVERSATIONS}' THEN $2 ELSE $3 END`)}
     ORDER BY parent_name, range_start`,
    [settings.dataRetentionDays, settings.conversationRetentionDays, settings.statsRetentionDays],
  );
  const filled: Partition[] = [];
  for (const partition of rows) {
    if (!partition.isDefault || (await hasRows(client, partition.name))) filled.push(partition);
  }
  return filled;
}

/** What a size bound may take, oldest first; never the youngest, which is being written. */
async function packetPartitions(client: pg.Client): Promise<Partition[]> {
  const { rows } = await client.query<Partition>(
    `SELECT ${PARTITION_COLUMNS} FROM partitions
     WHERE parent_name = '${PACKETS}' AND range_start > '-infinity'
       AND to_regclass(quote_ident(partition_name)) IS NOT NULL AND range_start <= now()
     ORDER BY greatest(range_end, last_write_at), range_start`,
  );
  return rows.slice(0, -1);
}

async function hasRows(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ filled: boolean }>(
    `SELECT EXISTS (SELECT FROM ${pg.escapeIdentifier(table)}) AS filled`,
  );
  return rows[0]!.filled;
}

async function databaseSize(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: number }>(
    'SELECT pg_database_size(current_database())::double precision AS bytes',
  );
  return rows[0]!.bytes;
}

/** @returns false when somebody kept it in use all the while, or wrote to it meanwhile. */
async function dropPartition(client: pg.Client, partition: Partition, days: number | null): Promise<boolean> {
  const name = pg.escapeIdentifier(partition.name);
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    await client.query('BEGIN');
    try {
      await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
      // The row is locked, so that a sink which is about to write there waits and then finds the partition gone.
      const { rowCount } = await client.query(
        `SELECT FROM partitions WHERE partition_name = $1 ${days === null ? '' : `AND ${oldCondition('$2')}`} FOR UPDATE`,
        days === null ? [partition.name] : [partition.name, days],
      );
      if (rowCount === 0) {
        await client.query('ROLLBACK');
        return false;
      }
      if (partition.isDefault) {
        await client.query(`TRUNCATE ${name}`);
      } else {
        await client.query(`DROP TABLE ${name}`);
        await client.query('DELETE FROM partitions WHERE partition_name = $1', [partition.name]);
      }
      await client.query('COMMIT');
      return true;
    } catch (error) {
      await client.query('ROLLBACK');
      if (sqlState(error) !== '55P03' && sqlState(error) !== '40P01') throw error;
      await sleep(LOCK_PAUSE_MS);
    }
  }
  return false;
}

/** Those whose capture node died never end: they go by rows. */
async function dropOpenConversations(client: pg.Client, days: number, dryRun: boolean): Promise<number> {
  const old = `heard_at < now() - make_interval(days => $1)`;
  const { rows } = await client.query<{ conversations: number }>(
    dryRun
      ? `SELECT count(*)::integer AS conversations FROM ${OPEN_CONVERSATIONS} WHERE ${old}`
      : `WITH gone AS (DELETE FROM ${OPEN_CONVERSATIONS} WHERE ${old} RETURNING 1)
         SELECT count(*)::integer AS conversations FROM gone`,
    [days],
  );
  return rows[0]!.conversations;
}

/** Alerts are few, so they go by rows, with their events; open ones stay. */
async function dropAlerts(client: pg.Client, days: number, dryRun: boolean): Promise<number> {
  const old = `status = 'closed' AND last_seen < now() - make_interval(days => $1)
    AND updated_at < now() - make_interval(days => $1)`;
  if (dryRun) {
    const { rows } = await client.query<{ alerts: number }>(
      `SELECT count(*)::integer AS alerts FROM alerts WHERE ${old}`,
      [days],
    );
    return rows[0]!.alerts;
  }
  for (let dropped = 0; ; ) {
    const { rowCount } = await client.query(
      `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE ${old} LIMIT ${ALERTS_AT_ONCE})`,
      [days],
    );
    dropped += rowCount ?? 0;
    if ((rowCount ?? 0) < ALERTS_AT_ONCE) return dropped;
  }
}
