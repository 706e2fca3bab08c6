/** Address Resolution Protocol for IPv4 over links with 6-byte addresses, RFC 826. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { ADDRESS_IPV4 } from '../../schemas/packets/packet-block.js';
import { copyBytes, uint16, uint32 } from './bytes.js';
import { addRarePart, type Dissection, truncated } from './dissection.js';
import { ETHERTYPE_IPV4 } from './ethertype.js';

const PROTOCOL_TYPE = 2;
const HARDWARE_LENGTH = 4;
const PROTOCOL_LENGTH = 5;
const OPERATION = 6;
const FIXED_LENGTH = 8; // the addresses follow: sender hardware, sender protocol, target hardware, target protocol

const TRUNCATED = decodeFailureCode('arp_truncated');
const UNSUPPORTED = decodeFailureCode('arp_unsupported');

/** The sender and target protocol addresses become source and destination of the row. */
export function decodeArp(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  if (end - offset < FIXED_LENGTH) return truncated(dissection, offset + FIXED_LENGTH, TRUNCATED);
  if (uint16(buffer, offset + PROTOCOL_TYPE) !== ETHERTYPE_IPV4 || buffer[offset + PROTOCOL_LENGTH] !== 4) {
    return UNSUPPORTED;
  }
  const hardwareLength = buffer[offset + HARDWARE_LENGTH]!;
  const senderMac = offset + FIXED_LENGTH;
  const senderAddress = senderMac + hardwareLength;
  const targetMac = senderAddress + 4;
  const targetAddress = targetMac + hardwareLength;
  if (end < targetAddress + 4) return truncated(dissection, targetAddress + 4, TRUNCATED);
  block.sourceKind[row] = ADDRESS_IPV4;
  block.sourceAddress[row] = uint32(buffer, senderAddress);
  block.destinationKind[row] = ADDRESS_IPV4;
  block.destinationAddress[row] = uint32(buffer, targetAddress);
  if (hardwareLength !== 6) return UNSUPPORTED; // InfiniBand, ARCnet: the addresses are known, the claim is not
  addRarePart(block, row, {
    arp: {
      operation: uint16(buffer, offset + OPERATION),
      senderMac: copyBytes(buffer, senderMac, 6),
      senderAddress: copyBytes(buffer, senderAddress, 4),
      targetMac: copyBytes(buffer, targetMac, 6),
      targetAddress: copyBytes(buffer, targetAddress, 4),
    },
  });
  return 0;
}
