/** Protocol numbers of IPv4 and IPv6 (https://www.iana.org/assignments/protocol-numbers); decoding/protocol-table.ts says what decodes each. */
import type { Dissection } from './dissection.js';

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
  offset: number,
  end: number,
  protocol: number,
  ipVersion: 4 | 6,
): number {
  const decoders = ipVersion === 4 ? dissection.inIpv4 : dissection.inIpv6;
  return decoders[protocol]!(dissection, offset, end, protocol);
}
