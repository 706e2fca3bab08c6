/**
 * What every packet of a batch shares (`captureNode` to `samplingRate`, and from schema 2 on `site`) between objects and Avro. The few origins of a
 * fleet recur in every record, so their bytes and objects are kept.
 */
import { type AvroReader, LONG_BYTES_MAX, putInt, putLong, putString } from './avro-bytes.js';
import type { PacketOrigin } from './packet-block.js';

/** Longest name of a node, interface, file or timeline, bytes of UTF-8; longer ones are cut. */
export const ORIGIN_STRING_MAX = 1024;

const SAMPLINGS = ['none', 'packet', 'flow'] as const;

/** The bytes of the fields `captureNode` to `site`: equal for every batch of an origin. */
const originBytes = new WeakMap<PacketOrigin, Buffer>();

export function encodeOrigin(origin: PacketOrigin): Buffer {
  let bytes = originBytes.get(origin);
  if (bytes === undefined) {
    const target = Buffer.allocUnsafe(4 * (ORIGIN_STRING_MAX + LONG_BYTES_MAX) + 3 * LONG_BYTES_MAX);
    let at = putString(target, 0, origin.captureNode, ORIGIN_STRING_MAX);
    at = putString(target, at, origin.interface, ORIGIN_STRING_MAX);
    at = putInt(target, at, origin.linkType);
    at = putString(target, at, origin.timeline, ORIGIN_STRING_MAX);
    at = putInt(target, at, SAMPLINGS.indexOf(origin.sampling));
    at = putLong(target, at, origin.samplingRate);
    at = putString(target, at, origin.site ?? '', ORIGIN_STRING_MAX);
    bytes = Buffer.from(target.subarray(0, at));
    originBytes.set(origin, bytes);
  }
  return bytes;
}

/** How many are kept: more than any fleet has, so that forged ones cannot fill the memory. */
const ORIGINS_MAX = 4096;

/** Reads origins of one schema. */
class OriginReader {
  private readonly origins = new Map<string, PacketOrigin>();
  private last: PacketOrigin | null = null;
  private lastBytes = Buffer.alloc(0);

  constructor(private readonly hasSite: boolean) {}

  read(from: AvroReader): PacketOrigin {
    const { bytes, at, end } = from;
    const known = this.lastBytes.length;
    if (this.last !== null && end - at >= known && startsWith(bytes, at, this.lastBytes)) {
      from.at = at + known;
      return this.last;
    }
    const read: PacketOrigin = {
      captureNode: from.string(ORIGIN_STRING_MAX),
      interface: from.string(ORIGIN_STRING_MAX),
      linkType: from.int(),
      timeline: from.string(ORIGIN_STRING_MAX),
      sampling: readSampling(from),
      samplingRate: from.long(),
      site: this.hasSite ? from.string(ORIGIN_STRING_MAX) : '',
    };
    if (read.samplingRate < 1) from.fail('invalid');
    if (from.fault !== null) return read;
    const text = bytes.toString('latin1', at, from.at);
    let origin = this.origins.get(text);
    if (origin === undefined) {
      if (this.origins.size >= ORIGINS_MAX) this.origins.clear();
      origin = read;
      this.origins.set(text, origin);
    }
    this.last = origin;
    this.lastBytes = Buffer.from(bytes.subarray(at, from.at));
    return origin;
  }
}

const newest = new OriginReader(true);
const ofSchema1 = new OriginReader(false);

/** The same object for the same bytes: blocks compare origins by identity. */
export function readOrigin(from: AvroReader): PacketOrigin {
  return newest.read(from);
}

/** As schema 1 has it, which knows no site. */
export function readOrigin1(from: AvroReader): PacketOrigin {
  return ofSchema1.read(from);
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
