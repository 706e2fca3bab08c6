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
/** Timestamp of its first packet: a double, over two words. */
export const FIRST_TIMESTAMP = 8;
export const PACKETS = 10;
export const BYTES = 11;
export const FIRST_RUN = 12;
export const LAST_RUN = 13;
export const SLOT = 14;
/** Its rows of all kinds: numbers of the first and the last, from 1; 0: none. */
export const FIRST_ROW = 16;
export const LAST_ROW = 17;
/** What its latest packet said of link and flow: `LAST_LINK` five words, `LAST_FLOW` six. */
export const LAST_LINK = 20;
export const LAST_FLOW = 25;
export const ROW_COUNT = 31;
