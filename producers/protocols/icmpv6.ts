/** ICMPv6, RFC 4443, and the neighbour solicitations and advertisements in it, RFC 4861. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_ICMP } from '../../schemas/packets/packet-block.js';
import { copyBytes } from './bytes.js';
import { addRarePart, type Dissection, noteIcmp, truncated } from './dissection.js';

const TYPE = 0;
const CODE = 1;
const CODE_END = 2;
const HEADER_LENGTH = 4;

const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;
const TARGET = 8;
const NEIGHBOR_LENGTH = 24;
const OPTION_TYPE = 0;
const OPTION_LENGTH = 1; // units of 8 bytes
const OPTION_LINK_LAYER_ADDRESS = 2;
const OPTION_UNIT = 8;
const SOURCE_LINK_LAYER_ADDRESS = 1;
const TARGET_LINK_LAYER_ADDRESS = 2;
const NO_ADDRESS = new Uint8Array(0);

const TRUNCATED = decodeFailureCode('icmpv6_truncated');

export function decodeIcmpv6(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  noteIcmp(dissection, buffer, offset, end);
  if (end - offset < CODE_END) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  const type = buffer[offset + TYPE]!;
  block.icmpType[row] = type;
  block.icmpCode[row] = buffer[offset + CODE]!;
  block.present[row]! |= HAS_ICMP;
  if (end - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  if (type !== NEIGHBOR_SOLICITATION && type !== NEIGHBOR_ADVERTISEMENT) return 0;
  if (end - offset < NEIGHBOR_LENGTH) return truncated(dissection, offset + NEIGHBOR_LENGTH, TRUNCATED);
  addRarePart(block, row, {
    neighborDiscovery: {
      target: copyBytes(buffer, offset + TARGET, 16),
      linkLayerAddress: linkLayerAddress(
        buffer,
        offset + NEIGHBOR_LENGTH,
        end,
        type === NEIGHBOR_SOLICITATION ? SOURCE_LINK_LAYER_ADDRESS : TARGET_LINK_LAYER_ADDRESS,
      ),
    },
  });
  return 0;
}

/** The six bytes of an Ethernet address in the first option of the kind; empty when there is none. */
function linkLayerAddress(buffer: Uint8Array, firstOption: number, end: number, kind: number): Uint8Array {
  let offset = firstOption;
  while (end - offset >= OPTION_UNIT) {
    const units = buffer[offset + OPTION_LENGTH]!;
    if (units === 0) break; // RFC 4861 section 4.6: the packet is to be discarded
    if (buffer[offset + OPTION_TYPE] === kind && units === 1) {
      return copyBytes(buffer, offset + OPTION_LINK_LAYER_ADDRESS, 6);
    }
    offset += units * OPTION_UNIT;
  }
  return NO_ADDRESS;
}
