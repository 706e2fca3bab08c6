/**
 * IEEE 802.2 logical link control and the Subnetwork Access Protocol (RFC 1042), which lead back to EtherTypes. What is
 * neither (spanning tree, IS-IS, IPX, NetBIOS) is known by its MAC and no failure.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16, uint24 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_MIN } from './ethertype.js';

const DSAP = 0;
const SSAP = 1;
const CONTROL = 2;
const HEADER_LENGTH = 3;
const SAP_SNAP = 0xaa;
const SAP_IP = 0x06;
/** Novell's raw IPX has no LLC header; its checksum is always this. */
const SAP_RAW_IPX = 0xff;
const UNNUMBERED_INFORMATION = 0x03;

const SNAP_ORGANIZATION = 3;
const SNAP_PROTOCOL = 6;
const SNAP_HEADER_LENGTH = 8;
const ORGANIZATION_ETHERNET = 0x000000;
/** IEEE Std 802.1H tunnels the EtherTypes of old bridges under this number. */
const ORGANIZATION_BRIDGE_TUNNEL = 0x0000f8;

const TRUNCATED = decodeFailureCode('llc_truncated');

/** @param length the length field of the frame; 0 where the link has none. Padding lies beyond it. */
export function decodeLlc(dissection: Dissection, offset: number, frameEnd: number, length: number): number {
  const { buffer } = dissection;
  let end = frameEnd;
  if (length > 0 && offset + length < dissection.wireEnd) {
    dissection.wireEnd = offset + length;
    if (end > dissection.wireEnd) end = dissection.wireEnd;
  }
  if (end - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const destination = buffer[offset + DSAP]!;
  const source = buffer[offset + SSAP]!;
  if (destination === SAP_RAW_IPX && source === SAP_RAW_IPX) return 0;
  if (buffer[offset + CONTROL] !== UNNUMBERED_INFORMATION) return 0;
  if (destination === SAP_IP && source === SAP_IP) {
    return decodeEtherType(dissection, offset + HEADER_LENGTH, end, ETHERTYPE_IPV4);
  }
  if (destination !== SAP_SNAP || source !== SAP_SNAP) return 0;
  const payload = offset + SNAP_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const organization = uint24(buffer, offset + SNAP_ORGANIZATION);
  if (organization !== ORGANIZATION_ETHERNET && organization !== ORGANIZATION_BRIDGE_TUNNEL) return 0;
  const protocol = uint16(buffer, offset + SNAP_PROTOCOL);
  return protocol < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, payload, end, protocol);
}
