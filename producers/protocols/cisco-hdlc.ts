/** Cisco's HDLC for serial lines (RFC 1547 section 4.3.1): address, control, EtherType. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodeEtherType, ETHERTYPE_MIN } from './ethertype.js';

const PROTOCOL = 2;
const HEADER_LENGTH = 4;

const TRUNCATED = decodeFailureCode('cisco_hdlc_truncated');

export function decodeCiscoHdlc(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  const payload = offset + HEADER_LENGTH;
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  const protocol = uint16(buffer, offset + PROTOCOL);
  return protocol < ETHERTYPE_MIN ? 0 : decodeEtherType(dissection, payload, end, protocol);
}
