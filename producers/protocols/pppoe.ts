/** The session stage of PPP over Ethernet, RFC 2516. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { decodePpp } from './ppp.js';

const LENGTH = 4;
const HEADER_LENGTH = 6;

const TRUNCATED = decodeFailureCode('pppoe_truncated');

export function decodePppoeSession(dissection: Dissection, offset: number, frameEnd: number): number {
  const { buffer } = dissection;
  const payload = offset + HEADER_LENGTH;
  if (frameEnd < payload) return truncated(dissection, payload, TRUNCATED);
  const wireEnd = payload + uint16(buffer, offset + LENGTH);
  if (wireEnd < dissection.wireEnd) dissection.wireEnd = wireEnd;
  return decodePpp(dissection, payload, Math.min(wireEnd, frameEnd));
}
