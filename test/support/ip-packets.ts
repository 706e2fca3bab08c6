/**
 * Network-layer packets for frames: IPv4 with options, IPv6 with extension headers, fragments of both, ARP, and the
 * tunnels that carry packets inside IP (6in4 and its kin, GRE, VXLAN).
 */
import { ipv4Bytes, ipv6Bytes, macBytes } from './address-bytes.js';
import { internetChecksum } from './checksum.js';
import { IP_PROTOCOL, type IpPayload, ipData, udp } from './transport-segments.js';

/** What a link layer carries. */
export interface NetworkPacket {
  readonly etherType: number;
  readonly bytes: Buffer;
}

export const ETHER_TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  transparentEthernet: 0x6558,
  vlan: 0x8100,
  ipv6: 0x86dd,
  mplsUnicast: 0x8847,
  mplsMulticast: 0x8848,
  pppoeDiscovery: 0x8863,
  pppoeSession: 0x8864,
  qinq: 0x88a8,
  lldp: 0x88cc,
} as const;

/** Bytes as they are, under any EtherType. */
export function networkData(etherType: number, bytes: Uint8Array): NetworkPacket {
  return { etherType, bytes: Buffer.from(bytes) };
}

export interface Ipv4Options {
  readonly source: string;
  readonly destination: string;
  readonly ttl?: number;
  readonly id?: number;
  /** Don't fragment; false by default. */
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  readonly trafficClass?: number;
  /** Padded with zeros to a multiple of four bytes; at most 40. */
  readonly options?: Uint8Array;
  /** As written into the header; the true length by default. */
  readonly totalLength?: number;
  readonly checksum?: number;
}

/** RFC 791. */
export function ipv4(options: Ipv4Options, payload: IpPayload): NetworkPacket {
  const pseudoHeader = { source: ipv4Bytes(options.source), destination: ipv4Bytes(options.destination) };
  return ipv4Packet(options, payload.protocol, payload.encode(pseudoHeader));
}

/** The same packet in fragments of at most `fragmentSize` bytes of payload (a multiple of 8). */
export function ipv4Fragments(options: Ipv4Options, payload: IpPayload, fragmentSize: number): NetworkPacket[] {
  const pseudoHeader = { source: ipv4Bytes(options.source), destination: ipv4Bytes(options.destination) };
  const body = payload.encode(pseudoHeader);
  return slices(body, fragmentSize).map(({ offset, bytes, last }) =>
    ipv4Packet({ ...options, fragmentOffset: offset, moreFragments: !last }, payload.protocol, bytes),
  );
}

function ipv4Packet(options: Ipv4Options, protocol: number, body: Buffer): NetworkPacket {
  const optionBytes = options.options ?? new Uint8Array(0);
  const header = Buffer.alloc(20 + Math.ceil(optionBytes.length / 4) * 4);
  header[0] = 0x40 | (header.length / 4);
  header[1] = options.trafficClass ?? 0;
  header.writeUInt16BE(options.totalLength ?? header.length + body.length, 2);
  header.writeUInt16BE(options.id ?? 0, 4);
  const flags = (options.dontFragment ? 0x4000 : 0) | (options.moreFragments ? 0x2000 : 0);
  header.writeUInt16BE(flags | ((options.fragmentOffset ?? 0) / 8), 6);
  header[8] = options.ttl ?? 64;
  header[9] = protocol;
  header.set(ipv4Bytes(options.source), 12);
  header.set(ipv4Bytes(options.destination), 16);
  header.set(optionBytes, 20);
  header.writeUInt16BE(options.checksum ?? internetChecksum(header), 10);
  return { etherType: ETHER_TYPE.ipv4, bytes: Buffer.concat([header, body]) };
}

/** An extension header whose first two bytes (next header, length) are filled in by `ipv6`. */
export interface ExtensionHeader {
  readonly protocol: number;
  /** Next header, length and body; a multiple of 8 bytes. */
  readonly bytes: Buffer;
}

/** Hop-by-hop options, RFC 8200 section 4.3, holding padding alone: `length` bytes in all, a multiple of 8. */
export function hopByHopOptions(length = 8): ExtensionHeader {
  return paddedExtension(IP_PROTOCOL.hopByHop, length);
}

/** Destination options, RFC 8200 section 4.6. */
export function destinationOptions(length = 8): ExtensionHeader {
  return paddedExtension(IP_PROTOCOL.destinationOptions, length);
}

/**
 * A segment routing header (type 4, RFC 8754) whose one segment, the packet's destination, has been reached. Type 0
 * would be shorter, but is forbidden (RFC 5095).
 */
export function routingHeader(destination: string): ExtensionHeader {
  const bytes = Buffer.alloc(24);
  bytes[1] = bytes.length / 8 - 1;
  bytes[2] = 4;
  bytes.set(ipv6Bytes(destination), 8);
  return { protocol: IP_PROTOCOL.routing, bytes };
}

function paddedExtension(protocol: number, length: number): ExtensionHeader {
  const bytes = Buffer.alloc(length);
  bytes[1] = length / 8 - 1;
  bytes[2] = 1; // PadN
  bytes[3] = length - 4;
  return { protocol, bytes };
}

/** RFC 8200 section 4.5. `offset` in bytes, a multiple of 8. */
export function fragmentHeader(id: number, offset: number, moreFragments: boolean): ExtensionHeader {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(offset | (moreFragments ? 1 : 0), 2);
  bytes.writeUInt32BE(id, 4);
  return { protocol: IP_PROTOCOL.fragment, bytes };
}

