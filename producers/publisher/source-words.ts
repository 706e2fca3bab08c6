/** What is known of a source whose packets and rows wait for a flush: where in its words what stands. */

/** One source of one origin: 32 words, so that a packet finds its source in two cache lines. */
export const SOURCE_WORDS = 32;
export const HASH = 0;
/** Kind of the address, and above 8 bits the number of the origin. */
export const IDENTITY = 1;
/** Four words: an IPv4 address as a number, or the bytes of an IPv6 address or a MAC. */
export const ADDRESS = 2;
/** Where in the arena its next packet goes, and where the room for it ends. */
export const NEXT = 6;
export const END = 7;
/** Timestamp of its first packet, and of its latest: doubles, over two words each. */
export const FIRST_TIMESTAMP = 8;
export const LAST_TIMESTAMP = 10;
export const PACKETS = 12;
/** More bytes than its packets, flows and rows take. */
export const BYTES = 13;
export const FIRST_RUN = 14;
export const LAST_RUN = 15;
export const SLOT = 16;
/** Its flows: the first, the last, and how many. */
export const FIRST_FLOW = 17;
export const LAST_FLOW = 18;
export const FLOW_COUNT = 19;
/** Its rows of all kinds: numbers of the first and the last, from 1; 0: none. */
export const FIRST_ROW = 20;
export const LAST_ROW = 21;
export const ROW_COUNT = 22;
/** The host behind it in a record of several. */
export const NEXT_HOST = 23;
