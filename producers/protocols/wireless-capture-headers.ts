/**
 * What drivers put before wireless frames to tell of the reception: radiotap (https://www.radiotap.org), PPI (CACE
 * Technologies), AVS and Prism. Only their length matters here, and the padding that radiotap announces.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeIeee80211 } from './ieee80211.js';

const LENGTH = 2; // little endian, in radiotap and PPI
const HEADER_LENGTH_MIN = 8;

const RADIOTAP_PRESENT = 4;
const RADIOTAP_PRESENT_TIME = 0x01; // bits of the first byte of the first word
const RADIOTAP_PRESENT_FLAGS = 0x02;
const RADIOTAP_PRESENT_MORE = 0x80; // bit of the last byte of each word
const RADIOTAP_TIME_LENGTH = 8;
const RADIOTAP_FLAG_PADDED = 0x20;

const PPI_LINK_TYPE = 4;
const PPI_LINK_ETHERNET = 1;
const PPI_LINK_IEEE80211 = 105;

const AVS_MAGIC_MASK = 0xfffff000;
const AVS_MAGIC = 0x80211000;
const AVS_LENGTH = 4;
const PRISM_HEADER_LENGTH = 144;

const TRUNCATED = decodeFailureCode('capture_header_truncated');

export function decodeRadiotap(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const frame = offset + littleEndian16(buffer, offset + LENGTH);
  if (frame > end || frame < offset + HEADER_LENGTH_MIN) return truncated(dissection, frame, TRUNCATED);
  return decodeIeee80211(dissection, frame, end, isPadded(buffer, offset, frame));
}

function isPadded(buffer: Uint8Array, offset: number, headerEnd: number): boolean {
  const present = buffer[offset + RADIOTAP_PRESENT]!;
  if ((present & RADIOTAP_PRESENT_FLAGS) === 0) return false;
  let word = offset + RADIOTAP_PRESENT;
  while (word + 4 <= headerEnd && (buffer[word + 3]! & RADIOTAP_PRESENT_MORE) !== 0) word += 4;
  let flags = word + 4;
  if ((present & RADIOTAP_PRESENT_TIME) !== 0) {
    flags = offset + ((flags - offset + RADIOTAP_TIME_LENGTH - 1) & ~(RADIOTAP_TIME_LENGTH - 1)) + RADIOTAP_TIME_LENGTH;
  }
  return flags < headerEnd && (buffer[flags]! & RADIOTAP_FLAG_PADDED) !== 0;
}

export function decodePpi(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const frame = offset + littleEndian16(buffer, offset + LENGTH);
  if (frame > end || frame < offset + HEADER_LENGTH_MIN) return truncated(dissection, frame, TRUNCATED);
  switch (littleEndian16(buffer, offset + PPI_LINK_TYPE)) {
    case PPI_LINK_IEEE80211:
      return decodeIeee80211(dissection, frame, end, false);
    case PPI_LINK_ETHERNET:
      return decodeEthernet(dissection, frame, end);
    default:
      return 0;
  }
}

/** Prism and AVS share link types; AVS has a magic number. */
export function decodePrismOrAvs(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const isAvs = (uint32(buffer, offset) & AVS_MAGIC_MASK) >>> 0 === AVS_MAGIC;
  const length = isAvs ? uint32(buffer, offset + AVS_LENGTH) : PRISM_HEADER_LENGTH;
  const frame = offset + length;
  if (length < HEADER_LENGTH_MIN || frame > end) return truncated(dissection, frame, TRUNCATED);
  return decodeIeee80211(dissection, frame, end, false);
}

function littleEndian16(buffer: Uint8Array, offset: number): number {
  return buffer[offset]! | (buffer[offset + 1]! << 8);
}
