/** Internet Group Management Protocol, RFC 2236 and RFC 3376: only its length is looked at. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { type Dissection, truncated } from './dissection.js';

const LENGTH_MIN = 8;

const TRUNCATED = decodeFailureCode('igmp_truncated');

export function decodeIgmp(dissection: Dissection, offset: number, end: number): number {
  return end - offset < LENGTH_MIN ? truncated(dissection, offset + LENGTH_MIN, TRUNCATED) : 0;
}
