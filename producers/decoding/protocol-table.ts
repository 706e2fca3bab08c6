/**
 * Which decoder reads what, by number. A protocol becomes known by a line here; the protocols themselves name no others
 * that they may carry, but TCP and UDP, which IPv4 calls by name because nearly all of it is these.
 */
import { decodeArp } from '../protocols/arp.js';
import { decodeAuthenticated } from '../protocols/authentication-header.js';
import { type Decoder, ETHERTYPE_VLAN, type EtherTypeTable, type ProtocolTable } from '../protocols/dissection.js';
import {
  ETHERTYPE_ARISTA,
  ETHERTYPE_ARP,
  ETHERTYPE_BACKBONE,
  ETHERTYPE_EXTENDER,
  ETHERTYPE_FABRIC_PATH,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MACSEC,
  ETHERTYPE_MIN,
  ETHERTYPE_MPLS,
  ETHERTYPE_MPLS_UPSTREAM,
  ETHERTYPE_NSH,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_PROVIDER_VLAN,
  ETHERTYPE_QINQ_8200,
  ETHERTYPE_QINQ_9100,
  ETHERTYPE_QINQ_9200,
  ETHERTYPE_QINQ_9300,
  ETHERTYPE_VNTAG,
} from '../protocols/ethertype.js';
import { decodeGre } from '../protocols/gre.js';
import { decodeIcmp } from '../protocols/icmp.js';
import { decodeIcmpv6 } from '../protocols/icmpv6.js';
import { decodeIgmp } from '../protocols/igmp.js';
import {
  PROTOCOL_AUTHENTICATION,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_IGMP,
  PROTOCOL_IPV4,
  PROTOCOL_IPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../protocols/ip-protocol.js';
import { decodeIpv4 } from '../protocols/ipv4.js';
import { decodeIpv6 } from '../protocols/ipv6.js';
import { decodeLlc } from '../protocols/llc.js';
import { decodeMpls } from '../protocols/mpls.js';
import { decodeNsh } from '../protocols/nsh.js';
import { decodePppoeSession } from '../protocols/pppoe.js';
import {
  decodeAristaTimestamp,
  decodeBackboneTag,
  decodeExtenderTag,
  decodeFabricPath,
  decodeMacsec,
  decodeVnTag,
} from '../protocols/provider-tags.js';
import { decodeSctp } from '../protocols/sctp.js';
import { decodeTcp } from '../protocols/tcp.js';
import { decodeTunnelled } from '../protocols/tunnel.js';
import { decodeUdp } from '../protocols/udp.js';
import { decodeVlan } from '../protocols/vlan.js';

const ETHER_TYPES: readonly (readonly [number, Decoder])[] = [
  [ETHERTYPE_IPV4, decodeIpv4],
  [ETHERTYPE_ARP, decodeArp],
  [ETHERTYPE_IPV6, decodeIpv6],
  [ETHERTYPE_VLAN, decodeVlan],
  [ETHERTYPE_PROVIDER_VLAN, decodeVlan],
  [ETHERTYPE_QINQ_8200, decodeVlan],
  [ETHERTYPE_QINQ_9100, decodeVlan],
  [ETHERTYPE_QINQ_9200, decodeVlan],
  [ETHERTYPE_QINQ_9300, decodeVlan],
  [ETHERTYPE_MPLS, decodeMpls],
  [ETHERTYPE_MPLS_UPSTREAM, decodeMpls],
  [ETHERTYPE_PPPOE_SESSION, decodePppoeSession],
  [ETHERTYPE_BACKBONE, decodeBackboneTag],
  [ETHERTYPE_VNTAG, decodeVnTag],
  [ETHERTYPE_EXTENDER, decodeExtenderTag],
  [ETHERTYPE_MACSEC, decodeMacsec],
  [ETHERTYPE_FABRIC_PATH, decodeFabricPath],
  [ETHERTYPE_ARISTA, decodeAristaTimestamp],
  [ETHERTYPE_NSH, decodeNsh],
];

const IN_ANY_IP: readonly (readonly [number, Decoder])[] = [
  [PROTOCOL_TCP, decodeTcp],
  [PROTOCOL_UDP, decodeUdp],
  [PROTOCOL_IGMP, decodeIgmp],
  [PROTOCOL_SCTP, decodeSctp],
  [PROTOCOL_GRE, decodeGre],
];

const IN_IPV4: readonly (readonly [number, Decoder])[] = [
  ...IN_ANY_IP,
  [PROTOCOL_ICMP, decodeIcmp],
  [PROTOCOL_AUTHENTICATION, decodeAuthenticated], // IPv6 has it among its extension headers
  [
    PROTOCOL_IPV4,
    (dissection, offset, end) => decodeTunnelled(dissection, offset, end, 'ip4_in_ip4', null, ETHERTYPE_IPV4),
  ],
  [
    PROTOCOL_IPV6,
    (dissection, offset, end) => decodeTunnelled(dissection, offset, end, 'ip6_in_ip4', null, ETHERTYPE_IPV6),
  ],
];

const IN_IPV6: readonly (readonly [number, Decoder])[] = [
  ...IN_ANY_IP,
  [PROTOCOL_ICMPV6, decodeIcmpv6],
  [
    PROTOCOL_IPV4,
    (dissection, offset, end) => decodeTunnelled(dissection, offset, end, 'ip4_in_ip6', null, ETHERTYPE_IPV4),
  ],
  [
    PROTOCOL_IPV6,
    (dissection, offset, end) => decodeTunnelled(dissection, offset, end, 'ip6_in_ip6', null, ETHERTYPE_IPV6),
  ],
];

/** The frame is known by what was read before. */
function passUnknown(): number {
  return 0;
}

function etherTypeTable(entries: readonly (readonly [number, Decoder])[], forLengths: Decoder): EtherTypeTable {
  const indexes = new Uint8Array(0x10000);
  const decoders: Decoder[] = [passUnknown];
  const indexOf = (decoder: Decoder): number => {
    const known = decoders.indexOf(decoder);
    return known >= 0 ? known : decoders.push(decoder) - 1;
  };
  for (const [type, decoder] of entries) indexes[type] = indexOf(decoder);
  indexes.fill(indexOf(forLengths), 0, ETHERTYPE_MIN);
  return { indexes, decoders };
}

function payloadTable(entries: readonly (readonly [number, Decoder])[]): readonly Decoder[] {
  const decoders: Decoder[] = new Array(256).fill(passUnknown);
  for (const [protocol, decoder] of entries) decoders[protocol] = decoder;
  return decoders;
}

export const PROTOCOLS: ProtocolTable = {
  etherTypes: etherTypeTable(ETHER_TYPES, decodeLlc),
  inIpv4: payloadTable(IN_IPV4),
  inIpv6: payloadTable(IN_IPV6),
};
