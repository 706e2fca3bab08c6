/**
 * Avro to columns for packets of the plain shape, which nearly all have: lengths and identification of 16 bits, near in
 * time, and not at the very end of the bytes. Without a call a field and a check of
 * the end a byte, and with several bytes at once where they are mostly the same, it is several times as fast as
 * packet-decoding.ts, which takes whatever this leaves; a test holds both to the same rows.
 */
import type { AvroReader } from './avro-bytes.js';
import type { FlowColumns } from './flow-columns.js';
import { HAS_IP_ID, HAS_TCP, NO_EXTRA, type PacketBlock } from './packet-block.js';
import { readMore } from './packet-decoding.js';
import { PACKET_BYTES_MAX } from './packet-encoding.js';

/** The largest zigzag of a role. */
const ROLE_ZIGZAG_MAX = 6;
/** The encoding of -1, for a field that the packet does not have. */
const MINUS_ONE = 0x01;

/** Answer for a packet that is left to packet-decoding.ts. */
const NOT_PLAIN = -1;

/** Of each of four bytes the bit that says that the number goes on. */
const CONTINUED = 0x8080_8080 | 0;

/** The bytes that were read last, mostly those of many records, and a view of them: to make one costs as much as a packet. */
let lastBytes: Buffer | null = null;
let lastView: DataView = new DataView(new ArrayBuffer(0));

/**
 * The `int` at `at`: the number in the upper bits, its length of 1 to 3 bytes in the lowest two. Negative when it is not
 * a number of 16 bits.
 */
function peek16(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if ((first & 1) !== 0) return -1;
  if (first < 0x80) return (first << 1) | 1;
  const second = bytes[at + 1]!;
  if (second < 0x80) return ((first & 0x7e) << 1) | (second << 8) | 2;
  const third = bytes[at + 2]!;
  return third < 8 ? ((first & 0x7e) << 1) | ((second & 0x7f) << 8) | (third << 15) | 3 : -1;
}

/**
 * Reads packets into the rows `from … end - 1` as long as they are plain, and returns the first row it left:
 * `reader` stands at its packet then, or has a fault, and of that row nothing counts.
 *
 * @param time of the packet before, or the host's, µs
 */
export function readPlainPackets(
  reader: AvroReader,
  block: PacketBlock,
  from: number,
  end: number,
  time: number,
  flows: FlowColumns,
): number {
  const { bytes } = reader;
  if (bytes !== lastBytes) {
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    lastBytes = bytes;
  }
  const view = lastView;
  // Bytes behind the record's own may be read, but for nothing.
  const lastStart = bytes.length - PACKET_BYTES_MAX;
  let row = from;
  while (row < end && reader.at <= lastStart) {
    const next = readPlainPacket(bytes, view, reader.at, reader.end, block, row, from, time, flows);
    if (next === NOT_PLAIN) break;
    if (next > 0) reader.at = next;
    else {
      reader.at = ~next;
      readMore(reader, block, row);
      if (reader.fault !== null) break;
    }
    row++;
  }
  return row;
}

/**
 * Reads one packet, at most `PACKET_BYTES_MAX` bytes.
 *
 * @param from the row that `time` is before
 * @returns where it ends, or the complement of where its rare parts begin, which are left, or `NOT_PLAIN`.
 *
 * Columns are written through typed arrays only, and nearly nothing is called: V8 forgets all that it knows of every
 * array at a write through a DataView and at a call, and looks it up again for each access that follows.
 */
function readPlainPacket(
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number,
  block: PacketBlock,
  row: number,
  from: number,
  time: number,
  flows: FlowColumns,
): number {
  let at = start;
  let byte = bytes[at++]!;
  let zigzag = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 21) return NOT_PLAIN;
    byte = bytes[at++]!;
    zigzag |= (byte & 0x7f) << shift;
  }
  // Added in both branches: V8 would make an object of the time of the packet before, as it would of an argument.
  const offset = (zigzag >>> 1) ^ -(zigzag & 1);
  block.timestamp[row] = row === from ? time + offset : block.timestamp[row - 1]! + offset;
  const frameLength = peek16(bytes, at);
  at += frameLength & 3;
  const cutLength = peek16(bytes, at);
  at += cutLength & 3;
  if ((frameLength | cutLength) < 0 || cutLength >>> 2 > frameLength >>> 2) return NOT_PLAIN;
  block.frameLength[row] = frameLength >>> 2;
  block.capturedLength[row] = (frameLength >>> 2) - (cutLength >>> 2);

  const flow = peek16(bytes, at);
  at += flow & 3;
  if (flow < 0 || flow >>> 2 >= flows.count) return NOT_PLAIN;
  let present = flows.copyTo(block, row, flow >>> 2);
  if (bytes[at] === MINUS_ONE) at++;
  else {
    const ipId = peek16(bytes, at);
    if (ipId < 0) return NOT_PLAIN;
    at += ipId & 3;
    present |= HAS_IP_ID;
    block.ipId[row] = ipId >>> 2;
  }
  if (bytes[at] === MINUS_ONE) {
    if (bytes[at + 1] !== 0) return NOT_PLAIN;
    at += 2;
  } else {
    const tcpFlags = peek16(bytes, at);
    at += tcpFlags & 3;
    if (tcpFlags < 0 || (bytes[at]! & 1) !== 0) return NOT_PLAIN;
    present |= HAS_TCP;
    block.tcpFlags[row] = tcpFlags >>> 2;
    const word = view.getInt32(at, true);
    if ((word & CONTINUED) === CONTINUED) {
      const last = bytes[at + 4]!;
      if (last > 0x1f) return NOT_PLAIN;
      block.tcpSequence[row] =
        ((word & 0x7e) >>> 1) |
        ((word & 0x7f00) >>> 2) |
        ((word & 0x7f_0000) >>> 3) |
        ((word & 0x7f00_0000) >>> 4) |
        (last << 27);
      at += 5;
    } else {
      let byte = bytes[at++]!;
      let sequence = (byte & 0x7e) >>> 1;
      for (let shift = 6; byte >= 0x80; shift += 7) {
        byte = bytes[at++]!;
        sequence |= (byte & 0x7f) << shift;
      }
      block.tcpSequence[row] = sequence;
    }
  }
  block.present[row] = present;

  const role = bytes[at]!;
  if (at + 2 > end || role > ROLE_ZIGZAG_MAX || (role & 1) !== 0) return NOT_PLAIN;
  block.role[row] = role >>> 1;
  if (bytes[at + 1] !== 0) return ~(at + 1);
  block.extra[row] = NO_EXTRA;
  block.applicationLength[row] = 0;
  block.failure[row] = 0;
  return at + 2;
}
