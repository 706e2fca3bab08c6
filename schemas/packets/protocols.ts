/** Protocol names of requests, filters and answers, in the words of tshark and of IANA's lists. */
import { APPLICATION_PROTOCOLS } from './application.js';

/** https://www.iana.org/assignments/protocol-numbers */
const IP_PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  ipv6_in_ip: 41,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  eigrp: 88,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};

/** https://www.iana.org/assignments/ieee-802-numbers */
const ETHER_TYPES: Readonly<Record<string, number>> = {
  ipv4: 0x0800,
  arp: 0x0806,
  wol: 0x0842,
  rarp: 0x8035,
  ipx: 0x8137,
  ipv6: 0x86dd,
  slow: 0x8809,
  mpls: 0x8847,
  pppoe_discovery: 0x8863,
  pppoe: 0x8864,
  eapol: 0x888e,
  profinet: 0x8892,
  lldp: 0x88cc,
  macsec: 0x88e5,
  ptp: 0x88f7,
  loopback: 0x9000,
};

export const PROTOCOL_NAMES: readonly string[] = [
  ...Object.keys(IP_PROTOCOLS),
  ...Object.keys(ETHER_TYPES),
  ...APPLICATION_PROTOCOLS,
];

const ipProtocolNames = new Map(Object.entries(IP_PROTOCOLS).map(([name, number]) => [number, name]));
const etherTypeNames = new Map(Object.entries(ETHER_TYPES).map(([name, number]) => [number, name]));

/** What `parseProtocol` takes, as messages say it. */
export const PROTOCOL_FORMS =
  'a name such as tcp, udp, icmp, arp, dns, an IP protocol number or an EtherType such as 0x88cc';

export type ProtocolMatch =
  | { readonly column: 'ip_protocol' | 'ether_type'; readonly number: number }
  | { readonly application: (typeof APPLICATION_PROTOCOLS)[number] };

/** "tcp", "arp", "dns", "47" (an IP protocol) or "0x88cc" (an EtherType); null when it is none of these. */
export function parseProtocol(text: string): ProtocolMatch | null {
  const name = text.toLowerCase().replaceAll('-', '_');
  if (Object.hasOwn(IP_PROTOCOLS, name)) return { column: 'ip_protocol', number: IP_PROTOCOLS[name]! };
  if (Object.hasOwn(ETHER_TYPES, name)) return { column: 'ether_type', number: ETHER_TYPES[name]! };
  const application = APPLICATION_PROTOCOLS.find((known) => known === name);
  if (application) return { application };
  if (/^\d{1,3}$/.test(name) && Number(name) <= 255) return { column: 'ip_protocol', number: Number(name) };
  if (/^0x[0-9a-f]{1,4}$/.test(name)) return { column: 'ether_type', number: Number(name) };
  return null;
}

/**
 * The name of what a frame carries below the application layer.
 *
 * @param ipProtocol null or negative when the frame is not IP.
 * @param etherType null or 0 when the link has none, -1 in the rollups' row of the rest.
 */
export function protocolName(etherType: number | null, ipProtocol: number | null): string {
  if (ipProtocol !== null && ipProtocol >= 0) return ipProtocolNames.get(ipProtocol) ?? `ip_${ipProtocol}`;
  if (etherType === -1) return 'other';
  if (etherType === null || etherType === 0) return 'unknown';
  return etherTypeNames.get(etherType) ?? `0x${etherType.toString(16).padStart(4, '0')}`;
}
