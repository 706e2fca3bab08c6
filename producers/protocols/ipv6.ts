/**
 * Internet Protocol version 6 and its extension headers, RFC 8200; authentication header, RFC 4302. The column
 * `ipProtocol` holds what follows the extension headers.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { ADDRESS_IPV6, HAS_FRAGMENT, HAS_IP, HAS_IP_ID } from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import {
  decodeIpPayload,
  PROTOCOL_AUTHENTICATION,
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_ROUTING,
} from './ip-protocol.js';

const VERSION = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
const HEADER_LENGTH = 40;

const EXTENSION_NEXT_HEADER = 0;
const EXTENSION_LENGTH = 1; // units of 8 bytes without the first; of 4 bytes without two in the authentication header
const EXTENSION_LENGTH_MIN = 8;
const FRAGMENT_OFFSET_AND_FLAG = 2;
const FRAGMENT_IDENTIFICATION = 4;
const FRAGMENT_OFFSET_MASK = 0xfff8;
/** RFC 8200 allows each kind once or twice. */
const EXTENSIONS_MAX = 16;

const TRUNCATED = decodeFailureCode('ipv6_truncated');
const WRONG_VERSION = decodeFailureCode('ipv6_version');
const EXTENSION_TRUNCATED = decodeFailureCode('ipv6_extension_truncated');
const EXTENSION_TOO_DEEP = decodeFailureCode('ipv6_extension_too_deep');

export function decodeIpv6(dissection: Dissection, offset: number, capturedEnd: number): number {
  const { block, row, buffer } = dissection;
  if (capturedEnd - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  if (buffer[offset + VERSION]! >> 4 !== 6) return WRONG_VERSION;
  const nextHeader = buffer[offset + NEXT_HEADER]!;
  block.sourceKind[row] = ADDRESS_IPV6;
  block.sourceAddress[row] = block.addIpv6(buffer, offset + SOURCE);
  block.destinationKind[row] = ADDRESS_IPV6;
  block.destinationAddress[row] = block.addIpv6(buffer, offset + DESTINATION);
  block.ipProtocol[row] = nextHeader;
  block.ttl[row] = buffer[offset + HOP_LIMIT]!;
  block.present[row]! |= HAS_IP;

  const payloadLength = uint16(buffer, offset + PAYLOAD_LENGTH);
  const payload = offset + HEADER_LENGTH;
  let end = capturedEnd;
  // Jumbograms (RFC 2675) and segmentation offload leave the length 0: the payload is the rest of the frame.
  if (payloadLength !== 0) {
    const wireEnd = payload + payloadLength;
    if (wireEnd < dissection.wireEnd) dissection.wireEnd = wireEnd;
    if (wireEnd < end) end = wireEnd;
  }
  return isExtension(nextHeader)
    ? decodeExtensions(dissection, payload, end, nextHeader)
    : decodeIpPayload(dissection, payload, end, nextHeader, 6);
}

function isExtension(header: number): boolean {
  return (
    header === PROTOCOL_HOP_BY_HOP ||
    header === PROTOCOL_ROUTING ||
    header === PROTOCOL_FRAGMENT ||
    header === PROTOCOL_DESTINATION_OPTIONS ||
    header === PROTOCOL_AUTHENTICATION
  );
}

function decodeExtensions(dissection: Dissection, firstExtension: number, end: number, firstHeader: number): number {
  const { block, row, buffer } = dissection;
  let offset = firstExtension;
  let header = firstHeader;
  for (let extensions = 0; extensions < EXTENSIONS_MAX; extensions++) {
    if (end - offset < EXTENSION_LENGTH_MIN) {
      return truncated(dissection, offset + EXTENSION_LENGTH_MIN, EXTENSION_TRUNCATED);
    }
    const units = buffer[offset + EXTENSION_LENGTH]!;
    let next = offset + ((units + 1) << 3);
    if (header === PROTOCOL_FRAGMENT)
      next = offset + EXTENSION_LENGTH_MIN; // the length byte is reserved there
    else if (header === PROTOCOL_AUTHENTICATION) next = offset + Math.max((units + 2) << 2, EXTENSION_LENGTH_MIN);
    if (next > end) return truncated(dissection, next, EXTENSION_TRUNCATED);
    const following = buffer[offset + EXTENSION_NEXT_HEADER]!;
    block.ipProtocol[row] = following;
    if (header === PROTOCOL_FRAGMENT) {
      const fragmentOffset = uint16(buffer, offset + FRAGMENT_OFFSET_AND_FLAG) & FRAGMENT_OFFSET_MASK;
      block.ipId[row] = uint32(buffer, offset + FRAGMENT_IDENTIFICATION);
      block.fragmentOffset[row] = fragmentOffset;
      block.present[row]! |= HAS_IP_ID | HAS_FRAGMENT;
      if (fragmentOffset !== 0) return 0;
    }
    if (!isExtension(following)) return decodeIpPayload(dissection, next, end, following, 6);
    header = following;
    offset = next;
  }
  return EXTENSION_TOO_DEEP;
}
