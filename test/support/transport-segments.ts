/**
 * What IP packets carry, as builders that compose: `ipv4({ … }, tcp({ … }, payload))`. A payload is encoded only when
 * the IP layer knows its addresses, because most checksums cover them. Every checksum is right unless `checksum` says
 * otherwise.
 */

import { TCP_SYN } from '../../schemas/packets/packet-block.js';
import { ipv6Bytes, macBytes } from './address-bytes.js';
import { crc32c, internetChecksum } from './checksum.js';

/** The addresses that a checksum covers; both 4 or both 16 bytes. */
export interface PseudoHeader {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

export interface IpPayload {
  /** IANA protocol number. */
  readonly protocol: number;
  encode(pseudoHeader: PseudoHeader): Buffer;
}

export const IP_PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  igmp: 2,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  icmpv6: 58,
  noNext: 59,
  destinationOptions: 60,
  vrrp: 112,
  sctp: 132,
} as const;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Bytes as they are, under any protocol number. */
export function ipData(protocol: number, bytes: Uint8Array): IpPayload {
  return { protocol, encode: () => Buffer.from(bytes) };
}

/** The checksum over the pseudo-header of RFC 9293 (IPv4) or RFC 8200 section 8.1 (IPv6) and the segment. */
export function transportChecksum(pseudoHeader: PseudoHeader, protocol: number, segment: Uint8Array): number {
  const tail = Buffer.alloc(8); // both families sum to the same: length, then protocol
  tail.writeUInt32BE(segment.length, 0);
  tail.writeUInt32BE(protocol, 4);
  return internetChecksum(pseudoHeader.source, pseudoHeader.destination, tail, segment);
}

export interface TcpOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** `TCP_…` bits of schemas/packet-block; SYN alone by default. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** Padded with zeros (end of list) to a multiple of four bytes; at most 40. */
  readonly options?: Uint8Array;
  readonly checksum?: number;
}

/** RFC 9293. */
export function tcp(options: TcpOptions, payload: Uint8Array = NO_BYTES): IpPayload {
  const optionBytes = options.options ?? NO_BYTES;
  const headerLength = 20 + Math.ceil(optionBytes.length / 4) * 4;
  return {
    protocol: IP_PROTOCOL.tcp,
    encode(pseudoHeader) {
      const segment = Buffer.alloc(headerLength + payload.length);
      segment.writeUInt16BE(options.sourcePort, 0);
      segment.writeUInt16BE(options.destinationPort, 2);
      segment.writeUInt32BE(options.sequence ?? 1, 4);
      segment.writeUInt32BE(options.acknowledgment ?? 0, 8);
      segment.writeUInt16BE(((headerLength / 4) << 12) | (options.flags ?? TCP_SYN), 12);
      segment.writeUInt16BE(options.window ?? 64240, 14);
      segment.writeUInt16BE(options.urgent ?? 0, 18);
      segment.set(optionBytes, 20);
      segment.set(payload, headerLength);
      segment.writeUInt16BE(options.checksum ?? transportChecksum(pseudoHeader, IP_PROTOCOL.tcp, segment), 16);
      return segment;
    },
  };
}

export interface UdpOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly checksum?: number;
}

/** RFC 768. */
export function udp(options: UdpOptions, payload: Uint8Array = NO_BYTES): IpPayload {
  return {
    protocol: IP_PROTOCOL.udp,
    encode(pseudoHeader) {
      const datagram = Buffer.alloc(8 + payload.length);
      datagram.writeUInt16BE(options.sourcePort, 0);
      datagram.writeUInt16BE(options.destinationPort, 2);
      datagram.writeUInt16BE(datagram.length, 4);
      datagram.set(payload, 8);
      const computed = transportChecksum(pseudoHeader, IP_PROTOCOL.udp, datagram);
      datagram.writeUInt16BE(options.checksum ?? (computed === 0 ? 0xffff : computed), 6);
      return datagram;
    },
  };
}

export interface IcmpOptions {
  readonly type: number;
  readonly code?: number;
  /** The four bytes after the checksum: identifier and sequence number of an echo, the MTU of "too big". */
  readonly rest?: number;
}

/** RFC 792. Errors carry the start of the packet that caused them as payload. */
export function icmp(options: IcmpOptions, payload: Uint8Array = NO_BYTES): IpPayload {
  return {
    protocol: IP_PROTOCOL.icmp,
    encode() {
      const message = icmpMessage(options, payload);
      message.writeUInt16BE(internetChecksum(message), 2);
      return message;
    },
  };
}

