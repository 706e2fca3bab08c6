/**
 * The rare parts of a packet (ARP, neighbour discovery, application, tunnel) between a block and Avro. Few packets
 * have them, so these are plain functions; the fields are in the order of the schemas.
 */

import { APPLICATION_BYTES_MAX, skipApplication } from './application.js';
import { type AvroReader, putBytes, putInt, putOptionalInt, putUnsigned32 } from './avro-bytes.js';
import {
  type Arp,
  type NeighborDiscovery,
  type PacketBlock,
  type RareParts,
  TUNNEL_TYPES,
  type Tunnel,
  type TunnelType,
} from './packet-block.js';

/** The symbols of packet-batch-1.avsc, whose other tunnels went by these names. */
export const TUNNEL_TYPES_1: readonly TunnelType[] = TUNNEL_TYPES.slice(0, 6);
const TUNNEL_LAYERS = ['inner', 'outer'] as const;

/** More bytes than the rare parts of one packet can take. */
export const RARE_PARTS_BYTES_MAX = 512;
/** More bytes than the four unions of one packet can take: an application is the most. */
export const EXTRA_BYTES_MAX = APPLICATION_BYTES_MAX + RARE_PARTS_BYTES_MAX;

const NO_PARTS: RareParts = { arp: null, neighborDiscovery: null, tunnel: null };

/** Lengths that an address may have, besides those checked where they are read. */
const MAC_LENGTH = 6;
const IPV4_LENGTH = 4;
const IPV6_LENGTH = 16;

/** Writes the unions `arp`, `neighborDiscovery`, `application` and `tunnel` of a row. */
export function putExtra(bytes: Buffer, start: number, block: PacketBlock, row: number): number {
  const parts = block.extra[row]! < 0 ? NO_PARTS : block.extras[block.extra[row]!]!;
  let at = putOptionalArp(bytes, start, parts.arp);
  at = putNeighborDiscovery(bytes, at, parts.neighborDiscovery);
  const length = block.applicationLength[row]!;
  if (length > 0) {
    const { applications } = block;
    const from = block.applicationStart[row]!;
    at = putInt(bytes, at, 1);
    for (let i = 0; i < length; i++) bytes[at + i] = applications[from + i]!;
    at += length;
  } else at = putInt(bytes, at, 0);
  return putOptionalTunnel(bytes, at, parts.tunnel);
}

/** Writes the parts by themselves, not as a row of a record has them: the unions `arp`, `neighborDiscovery` and `tunnel`. */
export function putRareParts(bytes: Buffer, start: number, { arp, neighborDiscovery, tunnel }: RareParts): number {
  const at = putNeighborDiscovery(bytes, putOptionalArp(bytes, start, arp), neighborDiscovery);
  return putOptionalTunnel(bytes, at, tunnel);
}

/** Reads what `putRareParts` wrote. */
export function readRareParts(reader: AvroReader): RareParts {
  const arp = reader.some() ? readArp(reader) : null;
  const neighborDiscovery = reader.some() ? readNeighborDiscovery(reader) : null;
  const tunnel = reader.some() ? readTunnel(reader, TUNNEL_TYPES) : null;
  return { arp, neighborDiscovery, tunnel };
}

function putOptionalArp(bytes: Buffer, start: number, arp: Arp | null): number {
  return arp === null ? putInt(bytes, start, 0) : putArp(bytes, putInt(bytes, start, 1), arp);
}

function putNeighborDiscovery(bytes: Buffer, start: number, discovery: NeighborDiscovery | null): number {
  if (discovery === null) return putInt(bytes, start, 0);
  const at = putBytes(bytes, putInt(bytes, start, 1), discovery.target);
  return putBytes(bytes, at, discovery.linkLayerAddress);
}

function putOptionalTunnel(bytes: Buffer, start: number, tunnel: Tunnel | null): number {
  return tunnel === null ? putInt(bytes, start, 0) : putTunnel(bytes, putInt(bytes, start, 1), tunnel);
}

function putArp(bytes: Buffer, start: number, arp: Arp): number {
  let at = putInt(bytes, start, arp.operation);
  at = putBytes(bytes, at, arp.senderMac);
  at = putBytes(bytes, at, arp.senderAddress);
  at = putBytes(bytes, at, arp.targetMac);
  return putBytes(bytes, at, arp.targetAddress);
}

