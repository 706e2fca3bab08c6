/**
 * What is remembered of one conversation: three cache lines of memory, 192 bytes, named here. The first holds all that a packet in the
 * middle of a conversation is compared with and changes, but for its sums of bytes, which begin the second; the third is
 * needed for IPv6 addresses and by what happens seldom. A record begins at word `RECORD_WORDS` times its place.
 */

export const RECORD_WORDS = 48;
export const RECORD_DOUBLES = 24;

// Words of the first line.
/** Kind of the addresses and protocol; of ICMP queries the type besides. */
export const KIND_AND_PROTOCOL = 0;
/** Those of the first end above those of the second. */
export const PORTS = 1;
/** The first and the second end: the address of IPv4, what stands for that of IPv6. */
export const FIRST = 2;
export const SECOND = 3;
export const STATUS = 4;
/** Which letters of which end were seen, and above 27 bits how many. */
export const HISTORY = 5;
/** Of the originator, then of the responder. */
export const PACKETS = 6;
/** The row of what the responder received, and the epoch of its table in which that is the row. */
export const RECEIVED_ROW = 12;
export const RECEIVED_EPOCH = 13;
/** Payloads read of the originator, above 8 bits of the responder, then flags. */
export const PAYLOADS_READ = 14;
/** Flags of PAYLOADS_READ: nothing more is to be read of an end; there is something of the conversation in its services. */
export const ORIGINATOR_SAYS_NO_MORE: number = 1 << 16;
export const RESPONDER_SAYS_NO_MORE: number = 1 << 17;
export const HAS_SAID: number = 1 << 18;
/** VLAN id, and above 16 bits the number of the origin. */
export const ORIGIN_AND_VLAN = 15;
// Words of the second line.
export const TIMER_NEXT = 26;
export const TIMER_PREVIOUS = 27;
export const TIMER_SLOT = 28;
/** Logins failed, and above 16 bits succeeded. */
export const LOGINS = 29;
/** The hash of the key. */
export const TAG = 30;
// Words of the third line.
/** IPv6 addresses of the first and the second end, four words each. */
const ADDRESSES6 = 32;
/** Letters of 5 bits, six a word. */
export const HISTORY_LETTERS = 40;
/** Hashes by which the conversation's originator and what the responder receives are known in the table of received rows. */
export const SOURCE_HASH = 44;
export const TARGET_HASH = 45;

// Doubles of a record, which begins at double `RECORD_DOUBLES` times its place.
export const LAST = 4;
export const NEXT_UPDATE = 5;
/** Of the originator, then of the responder. */
export const BYTES = 8;
export const PAYLOAD = 10;
export const START = 12;

export const KIND_IPV6 = 0x100;
export const QUERY_TYPE_SHIFT = 9;

/** Which end of a record: that whose address comes first in it. */
export const END_UNKNOWN = 0;
export const END_FIRST = 1;
export const END_SECOND = 2;

/** In place of a place: the packet belongs to no conversation, or to none that is known. */
export const NO_PLACE = -1;

export function isIpv6Record(words: Int32Array, record: number): boolean {
  return (words[record + KIND_AND_PROTOCOL]! & KIND_IPV6) !== 0;
}

export function protocolOfRecord(words: Int32Array, record: number): number {
  return words[record + KIND_AND_PROTOCOL]! & 0xff;
}

/** Type of the ICMP query that the conversation consists of. */
export function queryTypeOfRecord(words: Int32Array, record: number): number {
  return words[record + KIND_AND_PROTOCOL]! >>> QUERY_TYPE_SHIFT;
}

/** Of ICMP: the identifier. */
export function portOfRecord(words: Int32Array, record: number, end: number): number {
  const ports = words[record + PORTS]!;
  return end === END_FIRST ? ports >>> 16 : ports & 0xffff;
}

/** The first word of an end's address: one of IPv4, four of IPv6. */
export function addressOfRecord(words: Int32Array, record: number, end: number): number {
  if (isIpv6Record(words, record)) return record + ADDRESSES6 + (end === END_FIRST ? 0 : 4);
  return record + (end === END_FIRST ? FIRST : SECOND);
}

export function otherEnd(end: number): number {
  return END_FIRST + END_SECOND - end;
}

/** Forgets all of a record but its key. */
export function clearRecord(words: Int32Array, record: number): void {
  for (let word = record + STATUS; word < record + TAG; word++) words[word] = 0;
  for (let word = record + HISTORY_LETTERS; word < record + RECORD_WORDS; word++) words[word] = 0;
}
