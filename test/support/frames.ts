/**
 * Frames for tests, built from the outside in: `ethernet({ … }, vlan({ id: 5 }, ipv4({ … }, tcp({ … }))))`. This file
 * has the link layers; ip-packets.ts has what they carry, transport-segments.ts what IP carries and
 * application-messages.ts what TCP and UDP carry. LINKTYPE_ values: https://www.tcpdump.org/linktypes.html
 */
import { macBytes } from './address-bytes.js';
import { ETHER_TYPE, type NetworkPacket } from './ip-packets.js';

export const LINK_TYPE = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  raw: 101,
  loop: 108,
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const;

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';
const DEFAULT_SOURCE_MAC = '02:00:00:00:00:01';
const DEFAULT_DESTINATION_MAC = '02:00:00:00:00:02';

export interface EthernetOptions {
  readonly source?: string;
  readonly destination?: string;
  /** Pads with zeros to the 60 bytes that a wire carries (without the checksum); false by default. */
  readonly pad?: boolean;
}

/** An Ethernet II frame without preamble and frame check sequence. */
export function ethernet(options: EthernetOptions, packet: NetworkPacket): Buffer {
  const frame = Buffer.concat([ethernetAddresses(options), uint16(packet.etherType), packet.bytes]);
  return options.pad && frame.length < 60 ? Buffer.concat([frame, Buffer.alloc(60 - frame.length)]) : frame;
}

/** An IEEE 802.3 frame with an 802.2 LLC header: the two bytes after the addresses are a length. */
export function llc(
  options: EthernetOptions & { readonly dsap: number; readonly ssap: number; readonly control?: number },
  payload: Uint8Array,
): Buffer {
  const body = Buffer.concat([Buffer.from([options.dsap, options.ssap, options.control ?? 3]), payload]);
  return Buffer.concat([ethernetAddresses(options), uint16(body.length), body]);
}

/** 802.3 with LLC and SNAP (RFC 1042), which carries an EtherType after all. */
export function snap(options: EthernetOptions, packet: NetworkPacket): Buffer {
  const body = Buffer.concat([Buffer.from([0, 0, 0]), uint16(packet.etherType), packet.bytes]);
  return llc({ ...options, dsap: 0xaa, ssap: 0xaa }, body);
}

export interface VlanOptions {
  /** 0 to 4095. */
  readonly id: number;
  readonly priority?: number;
  /** 0x8100 by default; 0x88a8 for the outer tag of QinQ. */
  readonly tagProtocol?: number;
}

/** IEEE 802.1Q: a tag before a packet; tags nest. */
export function vlan(options: VlanOptions, packet: NetworkPacket): NetworkPacket {
  const tag = uint16(((options.priority ?? 0) << 13) | options.id);
  return {
    etherType: options.tagProtocol ?? ETHER_TYPE.vlan,
    bytes: Buffer.concat([tag, uint16(packet.etherType), packet.bytes]),
  };
}

/** IEEE 802.1ad: a service tag and a customer tag. */
export function qinq(outerId: number, innerId: number, packet: NetworkPacket): NetworkPacket {
  return vlan({ id: outerId, tagProtocol: ETHER_TYPE.qinq }, vlan({ id: innerId }, packet));
}

/** RFC 3032: a stack of labels, outermost first; the last one has the bottom-of-stack bit. */
export function mpls(labels: readonly number[], packet: NetworkPacket, ttl = 64): NetworkPacket {
  const stack = labels.map((label, index) => {
    const bottom = index === labels.length - 1 ? 1 : 0;
    return uint32(label * 4096 + bottom * 256 + ttl);
  });
  return { etherType: ETHER_TYPE.mplsUnicast, bytes: Buffer.concat([...stack, packet.bytes]) };
}

/** RFC 2516: a PPPoE session packet. */
export function pppoe(options: { readonly sessionId: number }, packet: NetworkPacket): NetworkPacket {
  const payload = Buffer.concat([uint16(pppProtocol(packet.etherType)), packet.bytes]);
  return {
    etherType: ETHER_TYPE.pppoeSession,
    bytes: Buffer.concat([Buffer.from([0x11, 0]), uint16(options.sessionId), uint16(payload.length), payload]),
  };
}

/** LINKTYPE_PPP with the HDLC-like address and control bytes of RFC 1662. */
export function ppp(packet: NetworkPacket): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0x03]), uint16(pppProtocol(packet.etherType)), packet.bytes]);
}

function pppProtocol(etherType: number): number {
  if (etherType === ETHER_TYPE.ipv4) return 0x0021;
  if (etherType === ETHER_TYPE.ipv6) return 0x0057;
  if (etherType === ETHER_TYPE.mplsUnicast) return 0x0281;
  throw new RangeError(`no PPP protocol for EtherType 0x${etherType.toString(16)}`);
}

export interface LinuxCookedOptions {
  /** Sender's MAC. */
  readonly source?: string;
  /** 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 sent by us. */
  readonly packetType?: number;
  /** ARPHRD_ type; Ethernet by default. */
  readonly hardwareType?: number;
  /** Version 2 only. */
  readonly interfaceIndex?: number;
}

/** LINKTYPE_LINUX_SLL. */
export function linuxCooked(options: LinuxCookedOptions, packet: NetworkPacket): Buffer {
  return Buffer.concat([
    uint16(options.packetType ?? 0),
    uint16(options.hardwareType ?? 1),
    uint16(6),
    macBytes(options.source ?? DEFAULT_SOURCE_MAC),
    uint16(0),
    uint16(packet.etherType),
    packet.bytes,
  ]);
}

/** LINKTYPE_LINUX_SLL2. */
export function linuxCooked2(options: LinuxCookedOptions, packet: NetworkPacket): Buffer {
  return Buffer.concat([
    uint16(packet.etherType),
    uint16(0),
    uint32(options.interfaceIndex ?? 2),
    uint16(options.hardwareType ?? 1),
    Buffer.from([options.packetType ?? 0, 6]),
    macBytes(options.source ?? DEFAULT_SOURCE_MAC),
    uint16(0),
    packet.bytes,
  ]);
}

/** LINKTYPE_NULL: the address family in the byte order of the machine that captured. IPv6 is 30 on macOS, 24 and 28 on other BSDs. */
export function bsdNull(packet: NetworkPacket, byteOrder: 'little' | 'big' = 'little', ipv6Family = 30): Buffer {
  const family = packet.etherType === ETHER_TYPE.ipv6 ? ipv6Family : 2;
  const header = uint32(family);
  return Buffer.concat([byteOrder === 'little' ? header.swap32() : header, packet.bytes]);
}

/** LINKTYPE_LOOP: as LINKTYPE_NULL, always in network byte order. */
export function bsdLoop(packet: NetworkPacket, ipv6Family = 24): Buffer {
  return bsdNull(packet, 'big', ipv6Family);
}

/** LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6: no link header at all. */
export function rawIp(packet: NetworkPacket): Buffer {
  return packet.bytes;
}

function ethernetAddresses(options: EthernetOptions): Buffer {
  return Buffer.concat([
    macBytes(options.destination ?? DEFAULT_DESTINATION_MAC),
    macBytes(options.source ?? DEFAULT_SOURCE_MAC),
  ]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
