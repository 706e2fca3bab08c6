/**
 * The frames that nearly all traffic consists of, decoded in one go: Ethernet II, IPv4 without options or fragments or
 * IPv6 without extension headers, TCP or UDP, every header whole. What the protocols' own decoders (protocols/) make of such
 * a frame a function a layer, this reads four bytes at once and writes once a column, in half the time; and being one
 * function it is compiled once and early, where functions inlined into each other are compiled again and again. Tests
 * hold both to the same rows.
 */
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  NO_EXTRA,
  type PacketBlock,
  ROLE_UNKNOWN,
} from '../../schemas/packets/packet-block.js';
import { decodeTcpApplication, decodeUdpApplication } from '../protocols/application.js';
import type { Dissection } from '../protocols/dissection.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../protocols/ethertype.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import { tunnelPort } from '../protocols/udp-tunnels.js';

// Offsets from the begin of the frame (IEEE 802.3), of the network header (RFC 791, RFC 8200) and of the transport header
// (RFC 9293, RFC 768).
const DESTINATION_MAC = 0;
const SOURCE_MAC = 6;
const TYPE = 12;
const ETHERNET_LENGTH = 14;

const IPV4_VERSION_AND_LENGTH = 0;
const IPV4_VERSION_AND_LENGTH_PLAIN = 0x45;
const IPV4_TOTAL_LENGTH = 2;
const IPV4_IDENTIFICATION = 4;
const IPV4_FRAGMENT = 6;
/** More fragments, and the offset of one. */
const IPV4_FRAGMENT_MASK = 0x3fff;
const IPV4_TTL = 8;
const IPV4_PROTOCOL = 9;
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV4_LENGTH = 20;

const IPV6_VERSION = 0;
const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_NEXT_HEADER = 6;
const IPV6_HOP_LIMIT = 7;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;
const IPV6_LENGTH = 40;

const PORTS = 0;
const TCP_SEQUENCE = 4;
const TCP_OFFSET_AND_FLAGS = 12;
const TCP_FLAGS_MASK = 0x0fff;
const TCP_LENGTH_MIN = 20;
const UDP_LENGTH = 4;
const UDP_HEADER_LENGTH = 8;

const NETWORK_LENGTH_MIN = Math.min(IPV4_LENGTH + UDP_HEADER_LENGTH, IPV6_LENGTH);

/** In place of a row: the frame is left to the decoders of its protocols, and nothing has been written. */
export const NOT_USUAL = -1;

