/** What a filter asks of packets, and what then holds for the segments that have such packets (sinks/migrations/0009). */
import type { PacketSql } from './packet-sql.js';
import type { Condition } from './query-parameters.js';

export interface PacketCondition {
  /** What a packet must meet; true, false or null. */
  readonly packet: (sql: PacketSql) => string;
  /** What a segment meets that has such a packet, in what is known of it without unpacking; null when nothing is. */
  readonly segment: Condition | null;
}

export function allOf(conditions: readonly PacketCondition[]): PacketCondition {
  const segments = knownOfSegments(conditions);
  return combined(conditions, segments.length === 0 ? null : segments, 'AND', 'true');
}

export function anyOf(conditions: readonly PacketCondition[]): PacketCondition {
  const segments = knownOfSegments(conditions);
  // One alternative of which nothing is known may be in any segment.
  return combined(conditions, segments.length < conditions.length ? null : segments, 'OR', 'false');
}

function knownOfSegments(conditions: readonly PacketCondition[]): Condition[] {
  return conditions.flatMap(({ segment }) => (segment === null ? [] : [segment]));
}

function combined(
  conditions: readonly PacketCondition[],
  segments: readonly Condition[] | null,
  operator: 'AND' | 'OR',
  none: string,
): PacketCondition {
  if (conditions.length === 1) return conditions[0]!;
  return {
    packet: (sql) =>
      joined(
        conditions.map(({ packet }) => packet(sql)),
        operator,
        none,
      ),
    segment:
      segments === null
        ? null
        : (sql) =>
            joined(
              segments.map((segment) => segment(sql)),
              operator,
              none,
            ),
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
