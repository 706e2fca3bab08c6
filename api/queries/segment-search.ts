/**
 * Which segments may have packets of a filter, those that end last first, as far back as a page needs them. What is common is
 * found on the way back from the newest; what is rare there, by the index of keys. Postgres is not left to choose: it expects
 * the keys of a filter to be spread evenly and to have nothing to do with each other.
 */
import type pg from 'pg';
import { formatTimestamp } from '../../schemas/alerts/alert.js';
import { SEGMENT_SECONDS } from '../../schemas/tables/packet-table.js';
import { type Condition, QueryParameters } from '../../schemas/tables/sql-values.js';
import { query, queryKept, type Statement } from '../pool.js';

/** A row of packet_segments. Times are µs since 1970-01-01 UTC; those of packets are at most 2^53. */
export interface FoundSegment {
  /** first_id, beyond 2^53. */
  readonly id: string;
  readonly first: number;
  readonly last: number;
  readonly packets: number;
}

/** From the first time, inclusive, to the second, exclusive; µs, or infinite. */
export interface MicrosRange {
  readonly from: number;
  readonly to: number;
}

/** A look for segments: those that end before a time, and begin before the end of the range. */
export interface SegmentLook {
  /** What is known of the segments wanted without unpacking them; null for all. */
  readonly keys: Condition | null;
  readonly range: MicrosRange;
  /** They end before it; infinite at first. */
  readonly endBefore: number;
}

const SEGMENT_MICROS = SEGMENT_SECONDS * 1e6;

