import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';
import { migrate, migrationSql } from '../../../sinks/migrations/migration.js';
import { createTestDatabase, type TestDatabase, testLog } from '../../support/local-stack.js';
import { StoredRows } from '../../support/sink-rows.js';

/** Every table, column, index, constraint and function there is. */
const SHAPE = `SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
  SELECT format('%s.%s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'i', 'I')
  UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT format('%s %s', relname, relacl) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'nta_migrations'
) AS shape`;

const MIGRATIONS = join(projectRoot, 'sinks', 'migrations');

/** Rows as sinks of before wrote them, the columns in the order of the table: a busy half minute. */
const BUSY_ROWS = `
  SELECT '2026-01-01T09:00Z'::timestamptz + i * interval '7 milliseconds', i, 4294967295 - i, i, 1 + i % 2, 60 + i % 1400,
    least(60 + i % 1400, 96), 2048, 1024 + i, 443, NULL::integer, '02:00:00:00:00:01'::macaddr, '02:00:00:00:00:02'::macaddr,
    NULL::smallint, NULL::smallint, 6::smallint, 64::smallint, (i % 512)::smallint, NULL::smallint, NULL::smallint, NULL::smallint,
    (i % 4)::smallint, NULL::smallint, '10.0.0.0'::inet + i % 300, '192.0.2.1'::inet, NULL::jsonb
  FROM generate_series(1, 3000) AS i`;
/** And one of each kind. */
const RARE_ROWS = `VALUES
    -- VLAN tags, the first fragment of UDP over IPv6
    ('2026-01-01T09:00:00.000001Z', 5001, NULL, 4000000000, 1, 1514, 1514, 34525, 65535, 0, 0, '02:00:00:00:00:01', 'ff:ff:ff:ff:ff:ff',
      4094, 1, 17, 255, NULL, NULL, NULL, NULL, 0, NULL, '2001:db8::1', 'ff02::fb',
      '{"dns": {"query": "a.example", "type": 1}}'),
    -- a later fragment, ICMP, ARP
    ('2026-01-01T09:00:00.000001Z', 5002, NULL, 65535, 1, 1514, 96, 2048, NULL, NULL, 65528, NULL, NULL,
      100, NULL, 17, 0, NULL, NULL, NULL, NULL, 0, NULL, '10.0.0.1', '10.0.0.2', NULL),
    ('2026-01-01T23:59:59.999999Z', 5003, NULL, 0, 1, 98, 98, 2048, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, 1, 64, NULL, 255, 255, NULL, 3, NULL, '10.0.0.1', '10.0.0.2', NULL),
    ('2026-01-01T10:00Z', 5004, NULL, NULL, 2, 60, 60, 2054, NULL, NULL, NULL, '02:00:00:00:00:01', NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2, 0, NULL, '10.0.0.1', '10.0.0.2', NULL),
    -- outside every partition: no network, a failure, a time before 1970
    ('2025-06-01T10:00Z', 5005, NULL, NULL, 1, 60, 60, NULL, NULL, NULL, NULL, '02:00:00:00:00:01', NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
    ('2025-06-01T10:00:09.999999Z', 5006, 2147483648, 1, 1, 54, 40, 2048, 1, 2, NULL, NULL, NULL,
      NULL, NULL, 6, 1, 0, NULL, NULL, NULL, 1, 3, NULL, '10.0.0.2', NULL),
    ('1969-12-31T23:59:59.999999Z', 5007, NULL, NULL, 1, 60, 0, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, NULL, NULL, NULL)`;

