/** What a filter asks of packets, and what then holds for the segments that have such packets (sinks/migrations/0009). */

import type { PacketTerms } from './packet-terms.js';
import type { Condition } from './sql-values.js';

export interface PacketCondition {
  /** What a packet must meet; true, false or null. */
  readonly packet: (sql: PacketTerms) => string;
  /** What a segment meets that has such a packet, in what is known of it without unpacking; null when nothing is. */
  readonly segment: Condition | null;
  /** The part of it that the index of keys can be asked for; absent or null when there is none. */
  readonly keys?: Condition | null;
  /** The same in what no index has, but each segment once for all its packets; absent or null when nothing is known. */
  readonly content?: Condition | null;
}

export function allOf(conditions: readonly PacketCondition[]): PacketCondition {
  return combined(conditions, 'AND', 'true', (known) => known.length > 0);
}

export function anyOf(conditions: readonly PacketCondition[]): PacketCondition {
  // One alternative of which nothing is known may be in any segment.
  return combined(conditions, 'OR', 'false', (known) => known.length === conditions.length);
}

function combined(
  conditions: readonly PacketCondition[],
  operator: 'AND' | 'OR',
  none: string,
  isKnown: (known: readonly Condition[]) => boolean,
): PacketCondition {
  if (conditions.length === 1) return conditions[0]!;
  const ofSegments = (given: readonly (Condition | null | undefined)[]): Condition | null => {
    const known = given.filter((condition) => condition !== null && condition !== undefined);
    if (!isKnown(known)) return null;
    return (sql) =>
      joined(
        known.map((condition) => condition(sql)),
        operator,
        none,
      );
  };
  return {
    packet: (sql) =>
      joined(
        conditions.map(({ packet }) => packet(sql)),
        operator,
        none,
      ),
    segment: ofSegments(conditions.map(({ segment }) => segment)),
    keys: ofSegments(conditions.map(({ keys }) => keys)),
    content: ofSegments(conditions.map(({ content }) => content)),
  };
}

/**
 * A null column makes a comparison neither true nor false; a packet without ports is "not port 80" all the same. A segment
 * has packets of both kinds, so of it nothing is known.
 */
export function not({ packet }: PacketCondition): PacketCondition {
  return { packet: (sql) => `(${packet(sql)}) IS NOT TRUE`, segment: null };
}

function joined(conditions: readonly string[], operator: 'AND' | 'OR', none: string): string {
  return conditions.length === 0 ? none : conditions.map((condition) => `(${condition})`).join(` ${operator} `);
}
