/**
 * The sources whose packets `--store alerts` keeps: those with an open episode, or one that changed a moment ago. Read from
 * the table `alerts`, so that it needs neither Kafka nor memory of its own beyond the set.
 */
import type pg from 'pg';

/** Most sources at a time; in a flood of alerts those that changed last. */
const SOURCES_MAX = 100_000;
const REFRESH_MS = 1_000;

export class AlertedSources {
  private sources: ReadonlySet<string> = new Set();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly pool: pg.Pool) {}

  get size(): number {
    return this.sources.size;
  }

  /** By record key. */
  has(source: string): boolean {
    return this.sources.has(source);
  }

  /** Reads them again, unless that was less than a second ago. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.readAt < REFRESH_MS) return;
    // Replays open and close episodes within seconds, so those closed in the last minutes count too.
    const { rows } = await this.pool.query<{ source: string }>(
      `SELECT source FROM alerts WHERE status = 'open' OR updated_at > now() - interval '10 minutes'
       ORDER BY updated_at DESC LIMIT ${SOURCES_MAX}`,
    );
    this.sources = new Set(rows.map(({ source }) => source));
    this.readAt = now;
  }
}
