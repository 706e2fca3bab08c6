/**
 * A record in the spool's files: length and CRC-32 of what follows (4 bytes each, big-endian), then packets (4),
 * interface and key (a 2-byte length and the text each), and the value to the end. CRC-32 as zlib computes it: native
 * code, where the processor's CRC-32C would be JavaScript.
 */
import { crc32 } from 'node:zlib';

export interface SpoolRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly packets: number;
  /** Whose packets they are in the balance. */
  readonly interfaceName: string;
}

const PREFIX_BYTES = 8;
const FIELDS_BYTES_MIN = 8;
/** No record comes near it; a longer length is damage. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

export function writeFrame(record: SpoolRecord): Buffer {
  const interfaceName = Buffer.from(record.interfaceName);
  const key = Buffer.from(record.key);
  const length = FIELDS_BYTES_MIN + interfaceName.length + key.length + record.value.length;
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + length);
  frame.writeUInt32BE(length, 0);
  let at = frame.writeUInt32BE(record.packets, PREFIX_BYTES);
  at = frame.writeUInt16BE(interfaceName.length, at);
  at += interfaceName.copy(frame, at);
  at = frame.writeUInt16BE(key.length, at);
  at += key.copy(frame, at);
  record.value.copy(frame, at);
  frame.writeUInt32BE(crc32(frame.subarray(PREFIX_BYTES)), 4);
  return frame;
}

export interface ReadFrame {
  readonly record: SpoolRecord;
  /** Where the next frame starts. */
  readonly end: number;
}

/** The frame at `at`; null when the bytes end before it does or do not match its checksum. */
export function readFrame(bytes: Buffer, at: number): ReadFrame | null {
  if (bytes.length - at < PREFIX_BYTES + FIELDS_BYTES_MIN) return null;
  const length = bytes.readUInt32BE(at);
  const start = at + PREFIX_BYTES;
  const end = start + length;
  if (length < FIELDS_BYTES_MIN || length > FRAME_BYTES_MAX || end > bytes.length) return null;
  if (crc32(bytes.subarray(start, end)) !== bytes.readUInt32BE(at + 4)) return null;
  const interfaceStart = start + 6;
  const interfaceEnd = interfaceStart + bytes.readUInt16BE(start + 4);
  if (interfaceEnd + 2 > end) return null;
  const keyStart = interfaceEnd + 2;
  const keyEnd = keyStart + bytes.readUInt16BE(interfaceEnd);
  if (keyEnd > end) return null;
  const record: SpoolRecord = {
    packets: bytes.readUInt32BE(start),
    interfaceName: bytes.toString('utf8', interfaceStart, interfaceEnd),
    key: bytes.toString('utf8', keyStart, keyEnd),
    value: bytes.subarray(keyEnd, end),
  };
  return { record, end };
}
