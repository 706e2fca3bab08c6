/**
 * Tags of switch chips between a switch's processor and its ports (https://www.tcpdump.org/linktypes.html): Marvell's
 * DSA and EtherType DSA, Broadcom's after the addresses and in front of the frame.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_MACS } from '../../schemas/packets/packet-block.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEthernet } from './ethernet.js';
import { decodeEtherType } from './ethertype.js';

export const DSA_TAG_LENGTH = 4;
/** EtherType, two reserved bytes, and the tag. */
export const ETHERTYPE_DSA_TAG_LENGTH = 8;
export const BROADCOM_TAG_LENGTH = 4;

const MACS_LENGTH = 12;
const ETHER_TYPE_LENGTH = 2;

const TRUNCATED = decodeFailureCode('provider_tag_truncated');

/** An Ethernet frame with a tag of `tagLength` bytes between its addresses and its EtherType. */
export function decodeSwitchTag(dissection: Dissection, offset: number, end: number, tagLength: number): number {
  const { block, row, buffer } = dissection;
  const etherType = offset + MACS_LENGTH + tagLength;
  const payload = etherType + ETHER_TYPE_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const to = row * 12;
  for (let i = 0; i < 6; i++) {
    block.macs[to + i] = buffer[offset + 6 + i]!;
    block.macs[to + 6 + i] = buffer[offset + i]!;
  }
  block.present[row]! |= HAS_MACS;
  return decodeEtherType(dissection, payload, end, uint16(buffer, etherType));
}

export function decodePrependedSwitchTag(dissection: Dissection, offset: number, end: number): number {
  const frame = offset + BROADCOM_TAG_LENGTH;
  if (end < frame) return truncated(dissection, frame, TRUNCATED);
  return decodeEthernet(dissection, frame, end);
}