describe('migrate', () => {
  let database: TestDatabase;
  let rows: StoredRows;

  beforeEach(async () => {
    database = await createTestDatabase();
    rows = new StoredRows(database.connection);
  });

  afterEach(async () => {
    await database.remove();
  });

  it('sets up once, however many do it at once', async () => {
    const results = await Promise.all([1, 2, 3].map(() => migrate(database.settings, testLog())));
    const applied = results.flatMap((result) => result.applied);
    expect(applied.length).toBeGreaterThan(3);
    expect(new Set(applied).size).toBe(applied.length);
    expect((await migrate(database.settings, testLog())).applied).toEqual([]);
  });

  it('does what the printed SQL does, which leaves nothing to do', async () => {
    await migrate(database.settings, testLog());
    const byHand = await createTestDatabase();
    try {
      const byHandRows = new StoredRows(byHand.connection);
      await byHandRows.query(migrationSql());
      expect((await migrate(byHand.settings, testLog())).applied).toEqual([]);
      expect(await byHandRows.value(SHAPE)).toBe(await rows.value(SHAPE));
    } finally {
      await byHand.remove();
    }
  });

  it('lets a writer write and a reader read, and no more', async () => {
    await migrate(database.settings, testLog());
    const role = `test_${database.connection.database}`;
    await rows.query(`CREATE ROLE ${role} LOGIN PASSWORD 'test'`);
    try {
      const as = new StoredRows({ ...database.connection, user: role, password: 'test' });
      const settings = { ...database.settings, dbUser: role, dbPassword: 'test' };
      await expect(as.query('SELECT FROM packets')).rejects.toThrow(/permission denied/);
      await rows.query(`GRANT nta_reader TO ${role}`);
      expect((await migrate(settings, testLog())).applied, 'nothing is pending').toEqual([]);
      expect(await as.value('SELECT count(*)::int FROM packets')).toBe(0);
      expect(await as.query('SELECT id FROM unpacked_packets, packet_segments')).toEqual([]);
      expect(await as.query(`SELECT id FROM packets_between('2026-01-01', '2026-01-02')`)).toEqual([]);
      const insert = `INSERT INTO packet_segments SELECT * FROM packet_segments`;
      await expect(as.query(insert)).rejects.toThrow(/permission denied/);
      await expect(as.query(`SELECT nextval('packet_units')`)).rejects.toThrow(/permission denied/);
      await expect(as.query(`SELECT pack_packets('packets')`)).rejects.toThrow(/permission denied/);
      await as.query(`UPDATE alerts SET resolved_at = now(), resolved_by = 'me', note = 'done'`);
      await expect(as.query('INSERT INTO origins DEFAULT VALUES')).rejects.toThrow(/permission denied/);
      await expect(as.query(`SELECT create_partition('packet_segments', '2026-01-01', '2026-01-02')`)).rejects.toThrow(
        /permission denied/,
      );
      await expect(as.query('DELETE FROM alerts')).rejects.toThrow(/permission denied/);
      await rows.query(`GRANT nta_writer TO ${role}`);
      expect(await as.query(insert)).toEqual([]);
      expect(await as.value(`SELECT nextval('packet_units')`)).toBe('1');
      for (const denied of [
        'DELETE FROM packet_segments',
        'UPDATE packet_segments SET packets = 1',
        `SELECT pack_packets('packets')`,
      ]) {
        await expect(as.query(denied), denied).rejects.toThrow(/permission denied/);
      }
      expect(await as.value(`SELECT create_partition('packet_segments', '2026-01-01', '2026-01-02')`)).toBe(true);
      expect(
        await as.value(`SELECT create_partition('packet_segments', '2026-01-01T12:00Z', '2026-01-01T13:00Z')`),
      ).toBe(false);
      await expect(as.query('DROP TABLE packet_segments_20260101')).rejects.toThrow(/must be owner/);
      await expect(as.query(`SELECT create_partition('alerts', '2026-01-01', '2026-01-02')`)).rejects.toThrow(
        /no partitioned table/,
      );
    } finally {
      await rows.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('packs the rows of the table of before, and changes none', async () => {
    const client = new pg.Client({ ...database.connection });
    await client.connect();
    try {
      for (const name of readdirSync(MIGRATIONS).sort()) {
        if (name < '0009') await client.query(readFileSync(join(MIGRATIONS, name), 'utf8'));
      }
      await client.query(
        `CREATE TABLE nta_migrations (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)`,
      );
      await client.query(
        'INSERT INTO nta_migrations (name, run_on) SELECT name, now() FROM unnest($1::text[]) AS name',
        [
          readdirSync(MIGRATIONS)
            .filter((name) => name < '0009')
            .sort()
            .map((name) => name.replace('.sql', '')),
        ],
      );
      await client.query(`SELECT create_partition('packets', '2026-01-01Z', '2026-01-02Z')`);
      await client.query(`UPDATE partitions SET last_write_at = '2026-01-03Z' WHERE range_start = '2026-01-01Z'`);
      for (const rows of [BUSY_ROWS, RARE_ROWS]) await client.query(`INSERT INTO packets ${rows}`);
      await client.query(`CREATE TABLE before AS SELECT * FROM packets`);
      expect((await migrate(database.settings, testLog())).applied[0]).toBe('0009_packet_segments');
      // New ids, so that without them rows have to be the same, each as often.
      const columns = (
        await client.query<{ name: string }>(
          `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'before'::regclass AND attnum > 0 AND attname <> 'id'`,
        )
      ).rows.map(({ name }) => name);
      const select = (table: string) => `SELECT ${columns.join(', ')} FROM ${table}`;
      const { rows: differing } = await client.query(
        `(${select('before')} EXCEPT ALL ${select('packets')}) UNION ALL (${select('packets')} EXCEPT ALL ${select('before')})`,
      );
      expect(differing).toEqual([]);
      const { rows: counts } = await client.query(
        `SELECT count(*)::integer AS packets, count(DISTINCT id)::integer AS ids, count(details)::integer AS details,
           count(*) FILTER (WHERE captured_at >= '2026-01-01Z')::integer AS in_partition,
           (SELECT sum(packets)::integer FROM packet_segments_20260101) AS of_partition,
           (SELECT sum(packets)::integer FROM packet_segments_default) AS of_default,
           (SELECT last_write_at = '2026-01-03Z' FROM partitions WHERE partition_name = 'packet_segments_20260101') AS kept
         FROM packets`,
      );
      expect(counts).toEqual([
        { packets: 3_007, ids: 3_007, details: 1, in_partition: 3_004, of_partition: 3_004, of_default: 3, kept: true },
      ]);
    } finally {
      await client.end();
    }
  });

  it('keeps what questions are asked about in the rows of segments, in partitions of before and of later', async () => {
    await migrate(database.settings, testLog());
    await rows.query(`SELECT create_partition('packet_segments', '2026-01-01Z', '2026-01-02Z')`);
    // Two segments whose every packet differs from the others in every column, inside and outside of the partition.
    await rows.query(
      `CREATE TABLE given AS SELECT * FROM packets;
       INSERT INTO given SELECT captured_at + i * interval '1 millisecond', i, i, i, 1, 60 + i, i, 2048 + i, i, 1000 + i, NULL,
         ('02:00:00:00:00:' || to_hex(i % 200 + 16))::macaddr, NULL, i, NULL, 6, i % 256, i, NULL, NULL, NULL, 0, NULL,
         '10.0.0.0'::inet + i, '192.0.2.0'::inet + i, NULL
       FROM generate_series(1, 256) AS i, LATERAL unnest(ARRAY['2025-01-01Z', '2026-01-01Z']::timestamptz[]) AS captured_at;
       SELECT pack_packets('given')`,
    );
    const inRow = ['time_offsets', 'headers', 'endpoints', 'ports'];
    expect(
      await rows.value(
        `SELECT string_agg(format('%s %s', partition, inside), ', ' ORDER BY first_at) FROM (
           SELECT first_at, tableoid::regclass AS partition, ${inRow.map((column) => `pg_column_toast_chunk_id(${column}) IS NULL`).join(' AND ')} AS inside
           FROM packet_segments) AS segments`,
      ),
    ).toBe('packet_segments_default t, packet_segments_20260101 t');
  });

  it('says what a user without rights needs', async () => {
    const role = `test_${database.connection.database}`;
    await rows.query(`CREATE ROLE ${role} LOGIN PASSWORD 'test'`);
    try {
      const settings = { ...database.settings, dbUser: role, dbPassword: 'test' };
      await expect(migrate(settings, testLog())).rejects.toMatchObject({
        code: 'MIGRATION_RIGHTS',
        message: expect.stringContaining('nta setup --print'),
      });
      await rows.query(`GRANT CREATE ON SCHEMA public TO ${role}`);
      const { applied, warnings } = await migrate(settings, testLog());
      expect(applied.length).toBeGreaterThan(3);
      // The roles are of the whole server; another test may have made them.
      for (const warning of warnings) expect(warning).toMatch(/CREATE ROLE nta_/);
    } finally {
      await rows.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('refuses a database of a newer version', async () => {
    await migrate(database.settings, testLog());
    await rows.query(`INSERT INTO nta_migrations (name, run_on) VALUES ('9999_future', now())`);
    await expect(migrate(database.settings, testLog())).rejects.toMatchObject({ code: 'MIGRATION_NEWER' });
  });

  it('estimates distinct sources', async () => {
    await migrate(database.settings, testLog());
    const client = new pg.Client({ ...database.connection });
    await client.connect();
    const { addToSketch, SKETCH_BYTES, sketchBitOf, sketchLiteral } = await import(
      '../../../sinks/traffic/source-sketch.js'
    );
    try {
      for (const sources of [0, 1, 5, 100, 1_000, 20_000, 500_000]) {
        const halves = [new Uint8Array(SKETCH_BYTES), new Uint8Array(SKETCH_BYTES)];
        for (let i = 0; i < sources; i++) {
          const source = Buffer.from(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
          const bit = sketchBitOf(source, source.length);
          addToSketch(halves[i % 2]!, bit);
          addToSketch(halves[0]!, bit);
        }
        const { rows: result } = await client.query<{ estimate: string }>(
          'SELECT distinct_sources(bit_or(sketch::bit(12288))) AS estimate FROM unnest($1::text[]) AS sketch',
          [halves.map((sketch) => sketchLiteral(sketch))],
        );
        const estimate = Number(result[0]!.estimate);
        expect(Math.abs(estimate - sources), `${estimate} for ${sources}`).toBeLessThanOrEqual(0.12 * sources);
      }
    } finally {
      await client.end();
    }
  });
});
