/** The audit log is kept as long as alerts are: what was decided about them, and by whom, belongs together. */
import type pg from 'pg';

const ENTRIES_AT_ONCE = 5_000;

/** @returns how many entries are older than so many days, and gone unless `dryRun`. */
export async function dropAuditEntries(client: pg.Client, days: number, dryRun: boolean): Promise<number> {
  const old = 'at < now() - make_interval(days => $1)';
  if (dryRun) {
    const { rows } = await client.query<{ entries: number }>(
      `SELECT count(*)::integer AS entries FROM audit_log WHERE ${old}`,
      [days],
    );
    return rows[0]!.entries;
  }
  for (let dropped = 0; ; ) {
    const { rowCount } = await client.query(
      `DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE ${old} LIMIT ${ENTRIES_AT_ONCE})`,
      [days],
    );
    dropped += rowCount ?? 0;
    if ((rowCount ?? 0) < ENTRIES_AT_ONCE) return dropped;
  }
}
