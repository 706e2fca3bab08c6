/**
 * Generic Routing Encapsulation: version 0 (RFC 2784, key and sequence number of RFC 2890), version 1 (PPTP, RFC 2637)
 * and the mirrored frames of ERSPAN in it (draft-foschiano-erspan-03).
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
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

const ERSPAN_2_HEADER_LENGTH = 8;
const ERSPAN_3_HEADER_LENGTH = 12;
const ERSPAN_3_SUBHEADER_FLAG = 11; // byte whose lowest bit announces eight more
const ERSPAN_3_SUBHEADER_LENGTH = 8;

const TRUNCATED = decodeFailureCode('gre_truncated');
const WRONG_VERSION = decodeFailureCode('gre_version');

export function decodeGre(
  dissection: Dissection,
  block: PacketBlock,
  row: number,
  buffer: Uint8Array,
  offset: number,
  end: number,
): number {
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
  const key = (flags & FLAG_KEY) !== 0 ? uint32(buffer, keyOffset) : null;

  const protocol = uint16(buffer, offset + PROTOCOL);
  let inner = protocol;
  switch (protocol) {
    case ETHERTYPE_PPP:
      if (payload === end) return 0; // PPTP acknowledges without a payload
      break;
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
    case ETHERTYPE_TRANSPARENT_BRIDGING:
      break;
    case ETHERTYPE_ERSPAN_2:
      inner = ETHERTYPE_TRANSPARENT_BRIDGING;
      if ((flags & FLAG_SEQUENCE) !== 0) payload += ERSPAN_2_HEADER_LENGTH; // type I has neither
      break;
    case ETHERTYPE_ERSPAN_3:
      inner = ETHERTYPE_TRANSPARENT_BRIDGING;
      if (end < payload + ERSPAN_3_HEADER_LENGTH) {
        return truncated(dissection, payload + ERSPAN_3_HEADER_LENGTH, TRUNCATED);
      }
      payload +=
        (buffer[payload + ERSPAN_3_SUBHEADER_FLAG]! & 1) !== 0
          ? ERSPAN_3_HEADER_LENGTH + ERSPAN_3_SUBHEADER_LENGTH
          : ERSPAN_3_HEADER_LENGTH;
      break;
    default:
      return 0; // NHRP, MPLS, keep-alives: known by the addresses of the outer packet
  }
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  return decodeTunnelled(dissection, block, row, buffer, payload, end, 'gre', key, inner);
}
