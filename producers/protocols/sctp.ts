/** Stream Control Transmission Protocol, RFC 9260 section 3.1: the common header; the chunks are its payload. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_PORTS } from '../../schemas/packets/packet-block.js';
import { uint16 } from './bytes.js';
import { type Dissection, notePayload, truncated } from './dissection.js';

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const PORTS_END = 4;
const HEADER_LENGTH = 12;

const TRUNCATED = decodeFailureCode('sctp_truncated');

export function decodeSctp(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  if (end - offset < PORTS_END) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  block.sourcePort[row] = uint16(buffer, offset + SOURCE_PORT);
  block.destinationPort[row] = uint16(buffer, offset + DESTINATION_PORT);
  block.present[row]! |= HAS_PORTS;
  if (end - offset < HEADER_LENGTH) return truncated(dissection, offset + HEADER_LENGTH, TRUNCATED);
  notePayload(dissection, buffer, offset + HEADER_LENGTH, end);
  return 0;
}
