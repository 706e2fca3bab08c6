import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, migrationSql } from '../../sinks/migration.js';
import { createTestDatabase, type TestDatabase, testLog } from '../support/local-stack.js';
import { StoredRows } from '../support/sink-rows.js';

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
      await as.query(`UPDATE alerts SET resolved_at = now(), resolved_by = 'me', note = 'done'`);
      await expect(as.query('INSERT INTO origins DEFAULT VALUES')).rejects.toThrow(/permission denied/);
      await expect(as.query(`SELECT create_partition('packets', '2026-01-01', '2026-01-02')`)).rejects.toThrow(
        /permission denied/,
      );
      await expect(as.query('DELETE FROM alerts')).rejects.toThrow(/permission denied/);
      await rows.query(`GRANT nta_writer TO ${role}`);
      expect(await as.value(`SELECT create_partition('packets', '2026-01-01', '2026-01-02')`)).toBe(true);
      expect(await as.value(`SELECT create_partition('packets', '2026-01-01T12:00Z', '2026-01-01T13:00Z')`)).toBe(
        false,
      );
      await expect(as.query('DROP TABLE packets_20260101')).rejects.toThrow(/must be owner/);
      await expect(as.query(`SELECT create_partition('alerts', '2026-01-01', '2026-01-02')`)).rejects.toThrow(
        /no partitioned table/,
      );
    } finally {
      await rows.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
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
    const { addToSketch, SKETCH_BYTES, sketchLiteral } = await import('../../sinks/source-sketch.js');
    try {
      for (const sources of [0, 1, 5, 100, 1_000, 20_000, 500_000]) {
        const halves = [new Uint8Array(SKETCH_BYTES), new Uint8Array(SKETCH_BYTES)];
        for (let i = 0; i < sources; i++) {
          const source = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
          addToSketch(halves[i % 2]!, source);
          addToSketch(halves[0]!, source);
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
