/** What follows the framing of a record of schema 1, packet-batch-1.avsc, into columns: one host a record, and its packets only. */
import type { AvroReader } from './avro-bytes.js';
import {
  DecodedPacketBatch,
  fillSource,
  kindOf,
  MAX_BATCH_PACKETS,
  Mark,
  type PacketBatchResult,
  refuse,
  sameMacs,
} from './packet-batch-reading.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_MAC, ADDRESS_NONE, type PacketBlock } from './packet-block.js';
import { readPacket } from './packet-decoding-1.js';
import { readOrigin1 } from './packet-origin-codec.js';
import { readPlainPackets } from './plain-packet-decoding-1.js';

/** Fewer bytes than any packet takes: 25 fields of at least one byte. */
const PACKET_BYTES_MIN = 25;

/** Reads a record of packet-batch-1.avsc from the reader on to its end. */
export function readBatch1(reader: AvroReader, block: PacketBlock): PacketBatchResult {
  const { bytes, at: start } = reader;
  const origin = readOrigin1(reader);
  const sourceLength = reader.int();
  const sourceStart = reader.skip(sourceLength);
  if (kindOf(sourceLength) === ADDRESS_NONE && sourceLength !== 0) reader.fail('invalid');
  const endOfTimeline = reader.boolean();
  const firstTimestamp = reader.long();
  if (reader.fault !== null) return refuse(reader.fault, `in the header, before byte ${reader.at - start}`);
  const mark = new Mark(block, null);
  const result = readPackets(reader, block, sourceStart, sourceLength, firstTimestamp);
  if (typeof result !== 'number') {
    mark.restore();
    return result;
  }
  if (result > 0) {
    const index = block.originIndex(origin);
    block.count = mark.row + result;
    for (let row = mark.row; row < block.count; row++) block.origin[row] = index;
  }
  return new DecodedPacketBatch(
    result,
    mark.row,
    origin,
    firstTimestamp,
    endOfTimeline,
    sourceLength === 0 ? 0 : 1,
    bytes,
    sourceStart,
    sourceLength,
  );
}

/** Reads the array of packets to the end of the record; returns how many there are. Rows are not yet counted in `block`. */
function readPackets(
  reader: AvroReader,
  block: PacketBlock,
  sourceStart: number,
  sourceLength: number,
  firstTimestamp: number,
): number | PacketBatchResult {
  const { bytes } = reader;
  const firstRow = block.count;
  const kind = kindOf(sourceLength);
  let address = -1;
  let row = firstRow;
  for (;;) {
    const count = reader.blockCount(PACKET_BYTES_MIN);
    if (reader.fault !== null) return refuse(reader.fault, 'in the array of packets');
    if (count === 0) break;
    if (row - firstRow + count > MAX_BATCH_PACKETS) return refuse('invalid', `more than ${MAX_BATCH_PACKETS} packets`);
    if (row + count > block.capacity) {
      return refuse('block_full', `${row + count - block.capacity} packets more than the block takes`);
    }
    if (address < 0 && kind === ADDRESS_IPV4) address = bytes.readUInt32BE(sourceStart);
    else if (address < 0 && kind === ADDRESS_IPV6) address = block.addIpv6(bytes, sourceStart);
    for (const end = row + count; row < end; row++) {
      row = readPlainPackets(reader, block, row, end, firstTimestamp);
      if (row === end) break;
      if (reader.fault === null) readPacket(reader, block, row, firstTimestamp);
      if (reader.fault !== null) return refuse(reader.fault, `in packet ${row - firstRow + 1}`);
    }
  }
  if (reader.at !== reader.end) return refuse('invalid', `${reader.end - reader.at} bytes after the last packet`);
  if (kind === ADDRESS_MAC && !sameMacs(block, firstRow, row, bytes, sourceStart)) {
    return refuse('invalid', 'a source that is a MAC differs from the frame’s own');
  }
  fillSource(block, firstRow, row, kind, address);
  return row - firstRow;
}