function times({ range, endBefore }: SegmentLook, sql: QueryParameters): string {
  const add = (micros: number): string => sql.add(formatTimestamp(micros), 'timestamptz');
  const conditions: string[] = [];
  // What begins is what partitions go by.
  if (Number.isFinite(range.from)) {
    conditions.push(`last_at >= ${add(range.from)}`, `first_at > ${add(range.from - SEGMENT_MICROS)}`);
  }
  const last = Math.min(endBefore, range.to + SEGMENT_MICROS);
  if (Number.isFinite(last)) {
    conditions.push(`last_at < ${add(last)}`, `first_at < ${add(Math.min(endBefore, range.to))}`);
  }
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

const MICROS_OF = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;
const FOUND = `first_id::text AS id, ${MICROS_OF('first_at')} AS first, ${MICROS_OF('last_at')} AS last, packets`;

/**
 * Looks at segments one by one: at so many that end in the range, those that end last, and at first at all that its end cuts.
 * A row without an id says when the newest and the oldest of so many end; there is none when there are not as many.
 *
 * @param limit of those that it finds
 */
export function walkStatement(look: SegmentLook, depth: number, limit: number): Statement {
  const sql = new QueryParameters();
  const { keys, range, endBefore } = look;
  const matches = keys === null ? 'true' : keys(sql);
  const count = sql.add(depth, 'integer');
  const ended = times({ ...look, endBefore: Math.min(endBefore, range.to) }, sql);
  const cut =
    endBefore <= range.to
      ? ''
      : `UNION ALL
    SELECT first_id, first_at, last_at, packets FROM packet_segments
    WHERE (${matches}) AND ${times(look, sql)} AND last_at >= ${sql.add(formatTimestamp(range.to), 'timestamptz')}`;
  const text = `WITH ended AS MATERIALIZED (
  SELECT first_id, first_at, last_at, packets, ${matches} AS matches FROM packet_segments
  WHERE ${ended} ORDER BY last_at DESC LIMIT ${count}
)
(SELECT ${FOUND} FROM (
  SELECT * FROM (
    SELECT first_id, first_at, last_at, packets FROM ended WHERE matches
    ${cut}
  ) AS walked ORDER BY last_at DESC LIMIT ${sql.add(limit, 'integer')}
) AS newest)
UNION ALL SELECT NULL, ${MICROS_OF('max(last_at)')}, ${MICROS_OF('min(last_at)')}, NULL FROM ended HAVING count(*) = ${count}`;
  return { text, values: sql.values };
}

/**
 * Asks the index of keys. Each row has by `known` how many segments match, one more than `most` for any more.
 *
 * @param limit of those that it gives
 */
export function indexStatement(look: SegmentLook, most: number, limit: number): Statement {
  const sql = new QueryParameters();
  const keys = look.keys === null ? 'true' : look.keys(sql);
  // The limits stand outside, so that Postgres plans for all matches and yet stops at the last that is asked for.
  const text = `WITH matches AS MATERIALIZED (
  SELECT first_id, first_at, last_at, packets FROM packet_segments WHERE (${keys}) AND ${times(look, sql)}
), counted AS MATERIALIZED (SELECT * FROM matches LIMIT ${sql.add(most + 1, 'integer')})
SELECT ${FOUND}, (SELECT count(*) FROM counted) AS known
FROM (SELECT * FROM counted ORDER BY last_at DESC LIMIT ${sql.add(limit, 'integer')}) AS newest`;
  return { text, values: sql.values };
}

interface FoundRow {
  readonly id: string | null;
  readonly first: number | null;
  readonly last: number | null;
  readonly packets: number | null;
}

/** Segments that end in the range that the first walk looks at; those that the end of the range cuts come on top. */
const DEPTH = 160;
const DEPTH_UNKEYED = 200;
/** Most segments that a walk gives. */
const WALKED_MAX = 2_048;
/** A filter of which a walk found less than one in so many is found by the index at less cost. */
const RARE = 4;
/**
 * Matches that the index is first asked for: as far back as a walk leads to expect so many, and then so many times as far.
 * Each costs a page of the table.
 */
const MATCHES_WANTED = 128;
const FURTHER = 16;
/** Matches of the index beyond which it costs less to walk on, and how many of these are given at a time. */
const MATCHES_MAX = 5_000;
const MATCHES_GIVEN = 512;

export class SegmentSearch {
  /** Those found that may have packets before `before`, in no order. */
  found: FoundSegment[] = [];
  /** All segments that end at this time or later are found; -Infinity for all there are. */
  knownFrom = Infinity;
  private readonly ids = new Set<string>();
  private depth: number;
  /** So many times as many are asked for. */
  private scale = 1;
  private indexed: boolean | null = null;
  /** µs of the next look at the index. */
  private span = Infinity;

  constructor(
    private readonly pool: pg.Pool,
    private readonly keys: Condition | null,
    private readonly range: MicrosRange,
  ) {
    this.depth = keys === null ? DEPTH_UNKEYED : DEPTH;
  }

  /** Forgets those without packets before a time. */
  forget(before: number): void {
    this.found = this.found.filter(({ first }) => first < before);
  }

  /** Finds further ones. */
  async more(): Promise<void> {
    const knownFrom = this.knownFrom;
    if (this.indexed === true) await this.askIndex();
    else await this.walk();
    // As many end at one microsecond, or are cut by the end of the range, as were asked for: only more of them lead past it.
    if (this.knownFrom === knownFrom || this.knownFrom > this.range.to) this.scale *= 4;
  }

  private async walk(): Promise<void> {
    const limit = WALKED_MAX * this.scale;
    const { rows } = await queryKept<FoundRow>(this.pool, walkStatement(this.look(), this.depth, limit));
    const walked = rows.find(({ id }) => id === null);
    const found = walked === undefined ? rows.length : rows.length - 1;
    const last = this.take(rows);
    // There may be others that end at the same time.
    if (found >= limit) {
      this.knownFrom = last + 1;
      return;
    }
    this.knownFrom = walked === undefined ? Number.NEGATIVE_INFINITY : walked.last! + 1;
    if (this.keys !== null && this.indexed === null && walked !== undefined && found * RARE < this.depth) {
      if (found > 0) this.span = Math.ceil(((walked.first! + 1 - walked.last!) * MATCHES_WANTED) / found);
      await this.askIndex();
    }
    this.depth *= 4;
  }

  private async askIndex(): Promise<void> {
    const limit = MATCHES_GIVEN * this.scale;
    const least = this.knownFrom - this.span;
    const from = least > Math.max(this.range.from, 0) ? least : this.range.from;
    const look = { ...this.look(), range: { ...this.range, from } };
    const { text, values } = indexStatement(look, MATCHES_MAX, limit);
    // How Postgres finds them best depends on the values.
    const { rows } = await query<FoundRow & { known: number }>(this.pool, text, values);
    this.indexed = (rows[0]?.known ?? 0) <= MATCHES_MAX;
    if (!this.indexed) return;
    const last = this.take(rows);
    if (rows.length >= limit) this.knownFrom = last + 1;
    else this.knownFrom = from > this.range.from ? from : Number.NEGATIVE_INFINITY;
    // They are not as evenly spread as expected.
    this.span = rows.length === 0 ? Infinity : this.span * FURTHER;
  }

  private look(): SegmentLook {
    return { keys: this.keys, range: this.range, endBefore: this.knownFrom };
  }

  /** @returns the least time that one of them ends at */
  private take(rows: readonly FoundRow[]): number {
    let least = Infinity;
    for (const { id, first, last, packets } of rows) {
      if (id === null) continue;
      least = Math.min(least, last!);
      if (this.ids.has(id)) continue;
      this.ids.add(id);
      this.found.push({ id, first: first!, last: last!, packets: packets! });
    }
    return least;
  }
}
