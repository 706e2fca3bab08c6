/** Structured mutation: frames that look right until a decoder looks closer. Seeded, so that a finding can be repeated. */
import { LINK_NAMES } from '../../../producers/decoding/link.js';
import type { Random } from '../../support/random.js';

export interface MutatedFrame {
  readonly linkType: number;
  readonly bytes: Buffer;
  readonly frameLength: number;
}

interface Seed {
  readonly linkType: number;
  readonly bytes: Buffer;
}

const LINK_TYPES = Object.keys(LINK_NAMES).map(Number);
/** Values that sit at the limits of fields. */
const BOUNDARY_BYTES = [0x00, 0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0f, 0x40, 0x45, 0x60, 0x7f, 0x80, 0xaa, 0xff];
/** EtherTypes and protocols that lead somewhere, to be written over two bytes or one. */
const ETHER_TYPES = [
  0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300, 0x8847, 0x8848, 0x8864, 0x88e5, 0x88e7, 0x8903,
  0x8926, 0x894f, 0xd28b, 0x0004, 0x0026, 0x6558, 0x880b, 0x88be, 0x22eb, 0x8200, 0x893f,
];
const PROTOCOLS = [0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60, 132];

/** One to four mutations of a frame, and now and then another link type or wire length. */
export function mutate(seeds: readonly Seed[], random: Random): MutatedFrame {
  const seed = random.pick(seeds);
  let bytes: Buffer = Buffer.from(seed.bytes);
  for (let count = random.between(1, 4); count > 0; count--) bytes = mutateOnce(bytes, seeds, random);
  const linkType = random.below(16) === 0 ? random.pick(LINK_TYPES) : seed.linkType;
  const frameLength = random.below(4) === 0 ? bytes.length + random.below(2000) : bytes.length;
  return { linkType, bytes, frameLength };
}

function mutateOnce(bytes: Buffer, seeds: readonly Seed[], random: Random): Buffer {
  if (bytes.length === 0) return Buffer.from(random.pick(seeds).bytes);
  const at = random.below(bytes.length);
  switch (random.below(9)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 2:
      bytes[at] = random.pick(BOUNDARY_BYTES);
      return bytes;
    case 3:
      bytes[at] = random.below(256);
      return bytes;
    case 4:
      if (at + 2 <= bytes.length) bytes.writeUInt16BE(random.pick(ETHER_TYPES), at);
      return bytes;
    case 5:
      bytes[at] = random.pick(PROTOCOLS);
      return bytes;
    case 6: {
      // A piece of another frame from here on: headers in places where others were.
      const other = random.pick(seeds).bytes;
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length))]);
    }
    case 7: {
      // A piece of itself once more: stacks of tags, labels, extension headers and tunnels.
      const length = random.between(1, Math.min(64, bytes.length - at));
      const piece = bytes.subarray(at, at + length);
      const copies = Array.from({ length: random.between(1, 12) }, () => piece);
      return Buffer.concat([bytes.subarray(0, at), ...copies, bytes.subarray(at)]);
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + random.between(1, 16)))]);
  }
}
