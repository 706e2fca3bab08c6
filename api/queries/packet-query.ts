/**
 * Packets of a filter, newest first, by page. A page is looked for from its newest time backwards, a window of time a round,
 * in all segments that have packets of that time: what a round finds is final, and the next goes on below it.
 */
import type pg from 'pg';
import type { PacketCondition } from '../../schemas/tables/packet-condition.js';
import { ApiProblem } from '../http/problem.js';
import { queryKept } from '../pool.js';
import type { PacketRow } from '../views/packet-view.js';
import type { TimePosition } from './cursor.js';
import { packetStatement } from './packet-round.js';
import { PacketSql } from './packet-sql.js';
import { type FoundSegment, type MicrosRange, SegmentSearch } from './segment-search.js';
import { microsOf, type TimeRange } from './time-range.js';

export interface PacketQuery {
  readonly filter: PacketCondition;
  readonly range: TimeRange;
  readonly after: TimePosition | null;
  readonly limit: number;
}

/** Segments and packets of a round. */
const SEGMENTS_MAX = 1_024;
const PACKETS_MAX = 1 << 18;
/**
 * Packets that the first round looks at for each that the page lacks: what one packet of so many is takes one round. A packet
 * costs little beside its segment.
 */
const PACKETS_EACH = 64;
/** Most by which a round is larger than the one before. */
const GROWTH = 4;

/** The range of a page; what lies beyond all times that a packet can have is no bound. */
function microsRange({ range, after }: PacketQuery): MicrosRange {
  const from = range.from === null ? Number.NEGATIVE_INFINITY : microsOf(range.from);
  const to = Math.min(
    range.to === null ? Infinity : microsOf(range.to),
    after === null ? Infinity : microsOf(after.time) + 1,
  );
  return {
    from: from < Number.MIN_SAFE_INTEGER ? Number.NEGATIVE_INFINITY : from > Number.MAX_SAFE_INTEGER ? Infinity : from,
    to: to > Number.MAX_SAFE_INTEGER ? Infinity : to,
  };
}

/** How many packets of a segment are between two times, as far as can be told from outside. */
function packetsWithin({ first, last, packets }: FoundSegment, { from, to }: MicrosRange): number {
  if (from <= first && to > last) return packets;
  return (packets * Math.max(0, Math.min(last + 1, to) - Math.max(first, from))) / (last + 1 - first);
}

interface Window extends MicrosRange {
  readonly segments: readonly FoundSegment[];
  /** Estimated. */
  readonly packets: number;
}

function windowFrom(from: number, to: number, known: readonly FoundSegment[]): Window {
  const segments = known.filter(({ first, last }) => first < to && last >= from);
  return { from, to, segments, packets: packetsFrom(from, to, segments) };
}

function packetsFrom(from: number, to: number, segments: readonly FoundSegment[]): number {
  const range = { from, to };
  let packets = 0;
  for (const segment of segments) packets += packetsWithin(segment, range);
  return packets;
}

/**
 * The window below a time that has about so many packets, in no more segments than a round may have; or down to `lowest`,
 * unless that is more than twice as many.
 */
function windowOf(packets: number, to: number, lowest: number, known: readonly FoundSegment[]): Window {
  const all = windowFrom(lowest, to, known);
  if (all.packets <= 2 * packets && all.segments.length <= SEGMENTS_MAX) return all;
  // No segment that begins at the end of the window or later is among them.
  let low = all.segments.reduce((least, { first }) => Math.min(least, first), to);
  let high = all.segments.reduce((greatest, { last }) => Math.max(greatest, last + 1), low);
  low = Math.max(low, lowest);
  high = Math.min(high, to);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const smaller = packetsFrom(middle, to, all.segments);
    if (smaller > packets) low = middle;
    else high = middle;
    if (smaller >= packets && smaller < 1.1 * packets) break;
  }
  const window = windowFrom(low, to, all.segments);
  if (window.segments.length <= SEGMENTS_MAX) return window;
  // Too many, of which few packets are in it: down to where the last of those that may be there ends.
  const ends = window.segments.map(({ last }) => last).sort((a, b) => b - a);
  return windowFrom(Math.max(low, Math.min(ends[SEGMENTS_MAX]! + 1, to - 1)), to, window.segments);
}

/**
 * A page. Each round is a statement with a snapshot of its own, as each page is; what is stored meanwhile may be missing
 * above a time and be there below it.
 */
export async function findPackets(pool: pg.Pool, wanted: PacketQuery): Promise<PacketRow[]> {
  const { filter, limit } = wanted;
  const range = microsRange(wanted);
  const after = wanted.after === null ? null : { micros: microsOf(wanted.after.time), id: wanted.after.id };
  const deadline = deadlineOf(pool);
  const search = new SegmentSearch(pool, filter.segment, range);
  const found: PacketRow[] = [];
  // Of all packets the newest of the window are the page.
  let packets = limit * (filter.packet(new PacketSql()) === 'true' ? 2 : PACKETS_EACH);
  let before = range.to;
  while (before > range.from) {
    const lowest = Math.max(search.knownFrom, range.from);
    const window = windowOf(Math.min(packets, PACKETS_MAX), before, lowest, search.found);
    // A round of a few packets costs as much as finding more segments for it.
    const usedUp = window.from <= lowest && search.knownFrom > range.from;
    if (usedUp && window.packets < packets / 4) {
      await search.more();
    } else {
      const rows = await lookAt(pool, {
        filter,
        segments: window.segments,
        window,
        after,
        limit: limit - found.length,
      });
      for (const row of rows) found.push(row);
      if (found.length >= limit) return found;
      packets = nextPackets(limit - found.length, rows.length, window.packets, packets);
      before = window.from;
      search.forget(before);
    }
    deadline.check();
  }
  return found;
}

async function lookAt(pool: pg.Pool, round: Parameters<typeof packetStatement>[0]): Promise<PacketRow[]> {
  if (round.segments.length === 0) return [];
  return (await queryKept<PacketRow & pg.QueryResultRow>(pool, packetStatement(round))).rows;
}

/**
 * As many as the rest of the page should take, after a round that found some among so many; and as many more as chance may
 * ask for.
 */
function nextPackets(wanted: number, found: number, looked: number, asked: number): number {
  const most = Math.max(asked, looked) * GROWTH;
  return found === 0 ? most : Math.min(Math.ceil((looked * (wanted + 3 * Math.sqrt(wanted))) / found), most);
}

/** The time that a statement may take is what a page may. */
function deadlineOf({ options }: pg.Pool): { check(): void } {
  const startedAt = performance.now();
  return {
    check: () => {
      const { statement_timeout: timeoutMs } = options;
      if (typeof timeoutMs !== 'number' || performance.now() - startedAt <= timeoutMs) return;
      throw new ApiProblem(
        503,
        'QUERY_TIMEOUT',
        'the query took too long and was ended; narrow the time range or the filter, or raise --api-statement-timeout',
      );
    },
  };
}
