/**
 * Avro to a row of columns: any packet, field by field in the order of packet-batch-2.avsc, every value checked. Nearly
 * all packets go through plain-packet-decoding.ts instead, which is faster and leaves what is not plain to this.
 */
import type { AvroReader } from './avro-bytes.js';
import { type DecodeFailureName, decodeFailureCode } from './decode-failure.js';
import { type FlowColumns, readOptional } from './flow-columns.js';
import { HAS_FRAGMENT, HAS_ICMP, HAS_IP_ID, HAS_TCP, NO_EXTRA, type PacketBlock, ROLE_NAMES } from './packet-block.js';
import { FAILURE_NAME_MAX } from './packet-encoding.js';
import { readExtra } from './packet-extra-codec.js';

const UNSIGNED_32_MAX = 0xffffffff;

/**
 * Reads the packet at the reader into a row that is not yet counted in `block`; a `fault` of the reader tells that it could
 * not. What was added to the block's extras or applications is for the caller to take back then.
 *
 * @param time of the packet before, or the host's
 */
export function readPacket(
  reader: AvroReader,
  block: PacketBlock,
  row: number,
  time: number,
  flows: FlowColumns,
): void {
  const timestamp = time + reader.long();
  if (!Number.isSafeInteger(timestamp)) reader.fail('invalid');
  block.timestamp[row] = timestamp;
  const frameLength = reader.int();
  const capturedLength = frameLength - reader.int();
  block.frameLength[row] = frameLength;
  block.capturedLength[row] = capturedLength;
  if (frameLength < 0 || capturedLength < 0 || capturedLength > 0x7fffffff) reader.fail('invalid');
  const flow = reader.int();
  if (flow >>> 0 >= flows.count) {
    reader.fail('invalid');
    return;
  }
  let present = flows.copyTo(block, row, flow);
  const ipId = reader.long();
  if (ipId >= 0) {
    present |= HAS_IP_ID;
    block.ipId[row] = ipId;
  }
  const tcpFlags = readOptional(reader, 0xffff);
  const tcpSequence = reader.long();
  if (tcpFlags >= 0) {
    present |= HAS_TCP;
    block.tcpFlags[row] = tcpFlags;
    block.tcpSequence[row] = tcpSequence;
    if (tcpSequence < 0 || tcpSequence > UNSIGNED_32_MAX) reader.fail('invalid');
  } else if (tcpSequence !== 0) reader.fail('invalid');
  const role = reader.int();
  block.role[row] = role;
  if (ipId < -1 || ipId > UNSIGNED_32_MAX || role >>> 0 >= ROLE_NAMES.length) reader.fail('invalid');
  block.present[row] = present;
  readMore(reader, block, row);
}

/** Reads the union `more`, whose branch is next; the row is whole but for that. */
export function readMore(reader: AvroReader, block: PacketBlock, row: number): void {
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  if (!reader.some()) return;
  const fragmentOffset = readOptional(reader, 0xffff);
  if (fragmentOffset >= 0) {
    block.present[row]! |= HAS_FRAGMENT;
    block.fragmentOffset[row] = fragmentOffset;
  }
  const icmpType = readOptional(reader, 0xff);
  const icmpCode = readOptional(reader, 0xff);
  if (icmpType < 0 !== icmpCode < 0) reader.fail('invalid');
  if (icmpType >= 0) {
    block.present[row]! |= HAS_ICMP;
    block.icmpType[row] = icmpType;
    block.icmpCode[row] = icmpCode;
  }
  readExtra(reader, block, row);
  if (reader.some()) block.failure[row] = decodeFailureCode(reader.string(FAILURE_NAME_MAX) as DecodeFailureName);
}
