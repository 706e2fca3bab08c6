/**
 * What every packet of a batch shares (`captureNode` to `samplingRate`) between objects and Avro. The few origins of a
 * fleet recur in every record, so their bytes and objects are kept.
 */
import { type AvroReader, LONG_BYTES_MAX, putInt, putLong, putString } from './avro-bytes.js';
import type { PacketOrigin } from './packet-block.js';

/** Longest name of a node, interface, file or timeline, bytes of UTF-8; longer ones are cut. */
export const ORIGIN_STRING_MAX = 1024;

const SAMPLINGS = ['none', 'packet', 'flow'] as const;

/** The bytes of the fields `captureNode` to `samplingRate`: equal for every batch of an origin. */
const originBytes = new WeakMap<PacketOrigin, Buffer>();

export function encodeOrigin(origin: PacketOrigin): Buffer {
  let bytes = originBytes.get(origin);
  if (bytes === undefined) {
    const target = Buffer.allocUnsafe(3 * (ORIGIN_STRING_MAX + LONG_BYTES_MAX) + 3 * LONG_BYTES_MAX);
    let at = putString(target, 0, origin.captureNode, ORIGIN_STRING_MAX);
    at = putString(target, at, origin.interface, ORIGIN_STRING_MAX);
    at = putInt(target, at, origin.linkType);
    at = putString(target, at, origin.timeline, ORIGIN_STRING_MAX);
    at = putInt(target, at, SAMPLINGS.indexOf(origin.sampling));
    at = putLong(target, at, origin.samplingRate);
    bytes = Buffer.from(target.subarray(0, at));
    originBytes.set(origin, bytes);
  }
  return bytes;
}

/** How many are kept: more than any fleet has, so that forged ones cannot fill the memory. */
const ORIGINS_MAX = 4096;
const origins = new Map<string, PacketOrigin>();
let lastOrigin: PacketOrigin | null = null;
let lastOriginBytes = Buffer.alloc(0);

/** The same object for the same bytes: blocks compare origins by identity. */
export function readOrigin(from: AvroReader): PacketOrigin {
  const { bytes, at, end } = from;
  const known = lastOriginBytes.length;
  if (lastOrigin !== null && end - at >= known && startsWith(bytes, at, lastOriginBytes)) {
    from.at = at + known;
    return lastOrigin;
  }
  const read: PacketOrigin = {
    captureNode: from.string(ORIGIN_STRING_MAX),
    interface: from.string(ORIGIN_STRING_MAX),
    linkType: from.int(),
    timeline: from.string(ORIGIN_STRING_MAX),
    sampling: readSampling(from),
    samplingRate: from.long(),
  };
  if (read.samplingRate < 1) from.fail('invalid');
  if (from.fault !== null) return read;
  const text = bytes.toString('latin1', at, from.at);
  let origin = origins.get(text);
  if (origin === undefined) {
    if (origins.size >= ORIGINS_MAX) origins.clear();
    origin = read;
    origins.set(text, origin);
  }
  lastOrigin = origin;
  lastOriginBytes = Buffer.from(bytes.subarray(at, from.at));
  return origin;
}

/** Of so few bytes a loop is faster than a call of Buffer's. */
function startsWith(bytes: Buffer, at: number, start: Buffer): boolean {
  for (let index = 0; index < start.length; index++) if (bytes[at + index] !== start[index]) return false;
  return true;
}

function readSampling(from: AvroReader): PacketOrigin['sampling'] {
  const sampling = SAMPLINGS[from.int()];
  if (sampling === undefined) from.fail('invalid');
  return sampling ?? 'none';
}
