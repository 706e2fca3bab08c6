/**
 * What makes two packets from different taps the same one: a hash of what routers and links on the way leave alone
 * (addresses, protocol, ports, IP identification, TCP sequence and flags, ICMP type and code, fragment offset) and not of
 * what they change (MACs, VLANs, TTL, captured length). Detectors that count a packet once compare it within a window of
 * capture time, and only between different capture nodes: on one node an equal packet is a retransmission.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
} from './packet-block.js';

/**
 * Whether a packet says enough about itself to be told from the next one of its conversation: IPv4 packets with an
 * identification and TCP segments do. A datagram with identification 0 (sent unfragmented, RFC 6864) does not.
 */
export function hasIdentity(block: PacketBlock, row: number): boolean {
  const present = block.present[row]!;
  if ((present & HAS_TCP) !== 0) return true;
  return (present & HAS_IP_ID) !== 0 && block.ipId[row] !== 0;
}

/**
 * 52 bits, so that it fits a number exactly: among a million packets of a window two different ones share a value with
 * a probability of about one in 9,000.
 */
export function packetIdentity(block: PacketBlock, row: number): number {
  return (hashRow(block, row, 0x85a308d3) >>> 12) * 2 ** 32 + hashRow(block, row, 0x243f6a88);
}

function hashRow(block: PacketBlock, row: number, seed: number): number {
  const present = block.present[row]!;
  let hash = mixAddress(seed, block, row, block.sourceKind[row]!, block.sourceAddress[row]!);
  hash = mixAddress(hash, block, row, block.destinationKind[row]!, block.destinationAddress[row]!);
  if ((present & HAS_IP) !== 0) hash = mix(hash, block.ipProtocol[row]!);
  if ((present & HAS_IP_ID) !== 0) hash = mix(hash, block.ipId[row]!);
  if ((present & HAS_FRAGMENT) !== 0) hash = mix(hash, block.fragmentOffset[row]! | 0x10000);
  if ((present & HAS_PORTS) !== 0) hash = mix(hash, (block.sourcePort[row]! << 16) | block.destinationPort[row]!);
  if ((present & HAS_TCP) !== 0) hash = mix(mix(hash, block.tcpSequence[row]!), block.tcpFlags[row]!);
  if ((present & HAS_ICMP) !== 0) hash = mix(hash, (block.icmpType[row]! << 8) | block.icmpCode[row]!);
  return finish(hash) >>> 0;
}

/** A round of MurmurHash3 (x86, 32 bits). */
function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  const rotated = hash ^ mixed;
  return (Math.imul((rotated << 13) | (rotated >>> 19), 5) + 0xe6546b64) | 0;
}

/** The finish of MurmurHash3. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function mixAddress(hash: number, block: PacketBlock, row: number, kind: number, address: number): number {
  if (kind === ADDRESS_IPV4) return mix(mix(hash, kind), address);
  if (kind === ADDRESS_IPV6) return mixBytes(mix(hash, kind), block.ipv6, address * 16, 16);
  return kind === ADDRESS_MAC ? mixBytes(mix(hash, kind), block.macs, row * 12, 6) : mix(hash, kind);
}

function mixBytes(hash: number, bytes: Uint8Array, from: number, length: number): number {
  let mixed = hash;
  for (let i = from; i < from + length; i += 2) mixed = mix(mixed, (bytes[i]! << 8) | bytes[i + 1]!);
  return mixed;
}
