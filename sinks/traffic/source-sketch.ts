/**
 * How many distinct sources there were, in 1.5 KB whatever their number, mergeable by OR: probabilistic counting with
 * stochastic averaging (Flajolet and Martin, 1985). 512 registers of 24 bits; the function distinct_sources of the
 * database makes the estimate. Sketches are stored, so hash and layout never change.
 */
export const SKETCH_BYTES = 1536;
const REGISTERS = 512;
const REGISTER_BITS = 24;

/** The bit that a source sets, given as the bytes `text[0 … length)` of its text. */
export function sketchBitOf(text: Uint8Array, length: number): number {
  let low = 0x811c9dc5; // FNV-1a
  let high = 0x9747b28c;
  for (let i = 0; i < length; i++) {
    const code = text[i]!;
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995);
    high ^= high >>> 15;
  }
  const register = finish(low) % REGISTERS;
  const rank = Math.min(REGISTER_BITS - 1, 31 - Math.clz32(lowestBit(finish(high ^ Math.imul(low, 0x85ebca6b)))));
  return register * REGISTER_BITS + rank;
}

/** Bit i of the sketch is bit 7 - i % 8 of byte i / 8, as the bit strings of Postgres count. */
export function addToSketch(sketch: Uint8Array, bit: number): void {
  sketch[bit >>> 3]! |= 0x80 >>> (bit & 7);
}

/** The finalizer of MurmurHash3; an unsigned number. */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The lowest set bit alone, unsigned; the highest bit when none is set. */
function lowestBit(value: number): number {
  return value === 0 ? 0x80000000 : (value & -value) >>> 0;
}

/** As an input of the type bit: "x1f…". */
export function sketchLiteral(sketch: Uint8Array): string {
  return `x${Buffer.from(sketch.buffer, sketch.byteOffset, sketch.byteLength).toString('hex')}`;
}