/**
 * As `decodeFrame`, of a frame of Ethernet: adds its row and returns the index, or does nothing and returns `NOT_USUAL`.
 * The timestamp is left to the caller, for V8 would make an object of it on the way here.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: nothing is called on the way, V8 would forget what it knows of the arrays
export function decodeUsualFrame(
  block: PacketBlock,
  buffer: Uint8Array,
  offset: number,
  capturedLength: number,
  frameLength: number,
  originIndex: number,
  dissection: Dissection,
): number {
  if (capturedLength < ETHERNET_LENGTH + NETWORK_LENGTH_MIN) return NOT_USUAL;
  const view = dissection.viewOf(buffer);
  const etherType = view.getUint16(offset + TYPE);
  const network = offset + ETHERNET_LENGTH;
  let transport: number;
  let protocol: number;
  let packetEnd: number;
  if (etherType === ETHERTYPE_IPV4) {
    if (view.getUint8(network + IPV4_VERSION_AND_LENGTH) !== IPV4_VERSION_AND_LENGTH_PLAIN) return NOT_USUAL;
    if ((view.getUint16(network + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK) !== 0) return NOT_USUAL;
    transport = network + IPV4_LENGTH;
    protocol = view.getUint8(network + IPV4_PROTOCOL);
    packetEnd = network + view.getUint16(network + IPV4_TOTAL_LENGTH);
  } else if (etherType === ETHERTYPE_IPV6) {
    if (view.getUint8(network + IPV6_VERSION) >> 4 !== 6) return NOT_USUAL;
    transport = network + IPV6_LENGTH;
    protocol = view.getUint8(network + IPV6_NEXT_HEADER);
    packetEnd = transport + view.getUint16(network + IPV6_PAYLOAD_LENGTH);
  } else return NOT_USUAL;

  // Where the packet ends on the wire, and what was captured of it.
  let wireEnd = Math.min(packetEnd, offset + Math.max(frameLength, capturedLength));
  let end = Math.min(packetEnd, offset + capturedLength);
  let payload: number;
  if (protocol === PROTOCOL_TCP) {
    if (end - transport < TCP_LENGTH_MIN) return NOT_USUAL;
    const length = (view.getUint8(transport + TCP_OFFSET_AND_FLAGS) >> 4) << 2;
    payload = transport + length;
    if (length < TCP_LENGTH_MIN || payload > wireEnd) return NOT_USUAL;
  } else if (protocol === PROTOCOL_UDP) {
    if (end - transport < UDP_HEADER_LENGTH) return NOT_USUAL;
    const length = view.getUint16(transport + UDP_LENGTH);
    if (length < UDP_HEADER_LENGTH) return NOT_USUAL;
    payload = transport + UDP_HEADER_LENGTH;
    end = Math.min(end, transport + length);
    wireEnd = Math.min(wireEnd, transport + length);
  } else return NOT_USUAL;
  const ports = view.getUint32(transport + PORTS);
  const destinationPort = ports & 0xffff;
  const isTcp = protocol === PROTOCOL_TCP;
  if (!isTcp && tunnelPort(ports >>> 16, destinationPort) !== 0) return NOT_USUAL;

  const row = block.count++;
  block.origin[row] = originIndex;
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  const { macView } = block;
  const macs = row * 12;
  macView.setUint32(macs, view.getUint32(offset + SOURCE_MAC));
  macView.setUint16(macs + 4, view.getUint16(offset + SOURCE_MAC + 4));
  macView.setUint32(macs + 6, view.getUint32(offset + DESTINATION_MAC));
  macView.setUint16(macs + 10, view.getUint16(offset + DESTINATION_MAC + 4));
  block.vlan[row] = 0;
  block.innerVlan[row] = 0;
  block.etherType[row] = etherType;
  let present = isTcp ? HAS_MACS | HAS_IP | HAS_PORTS | HAS_TCP : HAS_MACS | HAS_IP | HAS_PORTS;
  if (etherType === ETHERTYPE_IPV4) {
    present |= HAS_IP_ID;
    block.sourceKind[row] = ADDRESS_IPV4;
    block.sourceAddress[row] = view.getUint32(network + IPV4_SOURCE);
    block.destinationKind[row] = ADDRESS_IPV4;
    block.destinationAddress[row] = view.getUint32(network + IPV4_DESTINATION);
    block.ipId[row] = view.getUint16(network + IPV4_IDENTIFICATION);
    block.ttl[row] = view.getUint8(network + IPV4_TTL);
  } else {
    block.sourceKind[row] = ADDRESS_IPV6;
    block.sourceAddress[row] = block.addIpv6From(view, network + IPV6_SOURCE);
    block.destinationKind[row] = ADDRESS_IPV6;
    block.destinationAddress[row] = block.addIpv6From(view, network + IPV6_DESTINATION);
    block.ttl[row] = view.getUint8(network + IPV6_HOP_LIMIT);
  }
  block.ipProtocol[row] = protocol;
  block.sourcePort[row] = ports >>> 16;
  block.destinationPort[row] = destinationPort;
  if (isTcp) {
    block.tcpSequence[row] = view.getUint32(transport + TCP_SEQUENCE);
    block.tcpFlags[row] = view.getUint16(transport + TCP_OFFSET_AND_FLAGS) & TCP_FLAGS_MASK;
  }
  block.present[row] = present;
  block.role[row] = ROLE_UNKNOWN;
  block.failure[row] = 0;
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  dissection.payloadBuffer = buffer;
  dissection.payloadStart = Math.min(payload, end);
  dissection.payloadEnd = end;
  dissection.payloadLength = wireEnd - payload;
  if (payload < end && dissection.application) {
    if (isTcp) decodeTcpApplication(dissection, block, row, buffer, payload, end);
    else decodeUdpApplication(block, row, buffer, payload, end);
  }
  return row;
}
