/** Which decoder reads the frames of a link: LINKTYPE_ values of https://www.tcpdump.org/linktypes.html. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { decodeBsdLoopback } from '../protocols/bsd-loopback.js';
import { decodeCiscoHdlc } from '../protocols/cisco-hdlc.js';
import { type Dissection, truncated } from '../protocols/dissection.js';
import { decodeEthernet } from '../protocols/ethernet.js';
import { decodeEtherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../protocols/ethertype.js';
import { decodeIeee80211 } from '../protocols/ieee80211.js';
import {
  decodeArcnet,
  decodeArcnetLinux,
  decodeEnc,
  decodeFddi,
  decodeFrameRelay,
  decodeIpnet,
  decodeIpOverInfiniband,
  decodePflog,
} from '../protocols/legacy-links.js';
import { decodeLinuxCooked, decodeLinuxCooked2 } from '../protocols/linux-cooked.js';
import { decodeNflog } from '../protocols/nflog.js';
import { decodePppLink } from '../protocols/ppp.js';
import { decodePppoeSession } from '../protocols/pppoe.js';
import { decodeRawIp } from '../protocols/raw-ip.js';
import {
  BROADCOM_TAG_LENGTH,
  DSA_TAG_LENGTH,
  decodePrependedSwitchTag,
  decodeSwitchTag,
  ETHERTYPE_DSA_TAG_LENGTH,
} from '../protocols/switch-tags.js';
import { decodePpi, decodePrismOrAvs, decodeRadiotap } from '../protocols/wireless-capture-headers.js';

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_LINUX_SLL2 = 276;

/** Names for people, by LINKTYPE_ value; the links that can be decoded are exactly these. */
export const LINK_NAMES: Readonly<Record<number, string>> = {
  0: 'null',
  1: 'ethernet',
  7: 'arcnet',
  9: 'ppp',
  10: 'fddi',
  50: 'ppp_hdlc',
  51: 'ppp_ether',
  101: 'raw',
  104: 'cisco_hdlc',
  105: 'ieee802_11',
  107: 'frame_relay',
  108: 'loop',
  109: 'enc',
  113: 'linux_sll',
  117: 'pflog',
  119: 'prism',
  127: 'radiotap',
  129: 'arcnet_linux',
  149: 'pktap_darwin',
  163: 'avs',
  166: 'ppp_pppd',
  192: 'ppi',
  204: 'ppp_with_direction',
  205: 'cisco_hdlc_with_direction',
  206: 'frame_relay_with_direction',
  226: 'ipnet',
  228: 'ipv4',
  229: 'ipv6',
  239: 'nflog',
  242: 'ip_over_infiniband',
  258: 'pktap',
  276: 'linux_sll2',
  281: 'broadcom_tag',
  282: 'broadcom_tag_prepended',
  284: 'dsa',
  285: 'ethertype_dsa',
};

const LINK_UNSUPPORTED = decodeFailureCode('link_unsupported');
const LINK_TRUNCATED = decodeFailureCode('link_truncated');
const DIRECTION_LENGTH = 1;

const PKTAP_HEADER_LENGTH_MIN = 12;
const PKTAP_LINK_TYPE = 8;
/** A packet of Darwin's all-interfaces device is of any link but that device's own. */
const PKTAP_LINKS: readonly number[] = [149, 258];

export function decodeLink(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  linkType: number,
): number {
  switch (linkType) {
    case 1:
      return decodeEthernet(dissection, block, row, buffer, offset, end);
    case 276:
      return decodeLinuxCooked2(dissection, block, row, buffer, offset, end);
    case 113:
      return decodeLinuxCooked(dissection, block, row, buffer, offset, end);
    case 101:
      return decodeRawIp(dissection, block, row, buffer, offset, end);
    case 228:
      return decodeEtherType(dissection, block, row, buffer, offset, end, ETHERTYPE_IPV4);
    case 229:
      return decodeEtherType(dissection, block, row, buffer, offset, end, ETHERTYPE_IPV6);
    case 0:
    case 108:
      return decodeBsdLoopback(dissection, block, row, buffer, offset, end);
    case 9:
    case 50:
      return decodePppLink(dissection, block, row, buffer, offset, end);
    case 51:
      return decodePppoeSession(dissection, block, row, buffer, offset, end);
    case 105:
      return decodeIeee80211(dissection, block, row, buffer, offset, end, false);
    case 127:
      return decodeRadiotap(dissection, block, row, buffer, offset, end);
    default:
      return decodeRareLink(dissection, block, row, buffer, offset, end, linkType);
  }
}

