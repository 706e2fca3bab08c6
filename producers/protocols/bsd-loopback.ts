/**
 * BSD loopback: four bytes of protocol family before the packet. LINKTYPE_NULL has them in the byte order of whoever
 * captured, LINKTYPE_LOOP in network order (https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html).
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';

const HEADER_LENGTH = 4;
const FAMILY_IPV4 = 2;
/** AF_INET6 has a number of its own everywhere: Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin. */
const FAMILIES_IPV6: readonly number[] = [10, 23, 24, 28, 30];
/** AF_ISO and AF_APPLETALK: not IP, and no failure. */
const FAMILIES_OTHER: readonly number[] = [7, 16];

const TRUNCATED = decodeFailureCode('null_truncated');
const FAMILY_UNKNOWN = decodeFailureCode('null_family_unknown');

export function decodeBsdLoopback(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  let family = uint32(buffer, offset);
  if (family > 0xffff) family = (buffer[offset + 1]! << 8) | buffer[offset]!; // the other byte order
  if (family === FAMILY_IPV4) return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV4);
  if (FAMILIES_IPV6.includes(family)) {
    return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV6);
  }
  return FAMILIES_OTHER.includes(family) ? 0 : FAMILY_UNKNOWN;
}
