/**
 * The headers of a stored packet, rebuilt as an Ethernet frame in a pcap record: what the row holds stands where it
 * belongs, the rest (payload, options, checksums, TCP acknowledgement and window) is zero or left out. The record says the length
 * that the frame had on the wire, and how much of it there is.
 *
 * How long the options of a TCP segment were is not stored. A SYN carries options and hardly ever data, so all that it has behind its
 * first 20 bytes stands as options (zeros, the end of the list); in other segments it counts as payload, and so does the padding of
 * Ethernet.
 */
import ipaddr from 'ipaddr.js';

export interface StoredPacket {
  /** µs since 1970-01-01 UTC, as text. */
  readonly micros: string;
  readonly frame_length: number;
  readonly source_mac: string | null;
  readonly destination_mac: string | null;
  readonly vlan: number | null;
  readonly inner_vlan: number | null;
  readonly ether_type: number | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly ip_protocol: number | null;
  readonly ttl: number | null;
  readonly ip_id: string | null;
  readonly fragment_offset: number | null;
  readonly source_port: number | null;
  readonly destination_port: number | null;
  readonly tcp_flags: number | null;
  readonly tcp_sequence: string | null;
  readonly icmp_type: number | null;
  readonly icmp_code: number | null;
  readonly arp_operation: number | null;
  readonly details: { readonly arp?: { readonly sender_mac?: string; readonly target_mac?: string } } | null;
}

const LINKTYPE_ETHERNET = 1;
/** File header, µs, little-endian (draft-ietf-opsawg-pcap). */
export const PCAP_HEADER = (() => {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16); // snapshot length
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  return header;
})();

const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_SERVICE_VLAN = 0x88a8;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;

export function writePcapRecord(packet: StoredPacket): Buffer {
  const frame = Buffer.concat([...linkHeaders(packet), ...networkHeaders(packet)]);
  const present = frame.subarray(0, Math.max(packet.frame_length, 0));
  const micros = BigInt(packet.micros.split('.')[0]!);
  const record = Buffer.alloc(16);
  // A time before 1970 or after 2106 has no place in the format.
  const seconds = micros < 0n || micros / 1_000_000n > 0xffffffffn ? 0 : Number(micros / 1_000_000n);
  record.writeUInt32LE(seconds, 0);
  record.writeUInt32LE(micros < 0n ? 0 : Number(micros % 1_000_000n), 4);
  record.writeUInt32LE(present.length, 8);
  record.writeUInt32LE(Math.max(packet.frame_length, present.length), 12);
  return Buffer.concat([record, present]);
}

function macBytes(mac: string | null | undefined): Buffer {
  return mac ? Buffer.from(mac.replaceAll(':', ''), 'hex') : Buffer.alloc(6);
}

function addressBytes(address: string | null, length: number): Buffer {
  if (address === null) return Buffer.alloc(length);
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  return bytes.length === length ? bytes : Buffer.alloc(length);
}

function word(value: number): Buffer {
  return Buffer.from([(value >> 8) & 255, value & 255]);
}

function linkHeaders(packet: StoredPacket): Buffer[] {
  const headers = [macBytes(packet.destination_mac), macBytes(packet.source_mac)];
  if (packet.vlan !== null) {
    headers.push(word(packet.inner_vlan === null ? ETHERTYPE_VLAN : ETHERTYPE_SERVICE_VLAN), word(packet.vlan));
  }
  if (packet.inner_vlan !== null) headers.push(word(ETHERTYPE_VLAN), word(packet.inner_vlan));
  headers.push(word(packet.ether_type ?? 0));
  return headers;
}

function networkHeaders(packet: StoredPacket): Buffer[] {
  const transport = transportHeader(packet);
  switch (packet.ether_type) {
    case ETHERTYPE_ARP:
      return packet.arp_operation === null ? [] : [arpMessage(packet)];
    case ETHERTYPE_IPV4:
      return packet.source === null ? [] : [ipv4Header(packet, transport.length), transport];
    case ETHERTYPE_IPV6:
      return packet.source === null ? [] : [...ipv6Headers(packet, transport.length), transport];
    default:
      return [];
  }
}

function arpMessage(packet: StoredPacket): Buffer {
  return Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4]),
    word(packet.arp_operation!),
    macBytes(packet.details?.arp?.sender_mac),
    addressBytes(packet.source, 4),
    macBytes(packet.details?.arp?.target_mac),
    addressBytes(packet.destination, 4),
  ]);
}

