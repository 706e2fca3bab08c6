/** What those who query the table `packets` write as its indexes have it; Postgres uses an index for the very same words alone. */

/** The second of a time, an expression of SQL: what the indexes of addresses and services go by (sinks/migrations/0007). */
export function secondOf(time: string): string {
  return `date_bin('1 second', ${time}, '2000-01-01Z'::timestamptz)`;
}

/** Most packets of a row of packet_segments. */
export const SEGMENT_PACKETS = 256;
/** A segment holds packets of one such span of UTC, so it begins less than that before it ends. */
export const SEGMENT_SECONDS = 10;
/** Bits of the networks that a segment is found by, beside its addresses. */
export const INDEXED_PREFIXES = { ipv4: [8, 16, 24], ipv6: [32, 48, 64] } as const;
