/**
 * Generic Routing Encapsulation: version 0 (RFC 2784, key and sequence number of RFC 2890), version 1 (PPTP, RFC 2637),
 * and what is made of it: virtual networks of NVGRE (RFC 7637) and the mirrored frames of ERSPAN
 * (draft-foschiano-erspan-03).
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { TunnelType } from '../../schemas/packets/packet-block.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import {
  ETHERTYPE_ERSPAN_2,
  ETHERTYPE_ERSPAN_3,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_PPP,
  ETHERTYPE_TRANSPARENT_BRIDGING,
} from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const FLAGS_AND_VERSION = 0;
const PROTOCOL = 2;
const HEADER_LENGTH_MIN = 4;
const FLAG_CHECKSUM = 0x8000;
const FLAG_ROUTING = 0x4000;
const FLAG_KEY = 0x2000;
const FLAG_SEQUENCE = 0x1000;
const FLAG_ACKNOWLEDGMENT = 0x0080; // version 1 only
const VERSION_MASK = 0x0007;
const OPTIONAL_FIELD_LENGTH = 4;

/** The key of NVGRE: a virtual subnet of 24 bits, of which the first 4,096 are reserved, and a flow of 8. */
const NVGRE_FLOW_BITS = 8;
const NVGRE_SUBNET_MIN = 0x1000;

const ERSPAN_SESSION = 2;
const ERSPAN_SESSION_MASK = 0x03ff;
const ERSPAN_2_HEADER_LENGTH = 8;
const ERSPAN_3_HEADER_LENGTH = 12;
/** Five bits from the second on of a byte: what was mirrored. Other types than these two are not defined. */
const ERSPAN_3_FRAME_TYPE = 10;
const FRAME_TYPE_ETHERNET = 0;
const FRAME_TYPE_IP = 2;
const ERSPAN_3_SUBHEADER_FLAG = 11; // byte whose lowest bit announces eight more
const ERSPAN_3_SUBHEADER_LENGTH = 8;

/** In place of an EtherType. */
const MIRRORED_IP = -1;
const MIRRORED_UNKNOWN = -2;

const TRUNCATED = decodeFailureCode('gre_truncated');
const WRONG_VERSION = decodeFailureCode('gre_version');

export function decodeGre(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const flags = uint16(buffer, offset + FLAGS_AND_VERSION);
  const version = flags & VERSION_MASK;
  if (version > 1) return WRONG_VERSION;
  if ((flags & FLAG_ROUTING) !== 0) return 0; // source routes: withdrawn by RFC 2784, of unknown length
  const keyOffset = offset + HEADER_LENGTH_MIN + ((flags & FLAG_CHECKSUM) !== 0 ? OPTIONAL_FIELD_LENGTH : 0);
  let payload = keyOffset;
  if ((flags & FLAG_KEY) !== 0) payload += OPTIONAL_FIELD_LENGTH;
  if ((flags & FLAG_SEQUENCE) !== 0) payload += OPTIONAL_FIELD_LENGTH;
  if (version === 1 && (flags & FLAG_ACKNOWLEDGMENT) !== 0) payload += OPTIONAL_FIELD_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  let id = (flags & FLAG_KEY) !== 0 ? uint32(buffer, keyOffset) : null;

  const protocol = uint16(buffer, offset + PROTOCOL);
  let inner = protocol;
  let type: TunnelType = 'gre';
  switch (protocol) {
    case ETHERTYPE_PPP:
      if (payload === end) return 0; // PPTP acknowledges without a payload
      break;
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
      break;
    case ETHERTYPE_TRANSPARENT_BRIDGING:
      if (flags === FLAG_KEY && id! >>> NVGRE_FLOW_BITS >= NVGRE_SUBNET_MIN) {
        type = 'nvgre';
        id = id! >>> NVGRE_FLOW_BITS;
      }
      break;
    case ETHERTYPE_ERSPAN_2:
      inner = ETHERTYPE_TRANSPARENT_BRIDGING;
      type = 'erspan';
      if ((flags & FLAG_SEQUENCE) === 0) break; // type I has neither number nor header
      if (end < payload + ERSPAN_2_HEADER_LENGTH) {
        return truncated(dissection, payload + ERSPAN_2_HEADER_LENGTH, TRUNCATED);
      }
      id = uint16(buffer, payload + ERSPAN_SESSION) & ERSPAN_SESSION_MASK;
      payload += ERSPAN_2_HEADER_LENGTH;
      break;
    case ETHERTYPE_ERSPAN_3:
      if (end < payload + ERSPAN_3_HEADER_LENGTH) {
        return truncated(dissection, payload + ERSPAN_3_HEADER_LENGTH, TRUNCATED);
      }
      type = 'erspan';
      id = uint16(buffer, payload + ERSPAN_SESSION) & ERSPAN_SESSION_MASK;
      inner = mirroredType(buffer, payload);
      payload +=
        (buffer[payload + ERSPAN_3_SUBHEADER_FLAG]! & 1) !== 0
          ? ERSPAN_3_HEADER_LENGTH + ERSPAN_3_SUBHEADER_LENGTH
          : ERSPAN_3_HEADER_LENGTH;
      break;
    default:
      return 0; // NHRP, MPLS, keep-alives: known by the addresses of the outer packet
  }
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  if (inner === MIRRORED_IP) inner = end > payload && buffer[payload]! >> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  return inner === MIRRORED_UNKNOWN ? 0 : decodeTunnelled(dissection, payload, end, type, id, inner);
}

function mirroredType(buffer: Uint8Array, header: number): number {
  const frameType = (buffer[header + ERSPAN_3_FRAME_TYPE]! >> 2) & 0x1f;
  if (frameType === FRAME_TYPE_ETHERNET) return ETHERTYPE_TRANSPARENT_BRIDGING;
  return frameType === FRAME_TYPE_IP ? MIRRORED_IP : MIRRORED_UNKNOWN;
}
