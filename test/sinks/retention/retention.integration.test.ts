import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../../sinks/migrations/migration.js';
import { applyRetention, type RetentionSettings } from '../../../sinks/retention/retention.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';
import { runNta } from '../../support/nta-command.js';
import { StoredRows } from '../../support/sink-rows.js';

const SETTINGS: RetentionSettings = {
  dataRetentionDays: 7,
  conversationRetentionDays: 14,
  statsRetentionDays: 60,
  alertRetentionDays: 90,
  maxDatabaseSize: 0,
};

let database: TestDatabase;
let rows: StoredRows;

beforeEach(async () => {
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  rows = new StoredRows(database.connection);
});

afterEach(async () => {
  await database.remove();
});

const apply = (changes: Partial<RetentionSettings> = {}, dryRun = false) =>
  applyRetention({ ...SETTINGS, ...changes, ...database.settings }, { dryRun }, testLog());

const addPacket = (time: string): Promise<void> =>
  rows.storePackets(
    `SELECT ${time} AS captured_at, 1 AS id, 1 AS origin_id, 60 AS frame_length, 60 AS captured_length, 0 AS role`,
  );

/** A partition of packets of the day that many days ago, last written that many days ago, with a row. */
async function addDay(daysAgo: number, writtenDaysAgo: number): Promise<string> {
  const day = `date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => ${daysAgo})`;
  await rows.query(`SELECT create_partition('packet_segments', ${day}, ${day} + interval '1 day')`);
  await addPacket(`${day} + interval '1 hour'`);
  return rows.value(
    `UPDATE partitions SET last_write_at = now() - make_interval(days => ${writtenDaysAgo})
     WHERE parent_name = 'packet_segments' AND range_start = ${day} RETURNING partition_name::text`,
  );
}

const partitions = (): Promise<{ name: string }[]> =>
  rows.query(
    `SELECT relname AS name FROM pg_class WHERE relname ~ '^packet_segments_[0-9]' AND relkind = 'r' ORDER BY relname DESC`,
  );

