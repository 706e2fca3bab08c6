/** Which decoder reads the frames of a link: LINKTYPE_ values of https://www.tcpdump.org/linktypes.html. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { decodeBsdLoopback } from '../protocols/bsd-loopback.js';
import { decodeCiscoHdlc } from '../protocols/cisco-hdlc.js';
import { type Decoder, type Dissection, truncated } from '../protocols/dissection.js';
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

const LINK_UNSUPPORTED = decodeFailureCode('link_unsupported');
const LINK_TRUNCATED = decodeFailureCode('link_truncated');
const DIRECTION_LENGTH = 1;

const PKTAP_HEADER_LENGTH_MIN = 12;
const PKTAP_LINK_TYPE = 8;
/** A packet of Darwin's all-interfaces device is of any link but that device's own. */
const PKTAP_LINKS: readonly number[] = [149, 258];

interface Link {
  /** For people. */
  readonly name: string;
  readonly decode: Decoder;
}

/** By LINKTYPE_ value: the links that can be decoded are exactly these. */
const LINKS: ReadonlyMap<number, Link> = new Map<number, Link>([
  [0, { name: 'null', decode: decodeBsdLoopback }],
  [LINKTYPE_ETHERNET, { name: 'ethernet', decode: decodeEthernet }],
  [7, { name: 'arcnet', decode: decodeArcnet }],
  [9, { name: 'ppp', decode: decodePppLink }],
  [10, { name: 'fddi', decode: decodeFddi }],
  [50, { name: 'ppp_hdlc', decode: decodePppLink }],
  [51, { name: 'ppp_ether', decode: decodePppoeSession }],
  [101, { name: 'raw', decode: decodeRawIp }],
  [104, { name: 'cisco_hdlc', decode: decodeCiscoHdlc }],
  [105, { name: 'ieee802_11', decode: (dissection, offset, end) => decodeIeee80211(dissection, offset, end, false) }],
  [107, { name: 'frame_relay', decode: decodeFrameRelay }],
  [108, { name: 'loop', decode: decodeBsdLoopback }],
  [109, { name: 'enc', decode: decodeEnc }],
  [LINKTYPE_LINUX_SLL, { name: 'linux_sll', decode: decodeLinuxCooked }],
  [117, { name: 'pflog', decode: decodePflog }],
  [119, { name: 'prism', decode: decodePrismOrAvs }],
  [127, { name: 'radiotap', decode: decodeRadiotap }],
  [129, { name: 'arcnet_linux', decode: decodeArcnetLinux }],
  [149, { name: 'pktap_darwin', decode: decodePktap }],
  [163, { name: 'avs', decode: decodePrismOrAvs }],
  [166, { name: 'ppp_pppd', decode: decodeDirected }],
  [192, { name: 'ppi', decode: decodePpi }],
  [204, { name: 'ppp_with_direction', decode: decodeDirected }],
  [205, { name: 'cisco_hdlc_with_direction', decode: decodeDirected }],
  [206, { name: 'frame_relay_with_direction', decode: decodeDirected }],
  [226, { name: 'ipnet', decode: decodeIpnet }],
  [
    228,
    { name: 'ipv4', decode: (dissection, offset, end) => decodeEtherType(dissection, offset, end, ETHERTYPE_IPV4) },
  ],
  [
    229,
    { name: 'ipv6', decode: (dissection, offset, end) => decodeEtherType(dissection, offset, end, ETHERTYPE_IPV6) },
  ],
  [239, { name: 'nflog', decode: decodeNflog }],
  [242, { name: 'ip_over_infiniband', decode: decodeIpOverInfiniband }],
  [258, { name: 'pktap', decode: decodePktap }],
  [LINKTYPE_LINUX_SLL2, { name: 'linux_sll2', decode: decodeLinuxCooked2 }],
  [281, { name: 'broadcom_tag', decode: switchTag(BROADCOM_TAG_LENGTH) }],
  [282, { name: 'broadcom_tag_prepended', decode: decodePrependedSwitchTag }],
  [284, { name: 'dsa', decode: switchTag(DSA_TAG_LENGTH) }],
  [285, { name: 'ethertype_dsa', decode: switchTag(ETHERTYPE_DSA_TAG_LENGTH) }],
]);

export const LINK_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  [...LINKS].map(([linkType, { name }]) => [linkType, name]),
);

function switchTag(tagLength: number): Decoder {
  return (dissection, offset, end) => decodeSwitchTag(dissection, offset, end, tagLength);
}

export function decodeLink(dissection: Dissection, offset: number, end: number, linkType: number): number {
  const link = LINKS.get(linkType);
  return link === undefined ? LINK_UNSUPPORTED : link.decode(dissection, offset, end, linkType);
}

/** Links of which a first byte tells the direction: sent or received. pppd's takes the place of the address byte. */
function decodeDirected(dissection: Dissection, offset: number, end: number, linkType: number): number {
  const { buffer } = dissection;
  const frame = offset + DIRECTION_LENGTH;
  if (end < frame) return truncated(dissection, frame, LINK_TRUNCATED);
  switch (linkType) {
    case 205:
      return decodeCiscoHdlc(dissection, frame, end);
    case 206:
      return decodeFrameRelay(dissection, frame, end);
    case 166:
      // The control byte follows where the framing has it.
      return decodePppLink(dissection, buffer[frame] === 0x03 && frame < end ? frame + 1 : frame, end);
    default:
      return decodePppLink(dissection, frame, end);
  }
}

/** Its header is in the byte order of the capturing host, which is little endian on every Mac of this century but the first. */
function decodePktap(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < PKTAP_HEADER_LENGTH_MIN) {
    return truncated(dissection, offset + PKTAP_HEADER_LENGTH_MIN, LINK_TRUNCATED);
  }
  const length = buffer[offset]! | (buffer[offset + 1]! << 8);
  const frame = offset + length;
  if (length < PKTAP_HEADER_LENGTH_MIN || frame > end) return truncated(dissection, frame, LINK_TRUNCATED);
  const written = buffer[offset + PKTAP_LINK_TYPE]! | (buffer[offset + PKTAP_LINK_TYPE + 1]! << 8);
  const linkType = written === 12 ? 101 : written; // DLT_RAW
  if (PKTAP_LINKS.includes(linkType)) return LINK_UNSUPPORTED;
  return decodeLink(dissection, frame, end, linkType);
}
