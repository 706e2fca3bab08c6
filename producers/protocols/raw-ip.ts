/** Packets without a link header (LINKTYPE_RAW): the version in the first four bits tells IPv4 from IPv6. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';

const TRUNCATED = decodeFailureCode('ipv4_truncated');
const WRONG_VERSION = decodeFailureCode('ipv4_version');

export function decodeRawIp(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset) return truncated(dissection, offset + 1, TRUNCATED);
  const version = buffer[offset]! >> 4;
  if (version === 4) return decodeEtherType(dissection, offset, end, ETHERTYPE_IPV4);
  if (version === 6) return decodeEtherType(dissection, offset, end, ETHERTYPE_IPV6);
  return WRONG_VERSION;
}
