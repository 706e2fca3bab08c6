/**
 * Teredo, RFC 4380 section 5.1.1: IPv6 in UDP through the address translators of IPv4, with indications before the packet
 * that tell of the translator or authenticate.
 */
import { uint16, uint32 } from './bytes.js';
import type { Dissection } from './dissection.js';
import { ETHERTYPE_IPV6 } from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const INDICATION_AUTHENTICATION = 0x0001;
const AUTHENTICATION_ID_LENGTH = 2;
const AUTHENTICATION_VALUE_LENGTH = 3;
const AUTHENTICATION_FIXED_LENGTH = 4 + 9; // type and lengths, then nonce and confirmation
const INDICATION_ORIGIN = 0x0000;
const ORIGIN_LENGTH = 8;

const UDP_HEADER_LENGTH = 8;
const UDP_LENGTH_FROM_END = 4; // back from the payload

const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;
const IPV6_HEADER_LENGTH = 40;
/** 2001:0::/32. Routers ask and answer from link-local addresses. */
const TEREDO_PREFIX = 0x20010000;
const LINK_LOCAL_PREFIX = 0xfe800000;

/** Datagrams of the port that hold no packet of a Teredo address, filling the datagram, are somebody else's, and no failure. */
export function decodeTeredo(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  let packet = offset;
  if (end - packet >= AUTHENTICATION_FIXED_LENGTH && uint16(buffer, packet) === INDICATION_AUTHENTICATION) {
    packet +=
      AUTHENTICATION_FIXED_LENGTH +
      buffer[packet + AUTHENTICATION_ID_LENGTH]! +
      buffer[packet + AUTHENTICATION_VALUE_LENGTH]!;
  }
  if (end - packet >= ORIGIN_LENGTH && uint16(buffer, packet) === INDICATION_ORIGIN) packet += ORIGIN_LENGTH;
  if (end - packet < IPV6_HEADER_LENGTH || buffer[packet]! >> 4 !== 6) return 0;
  const packetEnd = packet + IPV6_HEADER_LENGTH + uint16(buffer, packet + IPV6_PAYLOAD_LENGTH);
  if (packetEnd !== offset - UDP_HEADER_LENGTH + uint16(buffer, offset - UDP_LENGTH_FROM_END)) return 0;
  if (!isTeredo(buffer, packet + IPV6_SOURCE) && !isTeredo(buffer, packet + IPV6_DESTINATION)) return 0;
  return decodeTunnelled(dissection, packet, end, 'teredo', null, ETHERTYPE_IPV6);
}

function isTeredo(buffer: Uint8Array, address: number): boolean {
  const prefix = uint32(buffer, address);
  return prefix === TEREDO_PREFIX || prefix === LINK_LOCAL_PREFIX;
}
