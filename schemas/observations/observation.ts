/**
 * What a capture node reads in the few packets that say something of a network's workings: who claims an address, who
 * routes, who gives addresses away, what names are asked for and what is answered, what an echo carries. Detections of
 * the link and of names live on these; the columns of a packet have no room for them.
 *
 * An observation stands by itself: with the time, the link and the addresses of its packet. Where several belong together
 * (all claims on one link, all questions of one client) they have to meet in one place, so each names whom it belongs to:
 * `partyOf` (party.ts).
 */

/** What all have in common. Addresses are text (RFC 5952), empty where there is none. */
export interface ObservationHead {
  /** The packet's row of the block that holds the observation, and the index of its origin there. */
  readonly row: number;
  readonly origin: number;
  /** Capture time, µs since the epoch. Taken back where it is ahead of the clock of who received it. */
  time: number;
  /** VLAN id of the outer tag, 0 when untagged: addresses of two VLANs are two. */
  readonly vlan: number;
  /** Source MAC of the frame as a number; 0 where the link has none, and of names and echoes, which do not travel with it. */
  readonly mac: number;
  /** Of the packet; in ARP the sender's and the target's protocol address. */
  readonly source: string;
  readonly destination: string;
}

/** ARP (RFC 826). */
export interface ArpFacts {
  readonly kind: 'arp';
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: number;
  readonly targetMac: number;
}

/** A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4). */
export interface NeighborFacts {
  readonly kind: 'neighbor';
  readonly advertisement: boolean;
  readonly target: string;
  /** Of the link-layer address option; 0 when there is none. */
  readonly linkLayerAddress: number;
}

/** A router advertisement (RFC 4861 section 4.2). */
export interface RouterFacts {
  readonly kind: 'router';
  /** Seconds it offers itself as default router; 0 takes it back. */
  readonly lifetime: number;
  /** "2001:db8:10:1::/64", at most eight. */
  readonly prefixes: readonly string[];
}

/** ICMP redirect (RFC 792), or of ICMPv6 (RFC 4861 section 4.5). */
export interface RedirectFacts {
  readonly kind: 'redirect';
  /** Where packets are to go. */
  readonly gateway: string;
}

/** DHCP for IPv4 (RFC 2131). */
export interface DhcpFacts {
  readonly kind: 'dhcp';
  /** RFC 2132 section 9.6: 1 discover, 2 offer, 3 request, 5 acknowledgement, 6 refusal … */
  readonly messageType: number;
  readonly transactionId: number;
  /** `chaddr`. */
  readonly clientMac: number;
  /** `yiaddr` of a server, the requested address of a client; empty when there is none. */
  readonly address: string;
  /** Options 54 and 3. */
  readonly server: string;
  readonly router: string;
  /** `giaddr`; empty when no relay was passed. */
  readonly relay: string;
}

/** DNS over port 53 (RFC 1035). */
export interface DnsFacts {
  readonly kind: 'dns';
  readonly response: boolean;
  readonly transactionId: number;
  /** First question in lower case, as decoders write names; empty when there is none. */
  readonly question: string;
  readonly type: number;
  /** RFC 1035 section 4.1.1: 0 no error, 3 no such name. */
  readonly responseCode: number;
  readonly answers: number;
  /** Of the addresses answered, whatever their order; 0 when there is none. */
  readonly answerDigest: number;
  /** Bytes of the message on the wire. */
  readonly size: number;
  /** Port of the client. */
  readonly clientPort: number;
}

/** ICMP or ICMPv6 echo (RFC 792, RFC 4443). */
export interface EchoFacts {
  readonly kind: 'echo';
  readonly reply: boolean;
  readonly identifier: number;
  readonly sequence: number;
  /** Bytes of data on the wire. */
  readonly size: number;
  /**
   * The ones' complement sum of the data, worked out of the checksum: a reply that carries back what was sent (as it must,
   * RFC 792) has the request's.
   */
  readonly sum: number;
}

/**
 * Answers that somebody sent to a host that never asked, summed where a capture node sums what hosts receive. Told twice: to
 * the sender, and to the network of the receiver (`source` is empty then) with a sample of the senders.
 */
export interface UnaskedFacts {
  readonly kind: 'unasked';
  readonly ipProtocol: number;
  /** Of the senders; of ICMP the type. */
  readonly port: number;
  readonly packets: number;
  readonly bytes: number;
  readonly senders: readonly string[];
}

export type ObservationFacts =
  | UnaskedFacts
  | ArpFacts
  | NeighborFacts
  | RouterFacts
  | RedirectFacts
  | DhcpFacts
  | DnsFacts
  | EchoFacts;
export type ObservationKind = ObservationFacts['kind'];
export type Observation = ObservationHead & ObservationFacts;

/** Most observations that a block of packets keeps; what comes beyond is left out. */
export const OBSERVATIONS_MAX = 65_536;

/** What taps on the way leave alone: not the row, the time, nor what links change (the frame's MAC, the VLAN). */
const OF_THE_TAP: ReadonlySet<string> = new Set(['row', 'origin', 'time', 'mac', 'vlan']);

/** 52 bits that are equal for what two capture nodes observe of one packet, so that they fit a number exactly. */
export function observationIdentity(observation: Observation): number {
  let low = 0x811c9dc5;
  let high = 0x243f6a88;
  for (const [name, value] of Object.entries(observation)) {
    if (OF_THE_TAP.has(name)) continue;
    const text = `${String(value)} `;
    for (let i = 0; i < text.length; i++) {
      low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
      high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b);
    }
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0);
}

const HEX_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 0x02005e100001 → "02:00:5e:10:00:01". */
export function formatMacNumber(mac: number): string {
  const high = Math.floor(mac / 0x1_0000_0000);
  const low = mac >>> 0;
  return `${HEX_BYTES[high >>> 8]}:${HEX_BYTES[high & 255]}:${HEX_BYTES[low >>> 24]}:${HEX_BYTES[(low >>> 16) & 255]}:${HEX_BYTES[(low >>> 8) & 255]}:${HEX_BYTES[low & 255]}`;
}
