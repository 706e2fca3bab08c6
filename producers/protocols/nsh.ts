/** Network Service Header, RFC 8300 section 2: it carries its own length and what follows. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS } from './ethertype.js';

const LENGTH = 1; // lower six bits, units of 4 bytes
const LENGTH_MASK = 0x3f;
const NEXT_PROTOCOL = 3;
const HEADER_LENGTH_MIN = 8;
const NEXT_IPV4 = 1;
const NEXT_IPV6 = 2;
const NEXT_ETHERNET = 3;
const NEXT_MPLS = 5;

const TRUNCATED = decodeFailureCode('provider_tag_truncated');

export function decodeNsh(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const length = Math.max((buffer[offset + LENGTH]! & LENGTH_MASK) << 2, HEADER_LENGTH_MIN);
  const payload = offset + length;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  switch (buffer[offset + NEXT_PROTOCOL]) {
    case NEXT_IPV4:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV4);
    case NEXT_IPV6:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV6);
    case NEXT_MPLS:
      return decodeEtherType(dissection, payload, end, ETHERTYPE_MPLS);
    case NEXT_ETHERNET:
      return decodeEthernet(dissection, payload, end);
    default:
      return 0;
  }
}
