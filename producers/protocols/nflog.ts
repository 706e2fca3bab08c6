/**
 * Packets that the Linux firewall logged (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html): a family, then
 * attributes of length, type and value, one of which is the packet. They are in the byte order of the capturing host.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';

const FAMILY = 0;
const HEADER_LENGTH = 4;
const FAMILY_IPV4 = 2;
const FAMILY_IPV6 = 10;
const ATTRIBUTE_HEADER_LENGTH = 4;
const ATTRIBUTE_PAYLOAD = 9;

const TRUNCATED = decodeFailureCode('capture_header_truncated');

export function decodeNflog(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  let attribute = offset + HEADER_LENGTH;
  if (end < attribute) return truncated(dissection, attribute, TRUNCATED);
  const family = buffer[offset + FAMILY];
  while (end - attribute >= ATTRIBUTE_HEADER_LENGTH) {
    // Types are small, so the half of the field that is not 0 tells the byte order.
    const littleEndian = buffer[attribute + 3] === 0;
    const type = littleEndian ? buffer[attribute + 2]! : buffer[attribute + 3]!;
    const length = littleEndian
      ? buffer[attribute]! | (buffer[attribute + 1]! << 8)
      : (buffer[attribute]! << 8) | buffer[attribute + 1]!;
    if (length < ATTRIBUTE_HEADER_LENGTH) break;
    if (type === ATTRIBUTE_PAYLOAD) {
      if (family !== FAMILY_IPV4 && family !== FAMILY_IPV6) return 0;
      dissection.wireEnd = Math.min(dissection.wireEnd, attribute + length);
      const packetEnd = Math.min(end, attribute + length);
      const etherType = family === FAMILY_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
      return decodeEtherType(dissection, attribute + ATTRIBUTE_HEADER_LENGTH, packetEnd, etherType);
    }
    attribute += (length + 3) & ~3;
  }
  return truncated(dissection, attribute + ATTRIBUTE_HEADER_LENGTH, TRUNCATED);
}