function putTunnel(bytes: Buffer, start: number, tunnel: Tunnel): number {
  let at = putInt(bytes, start, TUNNEL_TYPES.indexOf(tunnel.type));
  at = putInt(bytes, at, TUNNEL_LAYERS.indexOf(tunnel.layer));
  at = tunnel.id === null ? putInt(bytes, at, 0) : putUnsigned32(bytes, putInt(bytes, at, 1), tunnel.id);
  at = putBytes(bytes, at, tunnel.source);
  at = putBytes(bytes, at, tunnel.destination);
  at = putOptionalInt(bytes, at, tunnel.ipProtocol);
  at = putOptionalInt(bytes, at, tunnel.sourcePort);
  return putOptionalInt(bytes, at, tunnel.destinationPort);
}

/** Reads the four unions into a row. After a fault what was added to the block is for the caller to take back. */
export function readExtra(
  reader: AvroReader,
  block: PacketBlock,
  row: number,
  tunnelTypes: readonly TunnelType[] = TUNNEL_TYPES,
): void {
  const arp = reader.some() ? readArp(reader) : null;
  const neighborDiscovery = reader.some() ? readNeighborDiscovery(reader) : null;
  if (reader.some()) readApplication(reader, block, row);
  const tunnel = reader.some() ? readTunnel(reader, tunnelTypes) : null;
  if (reader.fault === null && (arp !== null || neighborDiscovery !== null || tunnel !== null)) {
    block.setRareParts(row, { arp, neighborDiscovery, tunnel });
  }
}

function readApplication(reader: AvroReader, block: PacketBlock, row: number): void {
  const { bytes, at: start } = reader;
  skipApplication(reader);
  const length = reader.at - start;
  if (reader.fault !== null || length > APPLICATION_BYTES_MAX) {
    reader.fail('invalid');
    return;
  }
  block.addApplication(row, bytes, start, reader.at);
}

function readArp(reader: AvroReader): Arp {
  const operation = reader.unsigned16();
  const senderMac = readExactly(reader, MAC_LENGTH);
  const senderAddress = readExactly(reader, IPV4_LENGTH);
  const targetMac = readExactly(reader, MAC_LENGTH);
  const targetAddress = readExactly(reader, IPV4_LENGTH);
  return { operation, senderMac, senderAddress, targetMac, targetAddress };
}

function readNeighborDiscovery(reader: AvroReader): NeighborDiscovery {
  const target = readExactly(reader, IPV6_LENGTH);
  const linkLayerAddress = reader.copy(MAC_LENGTH);
  if (linkLayerAddress.length !== 0 && linkLayerAddress.length !== MAC_LENGTH) reader.fail('invalid');
  return { target, linkLayerAddress };
}

function readTunnel(reader: AvroReader, types: readonly TunnelType[]): Tunnel {
  const type = readSymbol(reader, types);
  const layer = readSymbol(reader, TUNNEL_LAYERS);
  const id = reader.some() ? reader.unsigned32() : null;
  const source = readNetworkAddress(reader);
  const destination = readNetworkAddress(reader);
  const ipProtocol = reader.optionalUnsigned16();
  const sourcePort = reader.optionalUnsigned16();
  const destinationPort = reader.optionalUnsigned16();
  return { type, layer, id, source, destination, ipProtocol, sourcePort, destinationPort };
}

function readSymbol<const S extends string>(reader: AvroReader, symbols: readonly S[]): S {
  const symbol = symbols[reader.int()];
  if (symbol === undefined) reader.fail('invalid');
  return symbol ?? symbols[0]!;
}

function readExactly(reader: AvroReader, length: number): Uint8Array {
  const bytes = reader.copy(length);
  if (bytes.length !== length) reader.fail('invalid');
  return bytes;
}

function readNetworkAddress(reader: AvroReader): Uint8Array {
  const bytes = reader.copy(IPV6_LENGTH);
  if (bytes.length !== 0 && bytes.length !== IPV4_LENGTH && bytes.length !== IPV6_LENGTH) reader.fail('invalid');
  return bytes;
}
