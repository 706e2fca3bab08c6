/**
 * Wireless LAN frames, IEEE Std 802.11 clause 9: data frames that are not encrypted lead to LLC, all others are known by
 * the MAC of their sender.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_MACS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType } from './ethertype.js';

const FRAME_CONTROL = 0;
const VERSION_MASK = 0x03;
const TYPE_MASK = 0x0c;
const TYPE_CONTROL = 0x04;
const TYPE_DATA = 0x08;
const SUBTYPE_WITHOUT_DATA = 0x40;
const SUBTYPE_QOS = 0x80;

const FLAGS = 1;
const FLAG_TO_DISTRIBUTION = 0x01;
const FLAG_FROM_DISTRIBUTION = 0x02;
const FLAG_PROTECTED = 0x40;
const FLAG_ORDER = 0x80; // in QoS frames: an HT control field follows

const ADDRESS_1 = 4;
const ADDRESS_2 = 10;
const ADDRESS_3 = 16;
const SEQUENCE_CONTROL = 22;
const FRAGMENT_NUMBER_MASK = 0x0f;
const ADDRESS_4 = 24;
const HEADER_LENGTH = 24;
/** An acknowledgment: control, duration, receiver. */
const CONTROL_FRAME_LENGTH_MIN = 10;
const ADDRESS_LENGTH = 6;
const QOS_CONTROL_LENGTH = 2;
const QOS_AGGREGATE = 0x80;
const HT_CONTROL_LENGTH = 4;
/** Destination, source and length of a frame within an aggregate, clause 9.3.2.2. */
const SUBFRAME_HEADER_LENGTH = 14;

const TRUNCATED = decodeFailureCode('ieee80211_truncated');

/** @param padded whether the header is padded to a multiple of four bytes, as radiotap tells */
export function decodeIeee80211(dissection: Dissection, offset: number, end: number, padded: boolean): number {
  const { block, row, buffer } = dissection;
  if (end - offset < CONTROL_FRAME_LENGTH_MIN) {
    return truncated(dissection, offset + CONTROL_FRAME_LENGTH_MIN, TRUNCATED);
  }
  const control = buffer[offset + FRAME_CONTROL]!;
  const type = control & TYPE_MASK;
  if ((control & VERSION_MASK) !== 0 || type === TYPE_CONTROL) return 0;
  if (end - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const flags = buffer[offset + FLAGS]!;
  const toDistribution = type === TYPE_DATA && (flags & FLAG_TO_DISTRIBUTION) !== 0;
  const fromDistribution = type === TYPE_DATA && (flags & FLAG_FROM_DISTRIBUTION) !== 0;
  let length = HEADER_LENGTH;
  if (toDistribution && fromDistribution) length += ADDRESS_LENGTH;
  if (end - offset < length) return truncated(dissection, offset + length, TRUNCATED);
  let source = ADDRESS_2;
  if (fromDistribution) source = toDistribution ? ADDRESS_4 : ADDRESS_3;
  copyMacs(block, row, buffer, offset + source, offset + (toDistribution ? ADDRESS_3 : ADDRESS_1));

  if (type !== TYPE_DATA || (control & SUBTYPE_WITHOUT_DATA) !== 0 || (flags & FLAG_PROTECTED) !== 0) return 0;
  if ((buffer[offset + SEQUENCE_CONTROL]! & FRAGMENT_NUMBER_MASK) !== 0) return 0; // the middle of a frame
  let aggregate = false;
  if ((control & SUBTYPE_QOS) !== 0) {
    if (end - offset < length + QOS_CONTROL_LENGTH) {
      return truncated(dissection, offset + length + QOS_CONTROL_LENGTH, TRUNCATED);
    }
    aggregate = (buffer[offset + length]! & QOS_AGGREGATE) !== 0;
    length += QOS_CONTROL_LENGTH;
    if ((flags & FLAG_ORDER) !== 0) length += HT_CONTROL_LENGTH;
  }
  if (padded) length = (length + 3) & ~3;
  if (aggregate) length += SUBFRAME_HEADER_LENGTH;
  if (end - offset < length) return truncated(dissection, offset + length, TRUNCATED);
  return decodeEtherType(dissection, offset + length, end, 0);
}

function copyMacs(block: PacketBlock, row: number, buffer: Uint8Array, source: number, destination: number): void {
  const to = row * 12;
  for (let i = 0; i < 6; i++) {
    block.macs[to + i] = buffer[source + i]!;
    block.macs[to + 6 + i] = buffer[destination + i]!;
  }
  block.present[row]! |= HAS_MACS;
}
