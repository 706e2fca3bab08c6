/** Sorts a row into one of the kinds that detectors ask for. */
import {
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_PORTS,
  HAS_TCP,
  NO_EXTRA,
  type PacketBlock,
  ROLE_OPENING,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_SYN,
  TCP_URG,
} from '../../schemas/packets/packet-block.js';
import { PACKET_KINDS, type PacketKind } from './detector.js';

/** FIN, SYN, RST, PSH, ACK, URG. What ECE and CWR say is between the ends and changes no shape. */
const SHAPE_FLAGS = 0x3f;
const XMAS = TCP_FIN | TCP_PSH | TCP_URG;
const TCP = 6;
const UDP = 17;
const SCTP = 132;

const bit = (kind: PacketKind): number => 1 << PACKET_KINDS.indexOf(kind);
export const KIND_TCP_SYN: number = bit('tcp-syn');
export const KIND_TCP_STEALTH: number = bit('tcp-stealth');
export const KIND_TCP: number = bit('tcp');
export const KIND_UDP: number = bit('udp');
export const KIND_UDP_OPENING: number = bit('udp-opening');
export const KIND_SCTP_OPENING: number = bit('sctp-opening');
export const KIND_ICMP: number = bit('icmp');
export const KIND_ARP: number = bit('arp');
export const KIND_NEIGHBOR_DISCOVERY: number = bit('neighbor-discovery');
export const KIND_OTHER: number = bit('other');

/** What may open a conversation. */
export const ATTEMPT_KINDS: number = KIND_TCP_SYN | KIND_TCP_STEALTH | KIND_UDP_OPENING | KIND_SCTP_OPENING | KIND_ICMP;

/** The bits of rows that are of these kinds. */
export function packetKindMask(kinds: readonly PacketKind[]): number {
  return kinds.reduce((mask, kind) => mask | bit(kind) | (kind === 'udp' ? KIND_UDP_OPENING : 0), 0);
}

/**
 * Whether a first fragment of TCP ends before the flags (RFC 1858 section 3): no path is so narrow (RFC 791 wants 68 bytes),
 * so somebody hides them. A frame that the snap length has cut tells nothing.
 */
function isTinyFragment(block: PacketBlock, row: number): boolean {
  return (
    block.ipProtocol[row] === TCP &&
    block.fragmentOffset[row] === 0 &&
    block.capturedLength[row]! >= block.frameLength[row]!
  );
}

/** The kind of a row, as its bit; of UDP the one that says more. */
export function packetKind(block: PacketBlock, row: number): number {
  const present = block.present[row]!;
  if ((present & HAS_TCP) !== 0) {
    const flags = block.tcpFlags[row]!;
    if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) return KIND_TCP_SYN;
    const shape = flags & SHAPE_FLAGS;
    return shape === 0 || shape === TCP_FIN || shape === XMAS ? KIND_TCP_STEALTH : KIND_TCP;
  }
  if ((present & HAS_PORTS) !== 0) {
    if (block.ipProtocol[row] === UDP) return block.role[row] === ROLE_OPENING ? KIND_UDP_OPENING : KIND_UDP;
    if (block.ipProtocol[row] === SCTP && block.role[row] === ROLE_OPENING) return KIND_SCTP_OPENING;
    if ((present & HAS_FRAGMENT) !== 0 && isTinyFragment(block, row)) return KIND_TCP_STEALTH;
  }
  const extra = block.extra[row]!;
  if (extra !== NO_EXTRA) {
    const { arp, neighborDiscovery } = block.extras[extra]!;
    if (arp !== null) return KIND_ARP;
    if (neighborDiscovery !== null) return KIND_NEIGHBOR_DISCOVERY;
  }
  return (present & HAS_ICMP) !== 0 && (present & HAS_IP) !== 0 ? KIND_ICMP : KIND_OTHER;
}

const ECHO = 8;
const ECHO6 = 128;

/** Whether a row of one of `ATTEMPT_KINDS` begins a conversation. */
export function isAttempt(block: PacketBlock, row: number, kind: number): boolean {
  if (kind === KIND_ICMP) return block.icmpType[row] === ECHO || block.icmpType[row] === ECHO6;
  return block.role[row] === ROLE_OPENING;
}
