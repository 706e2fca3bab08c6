/**
 * The rare parts of a packet (ARP, neighbour discovery, application, tunnel) between objects and Avro. Few packets
 * have them, so these are plain functions; the fields are in the order of packet-batch-1.avsc.
 */
import { type AvroReader, putBytes, putInt, putString, putUnsigned32 } from './avro-bytes.js';
import {
  APPLICATION_STRING_MAX,
  type Application,
  type Arp,
  type NeighborDiscovery,
  type PacketExtra,
  type Tunnel,
} from './packet-block.js';

const APPLICATION_PROTOCOLS = ['dns', 'tls', 'http', 'dhcp'] as const;
const TUNNEL_TYPES = ['vxlan', 'gre', 'ip6_in_ip4', 'ip4_in_ip4', 'ip4_in_ip6', 'ip6_in_ip6'] as const;
const TUNNEL_LAYERS = ['inner', 'outer'] as const;

/** More bytes than the four unions of one packet can take: three strings of an application are the most. */
export const EXTRA_BYTES_MAX = 4 * (APPLICATION_STRING_MAX + 4) + 512;

/** Lengths that an address may have, besides those checked where they are read. */
const MAC_LENGTH = 6;
const IPV4_LENGTH = 4;
const IPV6_LENGTH = 16;

/** Writes the unions `arp`, `neighborDiscovery`, `application` and `tunnel`. */
export function putExtra(bytes: Buffer, start: number, extra: PacketExtra): number {
  let at = start;
  at = extra.arp === null ? putInt(bytes, at, 0) : putArp(bytes, putInt(bytes, at, 1), extra.arp);
  const discovery = extra.neighborDiscovery;
  if (discovery === null) at = putInt(bytes, at, 0);
  else {
    at = putBytes(bytes, putInt(bytes, at, 1), discovery.target);
    at = putBytes(bytes, at, discovery.linkLayerAddress);
  }
  at =
    extra.application === null ? putInt(bytes, at, 0) : putApplication(bytes, putInt(bytes, at, 1), extra.application);
  return extra.tunnel === null ? putInt(bytes, at, 0) : putTunnel(bytes, putInt(bytes, at, 1), extra.tunnel);
}

function putArp(bytes: Buffer, start: number, arp: Arp): number {
  let at = putInt(bytes, start, arp.operation);
  at = putBytes(bytes, at, arp.senderMac);
  at = putBytes(bytes, at, arp.senderAddress);
  at = putBytes(bytes, at, arp.targetMac);
  return putBytes(bytes, at, arp.targetAddress);
}

function putApplication(bytes: Buffer, start: number, application: Application): number {
  let at = putInt(bytes, start, APPLICATION_PROTOCOLS.indexOf(application.protocol));
  at = putOptionalString(bytes, at, application.dnsQuery);
  at = putOptionalInt(bytes, at, application.dnsType);
  at = putOptionalString(bytes, at, application.tlsServerName);
  at = putOptionalString(bytes, at, application.httpHost);
  at = putOptionalInt(bytes, at, application.dhcpMessageType);
  return putOptionalString(bytes, at, application.dhcpHostname);
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

function putOptionalInt(bytes: Buffer, at: number, value: number | null): number {
  return value === null ? putInt(bytes, at, 0) : putInt(bytes, putInt(bytes, at, 1), value);
}

function putOptionalString(bytes: Buffer, at: number, text: string | null): number {
  return text === null ? putInt(bytes, at, 0) : putString(bytes, putInt(bytes, at, 1), text, APPLICATION_STRING_MAX);
}

/** Reads the four unions; null when all of them are null. Check `reader.fault` before using the result. */
export function readExtra(reader: AvroReader): PacketExtra | null {
  const arp = reader.some() ? readArp(reader) : null;
  const neighborDiscovery = reader.some() ? readNeighborDiscovery(reader) : null;
  const application = reader.some() ? readApplication(reader) : null;
  const tunnel = reader.some() ? readTunnel(reader) : null;
  if (arp === null && neighborDiscovery === null && application === null && tunnel === null) return null;
  return { arp, neighborDiscovery, application, tunnel };
}

function readArp(reader: AvroReader): Arp {
  const operation = readUnsigned16(reader);
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

function readApplication(reader: AvroReader): Application {
  const protocol = readSymbol(reader, APPLICATION_PROTOCOLS);
  const dnsQuery = readOptionalString(reader);
  const dnsType = readOptionalUnsigned16(reader);
  const tlsServerName = readOptionalString(reader);
  const httpHost = readOptionalString(reader);
  const dhcpMessageType = readOptionalUnsigned16(reader);
  const dhcpHostname = readOptionalString(reader);
  return { protocol, dnsQuery, dnsType, tlsServerName, httpHost, dhcpMessageType, dhcpHostname };
}

function readTunnel(reader: AvroReader): Tunnel {
  const type = readSymbol(reader, TUNNEL_TYPES);
  const layer = readSymbol(reader, TUNNEL_LAYERS);
  const id = reader.some() ? reader.unsigned32() : null;
  const source = readNetworkAddress(reader);
  const destination = readNetworkAddress(reader);
  const ipProtocol = readOptionalUnsigned16(reader);
  const sourcePort = readOptionalUnsigned16(reader);
  const destinationPort = readOptionalUnsigned16(reader);
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

function readUnsigned16(reader: AvroReader): number {
  const value = reader.int();
  return value >>> 16 === 0 ? value : reader.fail('invalid');
}

function readOptionalUnsigned16(reader: AvroReader): number | null {
  return reader.some() ? readUnsigned16(reader) : null;
}

function readOptionalString(reader: AvroReader): string | null {
  return reader.some() ? reader.string(APPLICATION_STRING_MAX) : null;
}
