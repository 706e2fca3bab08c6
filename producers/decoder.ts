/**
 * One captured frame to one row of a block. Link types are LINKTYPE_ values (https://www.tcpdump.org/linktypes.html).
 * To add a protocol: a file in protocols/, a line where its predecessor dispatches, its failures in
 * schemas/decode-failure.ts.
 */
import { decodeFailureCode } from '../schemas/decode-failure.js';
import { ADDRESS_MAC, ADDRESS_NONE, HAS_MACS, type PacketBlock } from '../schemas/packet-block.js';
import { decodeBsdLoopback } from './protocols/bsd-loopback.js';
import { decodeCiscoHdlc } from './protocols/cisco-hdlc.js';
import type { Dissection } from './protocols/dissection.js';
import { decodeEthernet } from './protocols/ethernet.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './protocols/ethertype.js';
import { decodeLinuxCooked, decodeLinuxCooked2 } from './protocols/linux-cooked.js';
import { decodePppLink } from './protocols/ppp.js';
import { decodePppoeSession } from './protocols/pppoe.js';
import { decodeRawIp } from './protocols/raw-ip.js';

export { type DecodeOptions, Dissection } from './protocols/dissection.js';

export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_PPP = 9;
export const LINKTYPE_PPP_HDLC = 50;
export const LINKTYPE_PPP_ETHER = 51;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_CISCO_HDLC = 104;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

const LINK_UNSUPPORTED = decodeFailureCode('link_unsupported');

/**
 * Adds exactly one row for a frame, whatever its bytes, and returns its index. The block has room for it. Reads only
 * `capturedLength` bytes from `offset`, however large the buffer.
 *
 * The source is the IPv4 or IPv6 address, in ARP the sender's protocol address; without any of them the source MAC, and
 * where the link has none, nothing. `failure` tells what could not be decoded; what was read before stays.
 *
 * @param frameLength bytes on the wire, of which `capturedLength` were captured
 * @param timestamp µs since 1970-01-01 UTC
 * @param originIndex what `block.originIndex` gave for the interface
 */
export function decodeFrame(
  block: PacketBlock,
  linkType: number,
  buffer: Uint8Array,
  offset: number,
  capturedLength: number,
  frameLength: number,
  timestamp: number,
  originIndex: number,
  dissection: Dissection,
): number {
  const row = block.addRow();
  block.timestamp[row] = timestamp;
  block.origin[row] = originIndex;
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  dissection.wireEnd = offset + Math.max(frameLength, capturedLength);
  dissection.tunnelDepth = 0;
  dissection.linkHeaders = 0;
  const end = offset + capturedLength;
  block.failure[row] =
    linkType === LINKTYPE_ETHERNET
      ? decodeEthernet(dissection, block, row, buffer, offset, end)
      : decodeLink(dissection, block, row, buffer, offset, end, linkType);
  if (block.sourceKind[row] === ADDRESS_NONE && (block.present[row]! & HAS_MACS) !== 0) {
    block.sourceKind[row] = ADDRESS_MAC;
  }
  return row;
}

function decodeLink(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  linkType: number,
): number {
  switch (linkType) {
    case LINKTYPE_LINUX_SLL2:
      return decodeLinuxCooked2(dissection, block, row, buffer, offset, end);
    case LINKTYPE_LINUX_SLL:
      return decodeLinuxCooked(dissection, block, row, buffer, offset, end);
    case LINKTYPE_RAW:
      return decodeRawIp(dissection, block, row, buffer, offset, end);
    case LINKTYPE_IPV4:
      return decodeEtherType(dissection, block, row, buffer, offset, end, ETHERTYPE_IPV4);
    case LINKTYPE_IPV6:
      return decodeEtherType(dissection, block, row, buffer, offset, end, ETHERTYPE_IPV6);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return decodeBsdLoopback(dissection, block, row, buffer, offset, end);
    case LINKTYPE_PPP:
    case LINKTYPE_PPP_HDLC:
      return decodePppLink(dissection, block, row, buffer, offset, end);
    case LINKTYPE_PPP_ETHER:
      return decodePppoeSession(dissection, block, row, buffer, offset, end);
    case LINKTYPE_CISCO_HDLC:
      return decodeCiscoHdlc(dissection, block, row, buffer, offset, end);
    default:
      return LINK_UNSUPPORTED;
  }
}
