/**
 * Why a frame could not be decoded whole. The names are the `failure` field of a packet, the `reason` label of
 * `nta_capture_decode_failures_total` and what `nta decode` prints; they are never renumbered or reused, because the
 * numbers are the values of a column. A name says the layer, then what is wrong with it.
 *
 * `frame_truncated` means that the capture's snap length cut a header off which the wire had; `…_truncated` of a layer
 * means that its header does not fit into the layer below on the wire itself, so the packet was sent like that.
 */
export const DECODE_FAILURES = [
  '', // 0: no failure
  'link_unsupported',
  'frame_truncated',
  'link_truncated',
  'capture_header_truncated',
  'ieee80211_truncated',
  'ethernet_truncated',
  'vlan_truncated',
  'vlan_too_deep',
  'link_too_deep',
  'llc_truncated',
  'provider_tag_truncated',
  'sll_truncated',
  'null_truncated',
  'null_family_unknown',
  'cisco_hdlc_truncated',
  'ppp_truncated',
  'pppoe_truncated',
  'mpls_truncated',
  'arp_truncated',
  'arp_unsupported',
  'ipv4_truncated',
  'ipv4_version',
  'ipv4_header_length',
  'ipv4_total_length',
  'ipv6_truncated',
  'ipv6_version',
  'ipv6_extension_truncated',
  'ipv6_extension_too_deep',
  'tcp_truncated',
  'tcp_data_offset',
  'udp_truncated',
  'udp_length',
  'icmp_truncated',
  'icmpv6_truncated',
  'igmp_truncated',
  'sctp_truncated',
  'gre_truncated',
  'gre_version',
  'vxlan_truncated',
  'tunnel_too_deep',
  'authentication_truncated',
  'geneve_truncated',
  'gtp_u_truncated',
  'l2tp_truncated',
] as const;

export type DecodeFailureName = Exclude<(typeof DECODE_FAILURES)[number], ''>;

const codes = new Map<string, number>(DECODE_FAILURES.map((name, code) => [name, code]));

/** The column value of a failure; 0 for the empty name and for names this version does not know. */
export function decodeFailureCode(name: DecodeFailureName | ''): number {
  return codes.get(name) ?? 0;
}
