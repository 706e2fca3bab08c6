/** Virtual eXtensible Local Area Network, RFC 7348 section 5. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { uint24 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { ETHERTYPE_TRANSPARENT_BRIDGING } from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

export const VXLAN_PORT = 4789;
/** Linux had VXLAN before the port was assigned and kept this one as its default. */
export const VXLAN_PORT_LINUX = 8472;

const FLAGS = 0;
const FLAG_VALID_NETWORK_ID = 0x08;
const NETWORK_ID = 4;
const HEADER_LENGTH = 8;

const TRUNCATED = decodeFailureCode('vxlan_truncated');

/** A datagram that happens to go to the port but has no network id is somebody else's, and no failure. */
export function decodeVxlan(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): number {
  if (end === offset || (buffer[offset + FLAGS]! & FLAG_VALID_NETWORK_ID) === 0) return 0;
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const networkId = uint24(buffer, offset + NETWORK_ID);
  const inner = ETHERTYPE_TRANSPARENT_BRIDGING;
  return decodeTunnelled(dissection, block, row, buffer, payload, end, 'vxlan', networkId, inner);
}
