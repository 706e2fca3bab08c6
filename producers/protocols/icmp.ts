/** Internet Control Message Protocol, RFC 792. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_ICMP } from '../../schemas/packets/packet-block.js';
import { type Dissection, noteIcmp, truncated } from './dissection.js';

const TYPE = 0;
const CODE = 1;
const CODE_END = 2;
const HEADER_LENGTH = 8;

const TRUNCATED = decodeFailureCode('icmp_truncated');

export function decodeIcmp(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  noteIcmp(dissection, buffer, offset, end);
  if (end - offset < CODE_END) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  block.icmpType[row] = buffer[offset + TYPE]!;
  block.icmpCode[row] = buffer[offset + CODE]!;
  block.present[row]! |= HAS_ICMP;
  return end - offset < HEADER_LENGTH ? truncated(dissection, offset + HEADER_LENGTH, TRUNCATED) : 0;
}
