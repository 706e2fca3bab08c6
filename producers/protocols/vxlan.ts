/** Virtual eXtensible Local Area Network, RFC 7348 section 5, and its generic extension, draft-ietf-nvo3-vxlan-gpe section 3. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint24 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_NSH,
  ETHERTYPE_TRANSPARENT_BRIDGING,
} from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const FLAGS = 0;
const FLAG_VALID_NETWORK_ID = 0x08;
const FLAG_NEXT_PROTOCOL = 0x04; // of the extension, as the version is
const VERSION_MASK = 0x30;
const NEXT_PROTOCOL = 3;
const NETWORK_ID = 4;
const HEADER_LENGTH = 8;

const TRUNCATED = decodeFailureCode('vxlan_truncated');

/** A datagram that happens to go to the port but has no network id is somebody else's, and no failure. */
export function decodeVxlan(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset || (buffer[offset + FLAGS]! & FLAG_VALID_NETWORK_ID) === 0) return 0;
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const networkId = uint24(buffer, offset + NETWORK_ID);
  const inner = ETHERTYPE_TRANSPARENT_BRIDGING;
  return decodeTunnelled(dissection, payload, end, 'vxlan', networkId, inner);
}

/** Without a next protocol it is VXLAN. Other versions and protocols are known by the addresses of the outer packet. */
export function decodeVxlanGpe(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset || (buffer[offset + FLAGS]! & (FLAG_NEXT_PROTOCOL | VERSION_MASK)) !== FLAG_NEXT_PROTOCOL) {
    return decodeVxlan(dissection, offset, end);
  }
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const inner = etherTypeOf(buffer[offset + NEXT_PROTOCOL]!);
  if (inner === null) return 0;
  const networkId =
    (buffer[offset + FLAGS]! & FLAG_VALID_NETWORK_ID) !== 0 ? uint24(buffer, offset + NETWORK_ID) : null;
  return decodeTunnelled(dissection, payload, end, 'vxlan_gpe', networkId, inner);
}

function etherTypeOf(nextProtocol: number): number | null {
  switch (nextProtocol) {
    case 1:
      return ETHERTYPE_IPV4;
    case 2:
      return ETHERTYPE_IPV6;
    case 3:
      return ETHERTYPE_TRANSPARENT_BRIDGING;
    case 4:
      return ETHERTYPE_NSH;
    case 5:
      return ETHERTYPE_MPLS;
    default:
      return null;
  }
}
