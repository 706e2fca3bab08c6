/** Transmission Control Protocol, RFC 9293 section 3.1. Options are not read, so they may be cut off. */
import { decodeFailureCode } from '../../schemas/packets/decode-failure.js';
import { HAS_PORTS, HAS_TCP } from '../../schemas/packets/packet-block.js';
import { decodeTcpApplication } from './application.js';
import { uint16, uint32 } from './bytes.js';
import { type Dissection, notePayload, truncated } from './dissection.js';

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const PORTS_END = 4;
const SEQUENCE = 4;
const DATA_OFFSET_AND_FLAGS = 12;
const FLAGS_END = 14;
const HEADER_LENGTH_MIN = 20;
const FLAGS_MASK = 0x0fff;

const TRUNCATED = decodeFailureCode('tcp_truncated');
const WRONG_DATA_OFFSET = decodeFailureCode('tcp_data_offset');

export function decodeTcp(dissection: Dissection, offset: number, end: number): number {
  const { block, row, buffer } = dissection;
  // Tiny fragments and short snap lengths cut the header; what is there counts.
  if (end - offset < PORTS_END) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  block.sourcePort[row] = uint16(buffer, offset + SOURCE_PORT);
  block.destinationPort[row] = uint16(buffer, offset + DESTINATION_PORT);
  block.present[row]! |= HAS_PORTS;
  if (end - offset < FLAGS_END) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const dataOffsetAndFlags = uint16(buffer, offset + DATA_OFFSET_AND_FLAGS);
  block.tcpSequence[row] = uint32(buffer, offset + SEQUENCE);
  block.tcpFlags[row] = dataOffsetAndFlags & FLAGS_MASK;
  block.present[row]! |= HAS_TCP;
  if (end - offset < HEADER_LENGTH_MIN) return truncated(dissection, offset + HEADER_LENGTH_MIN, TRUNCATED);
  const payload = offset + ((dataOffsetAndFlags >> 12) << 2);
  if (payload < offset + HEADER_LENGTH_MIN || payload > dissection.wireEnd) return WRONG_DATA_OFFSET;
  notePayload(dissection, buffer, payload, end);
  if (payload < end && dissection.application) decodeTcpApplication(dissection, block, row, buffer, payload, end);
  return 0;
}