function decodeRareLink(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  linkType: number,
): number {
  switch (linkType) {
    case 7:
      return decodeArcnet(dissection, block, row, buffer, offset, end);
    case 10:
      return decodeFddi(dissection, block, row, buffer, offset, end);
    case 104:
      return decodeCiscoHdlc(dissection, block, row, buffer, offset, end);
    case 107:
      return decodeFrameRelay(dissection, block, row, buffer, offset, end);
    case 109:
      return decodeEnc(dissection, block, row, buffer, offset, end);
    case 117:
      return decodePflog(dissection, block, row, buffer, offset, end);
    case 119:
    case 163:
      return decodePrismOrAvs(dissection, block, row, buffer, offset, end);
    case 129:
      return decodeArcnetLinux(dissection, block, row, buffer, offset, end);
    case 149:
    case 258:
      return decodePktap(dissection, block, row, buffer, offset, end);
    case 166:
    case 204:
    case 205:
    case 206:
      return decodeDirected(dissection, block, row, buffer, offset, end, linkType);
    case 192:
      return decodePpi(dissection, block, row, buffer, offset, end);
    case 226:
      return decodeIpnet(dissection, block, row, buffer, offset, end);
    case 239:
      return decodeNflog(dissection, block, row, buffer, offset, end);
    case 242:
      return decodeIpOverInfiniband(dissection, block, row, buffer, offset, end);
    case 281:
      return decodeSwitchTag(dissection, block, row, buffer, offset, end, BROADCOM_TAG_LENGTH);
    case 282:
      return decodePrependedSwitchTag(dissection, block, row, buffer, offset, end);
    case 284:
      return decodeSwitchTag(dissection, block, row, buffer, offset, end, DSA_TAG_LENGTH);
    case 285:
      return decodeSwitchTag(dissection, block, row, buffer, offset, end, ETHERTYPE_DSA_TAG_LENGTH);
    default:
      return LINK_UNSUPPORTED;
  }
}

/** Links of which a first byte tells the direction: sent or received. pppd's takes the place of the address byte. */
function decodeDirected(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  linkType: number,
): number {
  const frame = offset + DIRECTION_LENGTH;
  if (end < frame) return truncated(dissection, frame, LINK_TRUNCATED);
  switch (linkType) {
    case 205:
      return decodeCiscoHdlc(dissection, block, row, buffer, frame, end);
    case 206:
      return decodeFrameRelay(dissection, block, row, buffer, frame, end);
    case 166:
      // The control byte follows where the framing has it.
      return decodePppLink(
        dissection,
        block,
        row,
        buffer,
        buffer[frame] === 0x03 && frame < end ? frame + 1 : frame,
        end,
      );
    default:
      return decodePppLink(dissection, block, row, buffer, frame, end);
  }
}

/** Its header is in the byte order of the capturing host, which is little endian on every Mac of this century but the first. */
function decodePktap(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): number {
  if (end - offset < PKTAP_HEADER_LENGTH_MIN) {
    return truncated(dissection, offset + PKTAP_HEADER_LENGTH_MIN, LINK_TRUNCATED);
  }
  const length = buffer[offset]! | (buffer[offset + 1]! << 8);
  const frame = offset + length;
  if (length < PKTAP_HEADER_LENGTH_MIN || frame > end) return truncated(dissection, frame, LINK_TRUNCATED);
  const written = buffer[offset + PKTAP_LINK_TYPE]! | (buffer[offset + PKTAP_LINK_TYPE + 1]! << 8);
  const linkType = written === 12 ? 101 : written; // DLT_RAW
  if (PKTAP_LINKS.includes(linkType)) return LINK_UNSUPPORTED;
  return decodeLink(dissection, block, row, buffer, frame, end, linkType);
}
