/**
 * Sampling at the edge: one packet of N at random, or all packets of one flow of N. What was kept is recorded in the
 * origin of each batch, so that statistics scale back and detectors know.
 */
import { ADDRESS_IPV6, HAS_FRAGMENT, HAS_IP, HAS_PORTS, type PacketBlock } from '../schemas/packets/packet-block.js';

/** The N of "1/N"; null when the text is not that. */
export function parseSamplingRate(text: string): number | null {
  const match = /^1\/([1-9]\d{0,6})$/.exec(text.trim());
  return match ? Number(match[1]) : null;
}

/** Whether one packet of `rate` is kept, decided before decoding: independent of every other packet. */
export function keepsPacket(rate: number): boolean {
  return rate === 1 || Math.random() * rate < 1;
}

/**
 * Whether the flow of a row is kept: addresses, protocol and ports, in either direction. The hash has no secret and no
 * node in it, so that both directions and every node with the same rate decide alike. Fragments after the first carry
 * no ports, so all fragments go by addresses and protocol alone and a fragmented datagram is kept or left whole.
 */
export function keepsFlow(block: PacketBlock, row: number, rate: number): boolean {
  if (rate === 1) return true;
  const source = hashAddress(block, block.sourceKind[row]!, block.sourceAddress[row]!);
  const destination = hashAddress(block, block.destinationKind[row]!, block.destinationAddress[row]!);
  const present = block.present[row]!;
  const ported = (present & (HAS_PORTS | HAS_FRAGMENT)) === HAS_PORTS;
  const a = ported ? finish(source ^ block.sourcePort[row]!) : source;
  const b = ported ? finish(destination ^ block.destinationPort[row]!) : destination;
  const protocol = (present & HAS_IP) !== 0 ? block.ipProtocol[row]! : 0;
  const hash = finish(Math.imul(a + b, 0x9e3779b1) ^ Math.imul(a ^ b, 0x85ebca6b) ^ protocol);
  return (hash >>> 0) % rate === 0;
}

function hashAddress(block: PacketBlock, kind: number, address: number): number {
  if (kind !== ADDRESS_IPV6) return finish(address);
  let hash = 0;
  for (let i = address * 16; i < address * 16 + 16; i++) hash = Math.imul(hash ^ block.ipv6[i]!, 0x01000193);
  return finish(hash);
}

function finish(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