/** RFC 4443; the checksum covers the IPv6 pseudo-header. */
export function icmpv6(options: IcmpOptions, payload: Uint8Array = NO_BYTES): IpPayload {
  return {
    protocol: IP_PROTOCOL.icmpv6,
    encode(pseudoHeader) {
      const message = icmpMessage(options, payload);
      message.writeUInt16BE(transportChecksum(pseudoHeader, IP_PROTOCOL.icmpv6, message), 2);
      return message;
    },
  };
}

function icmpMessage(options: IcmpOptions, payload: Uint8Array): Buffer {
  const message = Buffer.alloc(8 + payload.length);
  message[0] = options.type;
  message[1] = options.code ?? 0;
  message.writeUInt32BE(options.rest ?? 0, 4);
  message.set(payload, 8);
  return message;
}

export const ICMPV6_NEIGHBOR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;

/** RFC 4861 section 4.3; the option gives the asker's MAC and is left out for duplicate address detection. */
export function neighborSolicitation(target: string, sourceMac?: string): IpPayload {
  return icmpv6({ type: ICMPV6_NEIGHBOR_SOLICITATION }, neighborDiscoveryBody(target, 1, sourceMac));
}

/** RFC 4861 section 4.4, with the solicited and override flags set. */
export function neighborAdvertisement(target: string, targetMac?: string): IpPayload {
  return icmpv6({ type: ICMPV6_NEIGHBOR_ADVERTISEMENT, rest: 0x60000000 }, neighborDiscoveryBody(target, 2, targetMac));
}

function neighborDiscoveryBody(target: string, optionType: number, mac: string | undefined): Buffer {
  const option = mac === undefined ? NO_BYTES : Buffer.concat([Buffer.from([optionType, 1]), macBytes(mac)]);
  return Buffer.concat([ipv6Bytes(target), option]);
}

export interface IgmpOptions {
  /** 0x11 query, 0x16 report of version 2, 0x17 leave. */
  readonly type: number;
  /** Four bytes. */
  readonly group: Uint8Array;
  /** Tenths of a second. */
  readonly maximumResponseTime?: number;
}

/** RFC 2236. */
export function igmp(options: IgmpOptions): IpPayload {
  return {
    protocol: IP_PROTOCOL.igmp,
    encode() {
      const message = Buffer.alloc(8);
      message[0] = options.type;
      message[1] = options.maximumResponseTime ?? 0;
      message.set(options.group, 4);
      message.writeUInt16BE(internetChecksum(message), 2);
      return message;
    },
  };
}

export interface SctpOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly verificationTag?: number;
}

/** RFC 9260: the common header before chunks that the caller has built. */
export function sctp(options: SctpOptions, chunks: Uint8Array = sctpInitChunk()): IpPayload {
  return {
    protocol: IP_PROTOCOL.sctp,
    encode() {
      const packet = Buffer.alloc(12 + chunks.length);
      packet.writeUInt16BE(options.sourcePort, 0);
      packet.writeUInt16BE(options.destinationPort, 2);
      packet.writeUInt32BE(options.verificationTag ?? 0, 4);
      packet.set(chunks, 12);
      packet.writeUInt32LE(crc32c(packet), 8);
      return packet;
    },
  };
}

/** An INIT chunk without optional parameters, RFC 9260 section 3.3.2. */
export function sctpInitChunk(): Buffer {
  const chunk = Buffer.alloc(20);
  chunk[0] = 1;
  chunk.writeUInt16BE(chunk.length, 2);
  chunk.writeUInt32BE(0x01020304, 4); // initiate tag
  chunk.writeUInt32BE(65536, 8); // advertised receiver window
  chunk.writeUInt16BE(10, 12); // outbound streams
  chunk.writeUInt16BE(10, 14); // inbound streams
  chunk.writeUInt32BE(1, 16); // initial sequence number
  return chunk;
}

/** RFC 5798: a VRRPv3 advertisement of one IPv4 address; the checksum covers the pseudo-header. */
export function vrrp(options: {
  readonly routerId: number;
  readonly priority?: number;
  readonly address: Uint8Array;
}): IpPayload {
  return {
    protocol: IP_PROTOCOL.vrrp,
    encode(pseudoHeader) {
      const message = Buffer.from([
        0x31,
        options.routerId,
        options.priority ?? 100,
        1,
        0,
        100,
        0,
        0,
        ...options.address,
      ]);
      message.writeUInt16BE(transportChecksum(pseudoHeader, IP_PROTOCOL.vrrp, message), 6);
      return message;
    },
  };
}
