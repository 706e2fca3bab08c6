/**
 * EtherTypes (IEEE 802.3 clause 3.2.6, https://www.iana.org/assignments/ieee-802-numbers) and what decodes each. Links
 * of every kind end here. Types that no decoder knows are no failure: the frame is known by its MAC and its type.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { decodeArp } from './arp.js';
import type { Dissection } from './dissection.js';
import { decodeIpv4 } from './ipv4.js';
import { decodeIpv6 } from './ipv6.js';
import { decodeLlc } from './llc.js';
import { decodeMpls } from './mpls.js';
import { decodeNsh } from './nsh.js';
import { decodePppoeSession } from './pppoe.js';
import {
  decodeAristaTimestamp,
  decodeBackboneTag,
  decodeExtenderTag,
  decodeFabricPath,
  decodeMacsec,
  decodeVnTag,
} from './provider-tags.js';
import { decodeVlan, isVlanTag } from './vlan.js';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TRANSPARENT_BRIDGING = 0x6558;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_PPP = 0x880b;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_UPSTREAM = 0x8848;
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
export const ETHERTYPE_PROVIDER_VLAN = 0x88a8;
export const ETHERTYPE_ERSPAN_2 = 0x88be;
export const ETHERTYPE_MACSEC = 0x88e5;
export const ETHERTYPE_BACKBONE = 0x88e7;
export const ETHERTYPE_VNTAG = 0x8926;
export const ETHERTYPE_EXTENDER = 0x893f;
/** Tag types in use before IEEE 802.1ad settled 0x88a8. */
export const ETHERTYPE_QINQ_8200 = 0x8200;
export const ETHERTYPE_QINQ_9100 = 0x9100;
export const ETHERTYPE_QINQ_9200 = 0x9200;
export const ETHERTYPE_QINQ_9300 = 0x9300;
export const ETHERTYPE_ERSPAN_3 = 0x22eb;
export const ETHERTYPE_FABRIC_PATH = 0x8903;
export const ETHERTYPE_NSH = 0x894f;
export const ETHERTYPE_ARISTA = 0xd28b;

/** Numbers below are lengths of an IEEE 802.3 frame, not types. */
export const ETHERTYPE_MIN = 0x0600;

/** Attackers nest tags by the dozen to slip past those who stop early. */
const LINK_HEADERS_MAX = 64;
const TOO_DEEP = decodeFailureCode('link_too_deep');

/** Decodes what follows a type or length field; `offset` is the byte after it. */
export function decodeEtherType(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  etherType: number,
): number {
  if (etherType === ETHERTYPE_IPV4) {
    block.etherType[row] = ETHERTYPE_IPV4;
    return decodeIpv4(dissection, block, row, buffer, offset, end);
  }
  // Tags, labels and SNAP headers lead back here; without a limit a long frame made of them would exhaust the stack.
  if (++dissection.linkHeaders > LINK_HEADERS_MAX) return TOO_DEEP;
  if (etherType < ETHERTYPE_MIN) return decodeLlc(dissection, block, row, buffer, offset, end, etherType);
  block.etherType[row] = etherType;
  switch (etherType) {
    case ETHERTYPE_IPV6:
      return decodeIpv6(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_ARP:
      return decodeArp(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_UPSTREAM:
      return decodeMpls(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_PPPOE_SESSION:
      return decodePppoeSession(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_BACKBONE:
      return decodeBackboneTag(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_VNTAG:
      return decodeVnTag(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_EXTENDER:
      return decodeExtenderTag(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_MACSEC:
      return decodeMacsec(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_FABRIC_PATH:
      return decodeFabricPath(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_ARISTA:
      return decodeAristaTimestamp(dissection, block, row, buffer, offset, end);
    case ETHERTYPE_NSH:
      return decodeNsh(dissection, block, row, buffer, offset, end);
    default:
      return isVlanTag(dissection, etherType) ? decodeVlan(dissection, block, row, buffer, offset, end) : 0;
  }
}