export interface Ipv6Options {
  readonly source: string;
  readonly destination: string;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** In wire order. */
  readonly extensions?: readonly ExtensionHeader[];
  readonly payloadLength?: number;
}

/** RFC 8200. */
export function ipv6(options: Ipv6Options, payload: IpPayload): NetworkPacket {
  const pseudoHeader = { source: ipv6Bytes(options.source), destination: ipv6Bytes(options.destination) };
  return ipv6Packet(options, payload.protocol, payload.encode(pseudoHeader));
}

/** The same packet in fragments of at most `fragmentSize` bytes (a multiple of 8); `extensions` stand before the fragment header. */
export function ipv6Fragments(
  options: Ipv6Options,
  payload: IpPayload,
  fragmentSize: number,
  id = 0x12345678,
): NetworkPacket[] {
  const pseudoHeader = { source: ipv6Bytes(options.source), destination: ipv6Bytes(options.destination) };
  const body = payload.encode(pseudoHeader);
  return slices(body, fragmentSize).map(({ offset, bytes, last }) =>
    ipv6Packet(
      { ...options, extensions: [...(options.extensions ?? []), fragmentHeader(id, offset, !last)] },
      payload.protocol,
      bytes,
    ),
  );
}

function ipv6Packet(options: Ipv6Options, protocol: number, body: Buffer): NetworkPacket {
  const extensions = (options.extensions ?? []).map((extension) => ({
    protocol: extension.protocol,
    bytes: Buffer.from(extension.bytes),
  }));
  for (const [index, extension] of extensions.entries()) {
    extension.bytes[0] = extensions[index + 1]?.protocol ?? protocol;
  }
  const content = Buffer.concat([...extensions.map((extension) => extension.bytes), body]);
  const header = Buffer.alloc(40);
  header.writeUInt32BE((0x60000000 | ((options.trafficClass ?? 0) << 20) | (options.flowLabel ?? 0)) >>> 0, 0);
  header.writeUInt16BE(options.payloadLength ?? content.length, 4);
  header[6] = extensions[0]?.protocol ?? protocol;
  header[7] = options.hopLimit ?? 64;
  header.set(ipv6Bytes(options.source), 8);
  header.set(ipv6Bytes(options.destination), 24);
  return { etherType: ETHER_TYPE.ipv6, bytes: Buffer.concat([header, content]) };
}

function slices(body: Buffer, size: number): { offset: number; bytes: Buffer; last: boolean }[] {
  if (size <= 0 || size % 8 !== 0) throw new RangeError(`fragment size ${size} is not a positive multiple of 8`);
  const parts = [];
  for (let offset = 0; offset < body.length; offset += size) {
    parts.push({ offset, bytes: body.subarray(offset, offset + size), last: offset + size >= body.length });
  }
  return parts;
}

export interface ArpOptions {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac?: string;
  readonly targetAddress: string;
}

/** RFC 826, for Ethernet and IPv4. */
export function arp(options: ArpOptions): NetworkPacket {
  const bytes = Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4, 0, options.operation]),
    macBytes(options.senderMac),
    ipv4Bytes(options.senderAddress),
    macBytes(options.targetMac ?? '00:00:00:00:00:00'),
    ipv4Bytes(options.targetAddress),
  ]);
  return { etherType: ETHER_TYPE.arp, bytes };
}

/** A packet inside IP with no header between: 4in4, 6in4, 4in6, 6in6 (RFC 2003, RFC 4213, RFC 2473). */
export function packetInIp(inner: NetworkPacket): IpPayload {
  return ipData(inner.etherType === ETHER_TYPE.ipv6 ? IP_PROTOCOL.ipv6 : IP_PROTOCOL.ipv4, inner.bytes);
}

export interface GreOptions {
  /** RFC 2890. */
  readonly key?: number;
  readonly sequence?: number;
  /** Writes the optional checksum of RFC 2784. */
  readonly withChecksum?: boolean;
}

/** RFC 2784 and 2890. An inner Ethernet frame is carried as `networkData(ETHER_TYPE.transparentEthernet, frame)`. */
export function gre(options: GreOptions, inner: NetworkPacket): IpPayload {
  const flags =
    (options.withChecksum ? 0x8000 : 0) |
    (options.key === undefined ? 0 : 0x2000) |
    (options.sequence === undefined ? 0 : 0x1000);
  const fixed = Buffer.alloc(4);
  fixed.writeUInt16BE(flags, 0);
  fixed.writeUInt16BE(inner.etherType, 2);
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const packet = Buffer.concat([
    fixed,
    ...(options.withChecksum ? [word(0)] : []),
    ...(options.key === undefined ? [] : [word(options.key)]),
    ...(options.sequence === undefined ? [] : [word(options.sequence)]),
    inner.bytes,
  ]);
  if (options.withChecksum) packet.writeUInt16BE(internetChecksum(packet), 4);
  return ipData(IP_PROTOCOL.gre, packet);
}

export const VXLAN_PORT = 4789;

/** RFC 7348: an Ethernet frame in UDP. */
export function vxlan(options: { readonly id: number; readonly sourcePort?: number }, frame: Uint8Array): IpPayload {
  const header = Buffer.alloc(8);
  header[0] = 0x08; // the identifier is valid
  header.writeUInt32BE(options.id * 256, 4);
  return udp({ sourcePort: options.sourcePort ?? 49152, destinationPort: VXLAN_PORT }, Buffer.concat([header, frame]));
}