/** Bytes behind the link headers, on the wire. */
function networkLength(packet: StoredPacket, least: number): number {
  const link = 14 + (packet.vlan === null ? 0 : 4) + (packet.inner_vlan === null ? 0 : 4);
  return Math.min(65_535, Math.max(least, packet.frame_length - link));
}

function ipv4Header(packet: StoredPacket, transportLength: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  const length = 20 + transportLength;
  header.writeUInt16BE(isWholeSyn(packet, transportLength) ? length : networkLength(packet, length), 2);
  header.writeUInt16BE(Number(packet.ip_id ?? 0) & 0xffff, 4);
  header.writeUInt16BE((packet.fragment_offset ?? 0) >> 3, 6);
  header[8] = packet.ttl ?? 0;
  header[9] = packet.ip_protocol ?? 0;
  addressBytes(packet.source, 4).copy(header, 12);
  addressBytes(packet.destination, 4).copy(header, 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}

function ipv6Headers(packet: StoredPacket, transportLength: number): Buffer[] {
  const header = Buffer.alloc(40);
  const fragment = packet.fragment_offset === null ? null : Buffer.alloc(8);
  header[0] = 0x60;
  const length = 40 + transportLength + (fragment?.length ?? 0);
  header.writeUInt16BE((isWholeSyn(packet, transportLength) ? length : networkLength(packet, length)) - 40, 4);
  header[6] = fragment === null ? (packet.ip_protocol ?? 59) : 44;
  header[7] = packet.ttl ?? 0;
  addressBytes(packet.source, 16).copy(header, 8);
  addressBytes(packet.destination, 16).copy(header, 24);
  if (fragment === null) return [header];
  fragment[0] = packet.ip_protocol ?? 59;
  fragment.writeUInt16BE(packet.fragment_offset! & 0xfff8, 2);
  fragment.writeUInt32BE(Number(packet.ip_id ?? 0) >>> 0, 4);
  return [header, fragment];
}

const TCP_SYN = 2;
const TCP_HEADER = 20;
const TCP_HEADER_MAX = 60;

/** Of a SYN, to the end of the packet, unless no options are that long: then it carries data. */
function tcpHeaderLength(packet: StoredPacket): number {
  if (((packet.tcp_flags ?? 0) & TCP_SYN) === 0 || packet.fragment_offset !== null) return TCP_HEADER;
  const network = packet.ether_type === ETHERTYPE_IPV6 ? 40 : 20;
  const length = networkLength(packet, network + TCP_HEADER) - network;
  return length - (length % 4) > TCP_HEADER_MAX ? TCP_HEADER : length - (length % 4);
}

/** Whether the transport header ends the packet: what the frame has behind it is padding. */
function isWholeSyn(packet: StoredPacket, transportLength: number): boolean {
  return (
    packet.ip_protocol === TCP &&
    ((packet.tcp_flags ?? 0) & TCP_SYN) !== 0 &&
    packet.fragment_offset === null &&
    (transportLength > TCP_HEADER || packet.frame_length <= TCP_HEADER_MAX)
  );
}

function transportHeader(packet: StoredPacket): Buffer {
  if (packet.icmp_type !== null) {
    const header = Buffer.alloc(8);
    header[0] = packet.icmp_type;
    header[1] = packet.icmp_code ?? 0;
    return header;
  }
  if (packet.source_port === null || packet.destination_port === null) return Buffer.alloc(0);
  const header = Buffer.alloc(
    packet.ip_protocol === TCP ? tcpHeaderLength(packet) : packet.ip_protocol === UDP ? 8 : 4,
  );
  header.writeUInt16BE(packet.source_port, 0);
  header.writeUInt16BE(packet.destination_port, 2);
  if (packet.ip_protocol === TCP) {
    header.writeUInt32BE(Number(packet.tcp_sequence ?? 0) >>> 0, 4);
    header.writeUInt16BE(((header.length / 4) << 12) | ((packet.tcp_flags ?? 0) & 0xfff), 12);
  } else if (packet.ip_protocol === UDP) {
    const network = packet.ether_type === ETHERTYPE_IPV6 ? 40 : 20;
    header.writeUInt16BE(Math.max(8, networkLength(packet, network + 8) - network), 4);
  }
  return header;
}
