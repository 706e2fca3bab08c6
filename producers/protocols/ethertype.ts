/**
 * EtherTypes (IEEE 802.3 clause 3.2.6, https://www.iana.org/assignments/ieee-802-numbers). Links of every kind end here,
 * and decoding/protocol-table.ts says what decodes each. Types that no decoder knows are no failure: the frame is known by its MAC and its type.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { Dissection } from './dissection.js';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TRANSPARENT_BRIDGING = 0x6558;
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
export function decodeEtherType(dissection: Dissection, offset: number, end: number, etherType: number): number {
  // Tags, labels and SNAP headers lead back here; without a limit a long frame made of them would exhaust the stack.
  if (etherType !== ETHERTYPE_IPV4 && ++dissection.linkHeaders > LINK_HEADERS_MAX) return TOO_DEEP;
  if (etherType >= ETHERTYPE_MIN) dissection.block.etherType[dissection.row] = etherType;
  const { indexes, decoders } = dissection.etherTypes;
  return decoders[indexes[etherType]!]!(dissection, offset, end, etherType);
}
