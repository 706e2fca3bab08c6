/** Internet Protocol version 4, RFC 791. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { ADDRESS_IPV4, HAS_FRAGMENT, HAS_IP, HAS_IP_ID } from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeIpPayload, PROTOCOL_TCP, PROTOCOL_UDP } from './ip-protocol.js';
import { decodeTcp } from './tcp.js';
import { decodeUdp } from './udp.js';

const VERSION_AND_LENGTH = 0;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FLAGS_AND_FRAGMENT_OFFSET = 6;
const TIME_TO_LIVE = 8;
const PROTOCOL = 9;
const SOURCE = 12;
const DESTINATION = 16;
const HEADER_LENGTH_MIN = 20;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff; // units of 8 bytes

const TRUNCATED = decodeFailureCode('ipv4_truncated');
const WRONG_VERSION = decodeFailureCode('ipv4_version');
const WRONG_HEADER_LENGTH = decodeFailureCode('ipv4_header_length');
const WRONG_TOTAL_LENGTH = decodeFailureCode('ipv4_total_length');

export function decodeIpv4(dissection: Dissection, offset: number, capturedEnd: number): number {
  const { block, row, buffer } = dissection;
  if (capturedEnd - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const versionAndLength = buffer[offset + VERSION_AND_LENGTH]!;
  if (versionAndLength >> 4 !== 4) return WRONG_VERSION;
  const headerLength = (versionAndLength & 0x0f) << 2;
  const protocol = buffer[offset + PROTOCOL]!;
  const fragment = uint16(buffer, offset + FLAGS_AND_FRAGMENT_OFFSET);
  const fragmentOffset = (fragment & FRAGMENT_OFFSET_MASK) << 3;
  block.sourceKind[row] = ADDRESS_IPV4;
  block.sourceAddress[row] = uint32(buffer, offset + SOURCE);
  block.destinationKind[row] = ADDRESS_IPV4;
  block.destinationAddress[row] = uint32(buffer, offset + DESTINATION);
  block.ipProtocol[row] = protocol;
  block.ttl[row] = buffer[offset + TIME_TO_LIVE]!;
  block.ipId[row] = uint16(buffer, offset + IDENTIFICATION);
  const isFragment = (fragment & MORE_FRAGMENTS) !== 0 || fragmentOffset !== 0;
  if (isFragment) block.fragmentOffset[row] = fragmentOffset;
  block.present[row]! |= isFragment ? HAS_IP | HAS_IP_ID | HAS_FRAGMENT : HAS_IP | HAS_IP_ID;
  if (headerLength < HEADER_LENGTH_MIN) return WRONG_HEADER_LENGTH;

  const totalLength = uint16(buffer, offset + TOTAL_LENGTH);
  let end = capturedEnd;
  // Segmentation offload hands packets to the capture before their length is known: 0 then stands for the whole frame.
  if (totalLength !== 0) {
    if (totalLength < headerLength) return WRONG_TOTAL_LENGTH;
    const wireEnd = offset + totalLength;
    if (wireEnd < dissection.wireEnd) dissection.wireEnd = wireEnd;
    if (wireEnd < end) end = wireEnd;
  }
  if (end - offset < headerLength) return truncated(dissection, offset + headerLength, TRUNCATED);
  if (fragmentOffset !== 0) return 0; // what follows is the middle of a payload, whatever it looks like
  const payload = offset + headerLength;
  if (protocol === PROTOCOL_TCP) return decodeTcp(dissection, payload, end);
  if (protocol === PROTOCOL_UDP) return decodeUdp(dissection, payload, end);
  return decodeIpPayload(dissection, payload, end, protocol, 4);
}
