/**
 * The authentication header in IPv4, RFC 4302 section 2: what it signs follows in the clear. As with the extension headers
 * of IPv6, the column `ipProtocol` holds what follows.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeIpPayload, PROTOCOL_AUTHENTICATION } from './ip-protocol.js';

const NEXT_HEADER = 0;
const LENGTH = 1; // units of 4 bytes, less two
const HEADER_LENGTH_MIN = 12;
/** One is usual, a second one that of a tunnel's other end; more of them are left alone. */
const HEADERS_MAX = 4;

const TRUNCATED = decodeFailureCode('authentication_truncated');

export function decodeAuthenticated(dissection: Dissection, firstHeader: number, end: number): number {
  const { block, row, buffer } = dissection;
  let offset = firstHeader;
  for (let headers = 0; headers < HEADERS_MAX; headers++) {
    if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
    const payload = offset + Math.max((buffer[offset + LENGTH]! + 2) << 2, HEADER_LENGTH_MIN);
    if (end < payload) return truncated(dissection, payload, TRUNCATED);
    const protocol = buffer[offset + NEXT_HEADER]!;
    block.ipProtocol[row] = protocol;
    if (protocol !== PROTOCOL_AUTHENTICATION) {
      return decodeIpPayload(dissection, payload, end, protocol, 4);
    }
    offset = payload;
  }
  return 0;
}
