/**
 * Layer Two Tunneling Protocol version 2, RFC 2661 section 3.1: data messages carry PPP. Version 3 (RFC 3931) is known by
 * its outer addresses: what its sessions carry, and behind how long a cookie, was agreed between the ends alone.
 */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, truncated } from './dissection.js';
import { ETHERTYPE_PPP } from './ethertype.js';
import { decodeTunnelled } from './tunnel.js';

const FLAGS = 0;
const FLAG_CONTROL = 0x8000;
const FLAG_LENGTH = 0x4000;
const FLAG_SEQUENCE = 0x0800;
const FLAG_OFFSET = 0x0200;
const FLAGS_RESERVED = 0x34f0;
const VERSION_MASK = 0x000f;
const VERSION_2 = 2;
const FLAGS_LENGTH = 2;
const LENGTH_LENGTH = 2;
const IDS_LENGTH = 4;
const SEQUENCE_LENGTH = 4;
const OFFSET_LENGTH = 2;

const TRUNCATED = decodeFailureCode('l2tp_truncated');

/** Control messages, other versions and what is of somebody else are no failure. */
export function decodeL2tp(dissection: Dissection, offset: number, end: number): number {
  const { buffer } = dissection;
  if (end - offset < FLAGS_LENGTH) return 0;
  const flags = uint16(buffer, offset + FLAGS);
  if ((flags & (FLAG_CONTROL | FLAGS_RESERVED | VERSION_MASK)) !== VERSION_2) return 0;
  const ids = offset + FLAGS_LENGTH + ((flags & FLAG_LENGTH) !== 0 ? LENGTH_LENGTH : 0);
  let payload = ids + IDS_LENGTH;
  if ((flags & FLAG_SEQUENCE) !== 0) payload += SEQUENCE_LENGTH;
  if ((flags & FLAG_OFFSET) !== 0) {
    payload += OFFSET_LENGTH;
    if (end < payload) return truncated(dissection, payload, TRUNCATED);
    payload += uint16(buffer, payload - OFFSET_LENGTH);
  }
  if (end < payload) return truncated(dissection, payload, TRUNCATED);
  if (end === payload) return 0; // an acknowledgment of sequence numbers
  return decodeTunnelled(dissection, payload, end, 'l2tp', uint32(buffer, ids), ETHERTYPE_PPP);
}
