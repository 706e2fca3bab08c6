/** Facts of the table packet_segments (sinks/migrations/0009), which sinks write and the API and exports read. */

/** Most packets of a row of packet_segments. */
export const SEGMENT_PACKETS = 256;
/** A segment holds packets of one such span of UTC, so it begins less than that before it ends. */
export const SEGMENT_SECONDS = 10;
/**
 * A segment is found by its addresses and their networks of these bits. Where it has more than KEYS_MAX distinct addresses on
 * a side, it is found by their networks of the first of these alone, each written as its last address: 10.255.255.255/8.
 */
export const INDEXED_PREFIXES = { ipv4: [8, 16, 24], ipv6: [32, 48, 64] } as const;
export const KEYS_MAX = 192;
/**
 * What a segment with more than KEYS_MAX distinct ports on a side is found by: -1 stands for ports 0 to 2047, -2 for 2048 to
 * 4095 and so on. What DNS servers answer to has as many ports as packets, and none of a service among them.
 */
export function portRangeKey(port: number): number {
  return -1 - (port >> 11);
}
