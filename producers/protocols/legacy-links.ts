/**
 * Links with headers of a few bytes before an EtherType, an LLC header or an IP packet: FDDI, ARCnet, IP over
 * InfiniBand, Frame Relay, Solaris IPNET, and the headers of OpenBSD's `enc` and `pflog` devices. Layouts:
 * https://www.tcpdump.org/linktypes.html
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_MACS } from '../../schemas/packets/packet-block.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MIN } from './ethertype.js';
import { decodeRawIp } from './raw-ip.js';

const TRUNCATED = decodeFailureCode('link_truncated');

const FDDI_FRAME_CONTROL = 0;
const FDDI_DESTINATION = 1;
const FDDI_SOURCE = 7;
const FDDI_HEADER_LENGTH = 13;
const FDDI_LLC_MASK = 0xf0;
const FDDI_LLC = 0x50;

/** ISO 9314-2; asynchronous frames carry LLC. */
export function decodeFddi(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  const payload = offset + FDDI_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const to = row * 12;
  for (let i = 0; i < 6; i++) {
    block.macs[to + i] = buffer[offset + FDDI_SOURCE + i]!;
    block.macs[to + 6 + i] = buffer[offset + FDDI_DESTINATION + i]!;
  }
  block.present[row]! |= HAS_MACS;
  if ((buffer[offset + FDDI_FRAME_CONTROL]! & FDDI_LLC_MASK) !== FDDI_LLC) return 0;
  return decodeEtherType(dissection, payload, end, 0);
}

const ARCNET_LINUX_TYPE = 4; // source, destination, offset of two bytes
const ARCNET_TYPE = 2;
const ARCNET_IP_RFC1051 = 0xf0;
const ARCNET_ARP_RFC1051 = 0xf1;
const ARCNET_IP = 0xd4;
const ARCNET_ARP = 0xd5;
const ARCNET_IPV6 = 0xc4;
/** RFC 1201: split flag and sequence number; an exception frame has four more bytes before them. */
const ARCNET_SPLIT_LENGTH = 3;
const ARCNET_SPLIT_EXCEPTION = 0xff;
const ARCNET_EXCEPTION_LENGTH = 4;

export function decodeArcnetLinux(dissection: Dissection, offset: number, end: number): number {
  return decodeArcnetType(dissection, offset + ARCNET_LINUX_TYPE, end);
}

export function decodeArcnet(dissection: Dissection, offset: number, end: number): number {
  return decodeArcnetType(dissection, offset + ARCNET_TYPE, end);
}

function decodeArcnetType(dissection: Dissection, typeOffset: number, end: number): number {
  const { buffer } = dissection;
  let payload = typeOffset + 1;
  if (end <= payload) return truncated(dissection, payload + 1, TRUNCATED);
  const type = buffer[typeOffset]!;
  if (type === ARCNET_IP_RFC1051) return decodeEtherType(dissection, payload, end, ETHERTYPE_IPV4);
  if (type === ARCNET_ARP_RFC1051) return decodeEtherType(dissection, payload, end, ETHERTYPE_ARP);
  if (type !== ARCNET_IP && type !== ARCNET_ARP && type !== ARCNET_IPV6) return 0;
  if (buffer[payload] === ARCNET_SPLIT_EXCEPTION) payload += ARCNET_EXCEPTION_LENGTH;
  payload += ARCNET_SPLIT_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  if (buffer[payload - ARCNET_SPLIT_LENGTH]! > 1 && (buffer[payload - ARCNET_SPLIT_LENGTH]! & 1) === 0) return 0; // a later part
  const etherType = type === ARCNET_IP ? ETHERTYPE_IPV4 : type === ARCNET_ARP ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
  return decodeEtherType(dissection, payload, end, etherType);
}

const INFINIBAND_TYPE = 40; // after the global routing header
const INFINIBAND_HEADER_LENGTH = 44;

export function decodeIpOverInfiniband(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  const payload = offset + INFINIBAND_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const etherType = uint16(buffer, offset + INFINIBAND_TYPE);
  return etherType < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, payload, end, etherType);
}

const FRAME_RELAY_LAST_ADDRESS_BYTE = 1; // lowest bit
const FRAME_RELAY_ADDRESS_MAX = 4;
const FRAME_RELAY_UNNUMBERED = 0x03;
const FRAME_RELAY_PAD = 0x00;
const NLPID_SNAP = 0x80;
const NLPID_IPV6 = 0x8e;
const NLPID_IPV4 = 0xcc;
const FRAME_RELAY_SNAP_LENGTH = 5; // organization, type

/** RFC 2427, and Cisco's form with an EtherType right after the address. */
export function decodeFrameRelay(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  let at = offset;
  while (at < end && at - offset < FRAME_RELAY_ADDRESS_MAX && (buffer[at]! & FRAME_RELAY_LAST_ADDRESS_BYTE) === 0) at++;
  at++;
  if (end - at < 2) return truncated(dissection, at + 2, TRUNCATED);
  if (buffer[at] !== FRAME_RELAY_UNNUMBERED) {
    const etherType = uint16(buffer, at);
    return etherType < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, at + 2, end, etherType);
  }
  at++;
  if (buffer[at] === FRAME_RELAY_PAD) at++;
  if (at >= end) return truncated(dissection, at + 1, TRUNCATED);
  const protocol = buffer[at++]!;
  if (protocol === NLPID_IPV4) return decodeEtherType(dissection, at, end, ETHERTYPE_IPV4);
  if (protocol === NLPID_IPV6) return decodeEtherType(dissection, at, end, ETHERTYPE_IPV6);
  if (protocol !== NLPID_SNAP) return 0;
  const payload = at + FRAME_RELAY_SNAP_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const etherType = uint16(buffer, payload - 2);
  return etherType < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, payload, end, etherType);
}

const IPNET_HEADER_LENGTH = 24;

export function decodeIpnet(dissection: Dissection, offset: number, end: number): number {
  const payload = offset + IPNET_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  return decodeRawIp(dissection, payload, end);
}

const ENC_HEADER_LENGTH = 12;

export function decodeEnc(dissection: Dissection, offset: number, end: number): number {
  const payload = offset + ENC_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  return decodeRawIp(dissection, payload, end);
}

/** The header begins with its own length, which does not count its padding. */
export function decodePflog(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end === offset) return truncated(dissection, offset + 1, TRUNCATED);
  const payload = offset + ((buffer[offset]! + 3) & ~3);
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  return decodeRawIp(dissection, payload, end);
}