describe('applyRetention', () => {
  it('drops partitions that are old in range and in last write, and only says so in a dry run', async () => {
    const old = await addDay(30, 20);
    const replayed = await addDay(400, 1);
    const recent = await addDay(2, 2);
    const dry = await apply({}, true);
    expect(dry.dropped.map(({ name }) => name)).toEqual([old]);
    expect(dry.dropped[0]!.bytes).toBeGreaterThan(0);
    expect((await partitions()).length).toBe(3);
    expect((await apply()).dropped.map(({ name }) => name)).toEqual([old]);
    expect(await partitions()).toEqual([{ name: recent }, { name: replayed }]);
    expect((await apply()).dropped).toEqual([]);
  });

  it('empties the default partition once nobody has written there for long', async () => {
    await addPacket(`timestamptz '1970-01-01Z'`);
    expect((await apply()).dropped).toEqual([]);
    await rows.query(`UPDATE partitions SET last_write_at = now() - interval '8 days'`);
    expect((await apply()).dropped.map(({ name }) => name)).toEqual(['packet_segments_default']);
    expect(await rows.value('SELECT count(*)::int FROM packets')).toBe(0);
  });

  it('keeps conversations for their own time, and open ones while they are heard of', async () => {
    const conversation = (ended: string, heard: string): string =>
      `INSERT INTO conversations (ended_at, started_at, last_at, heard_at, id, originator_bytes, responder_bytes,
         originator_payload, responder_payload, originator_packets, responder_packets, origin_id, originator_port,
         responder_port, ip_protocol, state, outcome, begun, originator, responder)
       VALUES (${ended}, '2026-01-01Z', NULL, ${heard}, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 4, 2, true, '10.0.0.1', '10.0.0.2')`;
    const day = `date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '10 days'`;
    await rows.query(`SELECT create_partition('conversations', ${day}, ${day} + interval '1 day')`);
    await rows.query(conversation(`${day} + interval '1 hour'`, 'NULL'));
    await rows.query(conversation(`'infinity'`, `now() - interval '15 days'`));
    await rows.query(conversation(`'infinity'`, `now() - interval '13 days'`));
    await rows.query(
      `UPDATE partitions SET last_write_at = now() - interval '9 days' WHERE parent_name = 'conversations'`,
    );
    expect((await apply({}, true)).dropped.map(({ name }) => name)).toEqual(['conversations_open']);
    expect((await apply()).dropped.map(({ name }) => name)).toEqual(['conversations_open']);
    expect(await rows.value('SELECT count(*)::int FROM conversations')).toBe(2);
    const shorter = await apply({ conversationRetentionDays: 8 });
    expect(shorter.dropped.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^conversations_\d{8}$/),
      'conversations_open',
    ]);
    expect(await rows.value('SELECT count(*)::int FROM conversations')).toBe(0);
  });

  it('keeps statistics and alerts for their own times', async () => {
    await rows.query(
      `SELECT create_partition(parent::name, month, month + interval '1 month') FROM
         unnest(ARRAY['traffic_totals', 'traffic_sources']) AS parent,
         (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '3 months') AS m (month)`,
    );
    await rows.query(
      `UPDATE partitions SET last_write_at = now() - make_interval(days => CASE parent_name WHEN 'traffic_totals' THEN 61 ELSE 59 END)
       WHERE range_start > '-infinity'`,
    );
    const insert = (id: string, status: string, days: number) =>
      rows.query(
        `INSERT INTO alerts (id, rule_id, rule_name, rule_version, severity, status, sequence, source, technique_ids,
           capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, document, updated_at)
         SELECT $1, 'r', 'r', '1', 3, $2, 1, 's', '{}', '{}', 'm', t, t, t, 1, '{}', '{}', t
         FROM (SELECT now() - make_interval(days => $3)) AS time (t)`,
        [id, status, days],
      );
    await insert('old', 'closed', 91);
    await insert('open', 'open', 91);
    await insert('recent', 'closed', 89);
    const { dropped } = await apply();
    expect(dropped.map(({ name }) => name.replace(/_\d+$/, ''))).toEqual(['traffic_totals', 'alerts']);
    expect((await rows.query('SELECT id FROM alerts ORDER BY id')).map(({ id }) => id)).toEqual(['open', 'recent']);
  });

  it('keeps the audit log as long as alerts', async () => {
    await rows.query(
      `INSERT INTO audit_log (at, actor, role, address, method, path, status, request_id)
       SELECT now() - make_interval(days => age), 'ada', 'admin', '', 'POST', '/' || age, 200, '' FROM unnest(ARRAY[10, 89, 91, 400]) AS age`,
    );
    const entries = async () => (await rows.query('SELECT path FROM audit_log ORDER BY id')).map(({ path }) => path);
    expect((await apply({}, true)).dropped).toEqual([expect.objectContaining({ name: 'audit_log' })]);
    expect(await entries()).toHaveLength(4);
    await apply();
    expect(await entries()).toEqual(['/10', '/89']);
  });

  it('drops the oldest when the database is too large, but never the youngest', async () => {
    await addDay(3, 0);
    await addDay(2, 0);
    const youngest = await addDay(1, 0);
    const { dropped } = await apply({ maxDatabaseSize: 1 });
    expect(dropped.map(({ reason }) => reason)).toEqual(['size', 'size']);
    expect(await partitions()).toEqual([{ name: youngest }]);
  });

  it('leaves a partition that is in use, and the others to one cleaner', async () => {
    const used = await addDay(30, 20);
    const reader = new pg.Client({ ...database.connection });
    await reader.connect();
    await reader.query('BEGIN; SELECT count(*) FROM packets');
    expect(await apply()).toMatchObject({ dropped: [], postponed: [used] });
    await reader.query('ROLLBACK');
    await reader.query("SELECT pg_advisory_lock(hashtext('nta.retention'))");
    expect(await apply()).toMatchObject({ dropped: [], busy: true });
    await reader.end();
    expect((await apply()).dropped.map(({ name }) => name)).toEqual([used]);
  });
});

describe('nta cleanup', () => {
  it('says what it would drop and drops it, by the age on its command line', async () => {
    const { host, port, user, password, database: name } = database.connection;
    const cleanup = (...args: string[]) =>
      runNta(['cleanup', `--db-host=${host}`, `--db-port=${port}`, `--db-user=${user}`, `--db-name=${name}`, ...args], {
        env: { DB_PASSWORD: password, NTA_DATA_RETENTION_DAYS: '1' },
      });
    const old = await addDay(30, 20);
    const recent = await addDay(8, 8);
    const dry = await cleanup('--retention-days=10', '--dry-run');
    expect(dry.stdout).toMatch(new RegExp(`^would drop ${old}: \\S+ to \\S+, \\d+ bytes\\n$`));
    expect((await partitions()).length).toBe(2);
    expect((await cleanup('--retention-days=10')).stdout).toMatch(
      new RegExp(`^dropped ${old}: \\S+ to \\S+, \\d+ bytes, in [\\d.]+ s\\n$`),
    );
    expect(await partitions()).toEqual([{ name: recent }]);
    expect((await cleanup('--retention-days=10')).stdout).toBe('nothing is older than the retention\n');
    expect(await cleanup('--retention-days=0')).toMatchObject({ code: 2 });
    expect((await cleanup()).stdout).toContain(`dropped ${recent}`);
  });
});
