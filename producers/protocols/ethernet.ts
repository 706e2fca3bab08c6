/** Ethernet II and IEEE 802.3 frames, IEEE Std 802.3 clause 3, as captures hold them: without preamble. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_MACS } from '../../schemas/packets/packet-block.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType } from './ethertype.js';

const DESTINATION = 0;
const SOURCE = 6;
const TYPE_OR_LENGTH = 12;
const HEADER_LENGTH = 14;

const TRUNCATED = decodeFailureCode('ethernet_truncated');

export function decodeEthernet(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  // The addresses alone already say whose frame it is.
  if (end - offset < TYPE_OR_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const macs = block.macs;
  const to = row * 12;
  for (let i = 0; i < 6; i++) {
    macs[to + i] = buffer[offset + SOURCE + i]!;
    macs[to + 6 + i] = buffer[offset + DESTINATION + i]!;
  }
  block.present[row]! |= HAS_MACS;
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const etherType = uint16(buffer, offset + TYPE_OR_LENGTH);
  return decodeEtherType(dissection, payload, end, etherType);
}
