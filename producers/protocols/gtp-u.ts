/**
 * GPRS Tunnelling Protocol, user plane: what phones send and receive between base station and core network. 3GPP TS 29.281
 * section 5; extension headers are passed over.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const FLAGS = 0;
const VERSION_AND_TYPE_MASK = 0xf0; // three bits of version, then GTP and not GTP', then one that is spare
const VERSION_1_GTP = 0x30;
const FLAGS_OPTIONAL = 0x07; // any of extension, sequence number and N-PDU number brings the fields of all three
const FLAG_EXTENSION = 0x04;
const MESSAGE_TYPE = 1;
const G_PDU = 255;
const ENDPOINT_ID = 4;
const HEADER_LENGTH_MIN = 8;
const OPTIONAL_LENGTH = 4; // sequence number, N-PDU number, type of the first extension header
const EXTENSIONS_MAX = 8;

const TRUNCATED = decodeFailureCode('gtp_u_truncated');

/** Signalling of the tunnel and what is neither IPv4 nor IPv6 is known by its outer addresses, and no failure. */
export function decodeGtpU(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < 2) return 0;
  const flags = buffer[offset + FLAGS]!;
  if ((flags & VERSION_AND_TYPE_MASK) !== VERSION_1_GTP || buffer[offset + MESSAGE_TYPE] !== G_PDU) return 0;
  let payload = offset + HEADER_LENGTH_MIN;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  if ((flags & FLAGS_OPTIONAL) !== 0) {
    payload += OPTIONAL_LENGTH;
    if (end < payload) return truncated(dissection, payload, TRUNCATED);
    let extension = (flags & FLAG_EXTENSION) !== 0 ? buffer[payload - 1]! : 0;
    for (let extensions = 0; extension !== 0; extensions++) {
      if (extensions === EXTENSIONS_MAX) return 0;
      // The length in units of 4 bytes counts itself and the type of the next at the end.
      const next = payload + (end > payload ? Math.max(buffer[payload]!, 1) << 2 : 4);
      if (end < next) return truncated(dissection, next, TRUNCATED);
      extension = buffer[next - 1]!;
      payload = next;
    }
  }
  if (end === payload) return truncated(dissection, payload + 1, TRUNCATED);
  const version = buffer[payload]! >> 4;
  if (version !== 4 && version !== 6) return 0;
  const etherType = version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  const endpointId = uint32(buffer, offset + ENDPOINT_ID);
  return decodeTunnelled(dissection, payload, end, 'gtp_u', endpointId, etherType);
}
