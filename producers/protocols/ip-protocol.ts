/** What IPv4 and IPv6 carry, by protocol number (https://www.iana.org/assignments/protocol-numbers). */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { decodeAuthenticated } from './authentication-header.js';
import type { Dissection } from './dissection.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';
import { decodeGre } from './gre.js';
import { decodeIcmp } from './icmp.js';
import { decodeIcmpv6 } from './icmpv6.js';
import { decodeIgmp } from './igmp.js';
import { decodeSctp } from './sctp.js';
import { decodeTcp } from './tcp.js';
import { decodeTunnelled } from './tunnel.js';
import { decodeUdp } from './udp.js';

export const PROTOCOL_HOP_BY_HOP = 0;
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IGMP = 2;
export const PROTOCOL_IPV4 = 4;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_IPV6 = 41;
export const PROTOCOL_ROUTING = 43;
export const PROTOCOL_FRAGMENT = 44;
export const PROTOCOL_GRE = 47;
export const PROTOCOL_AUTHENTICATION = 51;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_DESTINATION_OPTIONS = 60;
export const PROTOCOL_SCTP = 132;

/** Protocols that no decoder knows are no failure: the packet is known by its addresses and its protocol. */
export function decodeIpPayload(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
  protocol: number,
  ipVersion: 4 | 6,
): number {
  switch (protocol) {
    case PROTOCOL_TCP:
      return decodeTcp(dissection, block, row, buffer, offset, end);
    case PROTOCOL_UDP:
      return decodeUdp(dissection, block, row, buffer, offset, end);
    case PROTOCOL_ICMP:
      return ipVersion === 4 ? decodeIcmp(dissection, block, row, buffer, offset, end) : 0;
    case PROTOCOL_ICMPV6:
      return ipVersion === 6 ? decodeIcmpv6(dissection, block, row, buffer, offset, end) : 0;
    case PROTOCOL_IGMP:
      return decodeIgmp(dissection, offset, end);
    case PROTOCOL_SCTP:
      return decodeSctp(dissection, block, row, buffer, offset, end);
    case PROTOCOL_GRE:
      return decodeGre(dissection, block, row, buffer, offset, end);
    case PROTOCOL_IPV4: {
      const type = ipVersion === 4 ? 'ip4_in_ip4' : 'ip4_in_ip6';
      return decodeTunnelled(dissection, block, row, buffer, offset, end, type, null, ETHERTYPE_IPV4);
    }
    case PROTOCOL_IPV6: {
      const type = ipVersion === 4 ? 'ip6_in_ip4' : 'ip6_in_ip6';
      return decodeTunnelled(dissection, block, row, buffer, offset, end, type, null, ETHERTYPE_IPV6);
    }
    case PROTOCOL_AUTHENTICATION:
      // IPv6 has it among its extension headers.
      return ipVersion === 4 ? decodeAuthenticated(dissection, block, row, buffer, offset, end) : 0;
    default:
      return 0;
  }
}
