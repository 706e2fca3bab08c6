/**
 * Packets in packets. Each inner packet is decoded into a row of its own beside the block; then the outermost and the
 * innermost of them share the row of the frame: one in the columns, the other as `extra.tunnel`. With several tunnels
 * in each other, type and id are those of the outermost.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_NONE,
  HAS_IP,
  HAS_MACS,
  HAS_PORTS,
  type PacketBlock,
  type Tunnel,
  type TunnelType,
} from '../../schemas/packets/packet-block.js';
import { copyBytes } from './bytes.js';
import { addRarePart, type Dissection, TUNNEL_DEPTH_MAX } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeEtherType, ETHERTYPE_PPP, ETHERTYPE_TRANSPARENT_BRIDGING } from './ethertype.js';
import { decodePppLink } from './ppp.js';

const TOO_DEEP = decodeFailureCode('tunnel_too_deep');
const NO_ADDRESS = new Uint8Array(0);

/**
 * Decodes the packet in a tunnel. A failure in it is the failure of the frame.
 *
 * @param etherType what the tunnel carries: an IP version, PPP, or whole Ethernet frames
 */
export function decodeTunnelled(
  dissection: Dissection,
  offset: number,
  end: number,
  type: TunnelType,
  id: number | null,
  etherType: number,
): number {
  const { block, row } = dissection;
  const nested = dissection.nested;
  const depth = dissection.tunnelDepth;
  if (depth === TUNNEL_DEPTH_MAX) return TOO_DEEP;
  if (depth === 0) nested.reset();
  dissection.tunnelDepth = depth + 1;
  dissection.block = nested;
  dissection.row = nested.addRow();
  let failure: number;
  if (etherType === ETHERTYPE_TRANSPARENT_BRIDGING) {
    failure = decodeEthernet(dissection, offset, end);
  } else if (etherType === ETHERTYPE_PPP) {
    failure = decodePppLink(dissection, offset, end);
  } else {
    failure = decodeEtherType(dissection, offset, end, etherType);
  }
  dissection.block = block;
  dissection.row = row;
  if (depth === 0) {
    const innermost = lastKnownRow(nested);
    if (!dissection.showInner) addRarePart(block, row, { tunnel: describe(nested, innermost, type, id, 'inner') });
    else if (isKnown(nested, innermost)) showInner(block, row, nested, innermost, type, id);
  }
  return failure;
}

/** The deepest row that got as far as an address. */
function lastKnownRow(nested: PacketBlock): number {
  let row = nested.count - 1;
  while (row > 0 && !isKnown(nested, row)) row--;
  return row;
}

function isKnown(block: PacketBlock, row: number): boolean {
  return block.sourceKind[row] !== ADDRESS_NONE || (block.present[row]! & HAS_MACS) !== 0;
}

function describe(
  block: PacketBlock,
  row: number,
  type: TunnelType,
  id: number | null,
  layer: Tunnel['layer'],
): Tunnel {
  const present = block.present[row]!;
  const hasPorts = (present & HAS_PORTS) !== 0;
  return {
    type,
    layer,
    id,
    source: addressBytes(block, block.sourceKind[row]!, block.sourceAddress[row]!),
    destination: addressBytes(block, block.destinationKind[row]!, block.destinationAddress[row]!),
    ipProtocol: (present & HAS_IP) !== 0 ? block.ipProtocol[row]! : null,
    sourcePort: hasPorts ? block.sourcePort[row]! : null,
    destinationPort: hasPorts ? block.destinationPort[row]! : null,
  };
}

function addressBytes(block: PacketBlock, kind: number, address: number): Uint8Array {
  if (kind === ADDRESS_IPV4) {
    return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
  }
  return kind === ADDRESS_IPV6 ? copyBytes(block.ipv6, address * 16, 16) : NO_ADDRESS;
}

/** Turns the row inside out. MACs and VLANs of a tunnel without Ethernet remain those of the frame. */
function showInner(
  block: PacketBlock,
  row: number,
  nested: PacketBlock,
  inner: number,
  type: TunnelType,
  id: number | null,
): void {
  const tunnel = describe(block, row, type, id, 'outer');
  if (block.sourceKind[row] === ADDRESS_IPV6) block.ipv6Count -= 2; // the addresses of the row being written are the last
  const hasMacs = (nested.present[inner]! & HAS_MACS) !== 0;
  if (hasMacs) {
    block.macs.set(nested.macs.subarray(inner * 12, inner * 12 + 12), row * 12);
    block.vlan[row] = nested.vlan[inner]!;
    block.innerVlan[row] = nested.innerVlan[inner]!;
  }
  block.present[row] = nested.present[inner]! | (block.present[row]! & HAS_MACS);
  block.etherType[row] = nested.etherType[inner]!;
  block.sourceKind[row] = nested.sourceKind[inner]!;
  block.destinationKind[row] = nested.destinationKind[inner]!;
  block.sourceAddress[row] = nested.sourceAddress[inner]!;
  block.destinationAddress[row] = nested.destinationAddress[inner]!;
  if (nested.sourceKind[inner] === ADDRESS_IPV6) {
    block.sourceAddress[row] = block.addIpv6(nested.ipv6, nested.sourceAddress[inner]! * 16);
    block.destinationAddress[row] = block.addIpv6(nested.ipv6, nested.destinationAddress[inner]! * 16);
  }
  block.ipProtocol[row] = nested.ipProtocol[inner]!;
  block.ttl[row] = nested.ttl[inner]!;
  block.ipId[row] = nested.ipId[inner]!;
  block.fragmentOffset[row] = nested.fragmentOffset[inner]!;
  block.sourcePort[row] = nested.sourcePort[inner]!;
  block.destinationPort[row] = nested.destinationPort[inner]!;
  block.tcpFlags[row] = nested.tcpFlags[inner]!;
  block.tcpSequence[row] = nested.tcpSequence[inner]!;
  block.icmpType[row] = nested.icmpType[inner]!;
  block.icmpCode[row] = nested.icmpCode[inner]!;
  const extra = nested.extra[inner]!;
  addRarePart(block, row, { ...(extra >= 0 ? nested.extras[extra] : null), tunnel });
  const applicationStart = nested.applicationStart[inner]!;
  const applicationLength = nested.applicationLength[inner]!;
  if (applicationLength > 0) {
    block.addApplication(row, nested.applications, applicationStart, applicationStart + applicationLength);
  }
}
