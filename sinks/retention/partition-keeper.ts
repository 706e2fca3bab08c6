/**
 * Makes the partitions that a transaction needs before it needs them, through the function create_partition. Times that
 * no partition covers go to the default partition: those that are absurd, and those past a bounded number of new partitions at once
 * (a damaged capture can claim a time of its own for every packet).
 */
import type pg from 'pg';
import type { Logger } from '../../runtime/process/log.js';
import { sqlState } from '../stream/postgres-errors.js';

const HOUR_MICROS = 3_600_000_000;
const DAY_MICROS = 24 * HOUR_MICROS;

/** Most partitions that one call makes. */
const NEW_PARTITIONS_MAX = 64;
/** Earlier times come from clocks that were never set; no capture format is older. */
const EARLIEST_MICROS = Date.UTC(1987, 0, 1) * 1000;
/** How far ahead of the clock a time may be. */
const AHEAD_MICROS = 2 * DAY_MICROS;
/** Whether last_write_at is older is not looked at more often than this. */
const TOUCH_INTERVAL_MS = 60_000;

interface Range {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  touchedAt: number;
}

interface Parent {
  readonly name: string;
  readonly floor: (micros: number) => number;
  readonly next: (startMicros: number) => number;
  ranges: Range[] | null;
  readAt: number;
  /** Starts whose partition cannot be made, because the default partition has rows there. */
  readonly refused: Set<number>;
}

const floorMonth = (micros: number): number => {
  const date = new Date(Math.floor(micros / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) * 1000;
};
const nextMonth = (micros: number): number => {
  const date = new Date(Math.floor(micros / 1000));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000;
};

export class PartitionKeeper {
  private readonly packetParents: readonly Parent[];
  private readonly conversationParents: readonly Parent[];
  private readonly defaultsTouchedAt = new Map<string, number>();

  constructor(
    private readonly pool: pg.Pool,
    interval: 'hour' | 'day',
    private readonly log: Logger,
    private readonly now: () => number = Date.now,
  ) {
    const span = interval === 'hour' ? HOUR_MICROS : DAY_MICROS;
    const byMonth = (name: string): Parent => ({
      name,
      floor: floorMonth,
      next: nextMonth,
      ranges: null,
      readAt: 0,
      refused: new Set(),
    });
    const bySpan = (name: string, length: number): Parent => ({
      name,
      floor: (micros) => Math.floor(micros / length) * length,
      next: (start) => start + length,
      ranges: null,
      readAt: 0,
      refused: new Set(),
    });
    this.packetParents = [
      bySpan('packet_segments', span),
      byMonth('traffic_totals'),
      byMonth('traffic_protocols'),
      byMonth('traffic_sources'),
      byMonth('traffic_ports'),
    ];
    this.conversationParents = [bySpan('conversations', DAY_MICROS), byMonth('traffic_conversations')];
  }

  /** Makes the partitions of the present and of the next interval. */
  async ensureAhead(): Promise<void> {
    const now = this.now() * 1000;
    for (const parent of [...this.packetParents, ...this.conversationParents]) {
      await this.ensureParent(parent, [now, parent.next(parent.floor(now))]);
    }
  }

  /**
   * Makes the partitions of packets of these minutes (seconds since 1970-01-01 UTC), and of conversations that end in those, and
   * notes that they are written. To be called before the transaction, outside of it.
   */
  async ensure(minutes: Iterable<number>, conversationMinutes: Iterable<number>): Promise<void> {
    const micros = [...minutes].map((seconds) => seconds * 1e6);
    for (const parent of this.packetParents) await this.ensureParent(parent, micros);
    const ends = [...conversationMinutes].map((seconds) => seconds * 1e6);
    if (ends.length === 0) return;
    for (const parent of this.conversationParents) await this.ensureParent(parent, ends);
  }

  private async ensureParent(parent: Parent, times: readonly number[]): Promise<void> {
    // Retention drops partitions behind our back, so what is known is read again each minute.
    if (parent.ranges === null || this.now() - parent.readAt > TOUCH_INTERVAL_MS) await this.readRanges(parent);
    const known = parent.ranges ?? [];
    const starts = new Set<number>();
    const used = new Set<Range>();
    let toDefault = false;
    for (const time of times) {
      const range = findRange(known, time);
      if (range !== null) used.add(range);
      else if (this.plausible(time) && !parent.refused.has(parent.floor(time))) starts.add(parent.floor(time));
      else toDefault = true;
    }
    if (starts.size > 0) {
      const wanted = [...starts].sort((a, b) => b - a);
      for (const start of wanted.slice(0, NEW_PARTITIONS_MAX)) await this.create(parent, start);
      await this.readRanges(parent);
      toDefault ||= wanted.length > NEW_PARTITIONS_MAX;
    }
    const stale = [...used].filter(({ touchedAt }) => this.now() - touchedAt > TOUCH_INTERVAL_MS);
    for (const range of stale) range.touchedAt = this.now();
    const names = stale.map(({ name }) => name);
    if (toDefault && this.now() - (this.defaultsTouchedAt.get(parent.name) ?? 0) > TOUCH_INTERVAL_MS) {
      this.defaultsTouchedAt.set(parent.name, this.now());
      names.push(`${parent.name}_default`);
    }
    if (names.length > 0) {
      await this.pool.query('UPDATE partitions SET last_write_at = now() WHERE partition_name = ANY ($1)', [names]);
    }
  }

  private plausible(micros: number): boolean {
    return micros >= EARLIEST_MICROS && micros <= this.now() * 1000 + AHEAD_MICROS;
  }

  private async create(parent: Parent, start: number): Promise<void> {
    const bounds = [start, parent.next(start)].map((micros) => new Date(micros / 1000).toISOString());
    try {
      const { rows } = await this.pool.query<{ created: boolean }>('SELECT create_partition($1, $2, $3) AS created', [
        parent.name,
        ...bounds,
      ]);
      if (rows[0]?.created) this.log.debug({ table: parent.name, from: bounds[0], to: bounds[1] }, 'partition made');
      else parent.refused.add(start); // another interval covers part of it
    } catch (error) {
      if (sqlState(error) !== '23514') throw error;
      parent.refused.add(start);
      this.log.warn(
        { table: parent.name, from: bounds[0], to: bounds[1] },
        `${parent.name}_default holds rows of a time that has no partition; they stay there until retention empties it`,
      );
    }
  }

  private async readRanges(parent: Parent): Promise<void> {
    const { rows } = await this.pool.query<{ name: string; start: number; end: number }>(
      `SELECT partition_name::text AS name, extract(epoch FROM range_start)::double precision * 1e6 AS start,
         extract(epoch FROM range_end)::double precision * 1e6 AS "end"
       FROM partitions WHERE parent_name = $1 AND range_start > '-infinity' ORDER BY range_start DESC`,
      [parent.name],
    );
    parent.ranges = rows.map((row) => ({ ...row, touchedAt: 0 }));
    parent.readAt = this.now();
  }
}

function findRange(ranges: readonly Range[], micros: number): Range | null {
  for (const range of ranges) if (micros >= range.start && micros < range.end) return range;
  return null;
}
