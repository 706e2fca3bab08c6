/** Generic Network Virtualization Encapsulation, RFC 8926 section 3.4. Its options are passed over. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16, uint24 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_TRANSPARENT_BRIDGING } from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const VERSION_AND_LENGTH = 0; // two bits, then six that count the options in units of 4 bytes
const LENGTH_MASK = 0x3f;
const PROTOCOL = 2;
const NETWORK_ID = 4;
const HEADER_LENGTH_MIN = 8;

const TRUNCATED = decodeFailureCode('geneve_truncated');

/** A datagram to the port of another version, or that carries no packet, is known by its addresses, and no failure. */
export function decodeGeneve(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset || buffer[offset + VERSION_AND_LENGTH]! >> 6 !== 0) return 0;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const payload = offset + HEADER_LENGTH_MIN + ((buffer[offset + VERSION_AND_LENGTH]! & LENGTH_MASK) << 2);
  const protocol = uint16(buffer, offset + PROTOCOL);
  if (protocol !== ETHERTYPE_TRANSPARENT_BRIDGING && protocol !== ETHERTYPE_IPV4 && protocol !== ETHERTYPE_IPV6)
    return 0;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const networkId = uint24(buffer, offset + NETWORK_ID);
  return decodeTunnelled(dissection, payload, end, 'geneve', networkId, protocol);
}
