/**
 * What libpcap puts before packets of the Linux device `any` in place of their link header: cooked capture v1
 * (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html) and v2 (…/LINKTYPE_LINUX_SLL2.html). It names the
 * sender's link-layer address only: the destination's MAC of such rows is all zeros.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_MACS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_MIN } from './ethertype.js';

const V1_PACKET_TYPE = 0;
const V1_HARDWARE_TYPE = 2;
const V1_ADDRESS_LENGTH = 4;
const V1_ADDRESS = 6;
const V1_PROTOCOL = 14;
const V1_HEADER_LENGTH = 16;

const V2_PROTOCOL = 0;
const V2_INTERFACE_INDEX = 4;
const V2_HARDWARE_TYPE = 8;
const V2_ADDRESS_LENGTH = 11;
const V2_ADDRESS = 12;
const V2_HEADER_LENGTH = 20;

/** The protocol field counts packet kinds of Linux below the EtherTypes; this one has an 802.2 header. */
const PROTOCOL_802_2 = 0x0004;
/** Netlink messages, whose protocol field is a netlink family (linux/if_arp.h). */
const HARDWARE_NETLINK = 824;

const TRUNCATED = decodeFailureCode('sll_truncated');

export function decodeLinuxCooked(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  const payload = offset + V1_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  dissection.cookedInterface = uint16(buffer, offset + V1_PACKET_TYPE);
  if (uint16(buffer, offset + V1_ADDRESS_LENGTH) === 6) copySourceMac(block, row, buffer, offset + V1_ADDRESS);
  const hardware = uint16(buffer, offset + V1_HARDWARE_TYPE);
  return decodePayload(dissection, payload, end, hardware, uint16(buffer, offset + V1_PROTOCOL));
}

export function decodeLinuxCooked2(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  const payload = offset + V2_HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  dissection.cookedInterface = uint32(buffer, offset + V2_INTERFACE_INDEX);
  if (buffer[offset + V2_ADDRESS_LENGTH] === 6) copySourceMac(block, row, buffer, offset + V2_ADDRESS);
  const hardware = uint16(buffer, offset + V2_HARDWARE_TYPE);
  return decodePayload(dissection, payload, end, hardware, uint16(buffer, offset + V2_PROTOCOL));
}

function copySourceMac(block: PacketBlock, row: number, buffer: Uint8Array, offset: number): void {
  const to = row * 12;
  for (let i = 0; i < 6; i++) {
    block.macs[to + i] = buffer[offset + i]!;
    block.macs[to + 6 + i] = 0;
  }
  block.present[row]! |= HAS_MACS;
}

function decodePayload(
  dissection: Dissection,
  offset: number,
  end: number,
  hardware: number,
  protocol: number,
): number {
  if (hardware === HARDWARE_NETLINK) return 0;
  if (protocol === PROTOCOL_802_2) return decodeEtherType(dissection, offset, end, 0);
  return protocol < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, offset, end, protocol);
}
