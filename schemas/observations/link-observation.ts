/**
 * Observations of ARP and of neighbour discovery, made of the packet's row: it holds all that they say, so they need not
 * travel beside it.
 */
import { formatDestination, formatIpv6, formatSource } from '../address.js';
import { ADDRESS_MAC, HAS_MACS, NO_EXTRA, type PacketBlock } from '../packets/packet-block.js';
import type { Observation, ObservationHead } from './observation.js';

const NEIGHBOR_ADVERTISEMENT = 136;

/** Six bytes as a number. */
export function macNumber(bytes: Uint8Array, at = 0): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!;
  const low = ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0;
  return high * 2 ** 32 + low;
}

export function observationHead(block: PacketBlock, row: number): ObservationHead {
  return {
    row,
    time: block.timestamp[row]!,
    origin: block.origin[row]!,
    vlan: block.vlan[row]!,
    mac: (block.present[row]! & HAS_MACS) === 0 ? 0 : macNumber(block.macs, 12 * row),
    source: block.sourceKind[row] === ADDRESS_MAC ? '' : formatSource(block, row),
    destination: formatDestination(block, row),
  };
}

/** What the row's packet says of its link; null when that is nothing. Written out, for to spread a head into an object costs many times this. */
export function linkObservation(block: PacketBlock, row: number): Observation | null {
  const extra = block.extra[row]!;
  if (extra === NO_EXTRA) return null;
  const { arp, neighborDiscovery } = block.extras[extra]!;
  if (arp !== null) {
    if (arp.senderMac.length !== 6) return null;
    const { time, origin, vlan, mac, source, destination } = observationHead(block, row);
    return {
      row,
      time,
      origin,
      vlan,
      mac,
      source,
      destination,
      kind: 'arp',
      operation: arp.operation,
      senderMac: macNumber(arp.senderMac),
      targetMac: arp.targetMac.length === 6 ? macNumber(arp.targetMac) : 0,
    };
  }
  if (neighborDiscovery === null) return null;
  const { target, linkLayerAddress } = neighborDiscovery;
  return {
    ...observationHead(block, row),
    kind: 'neighbor',
    advertisement: block.icmpType[row] === NEIGHBOR_ADVERTISEMENT,
    target: formatIpv6(target),
    linkLayerAddress: linkLayerAddress.length === 6 ? macNumber(linkLayerAddress) : 0,
  };
}
