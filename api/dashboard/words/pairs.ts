/** Lays out who talks to whom: blocks of both sides and the bands between them. Pure. */

type Unit = 'bytes' | 'packets';

export interface Pair {
  readonly originator: string;
  readonly responder: string;
  readonly bytes: number;
  readonly packets: number;
}

export interface Block {
  readonly name: string;
  readonly value: number;
  readonly top: number;
  readonly height: number;
}

interface Band {
  readonly pair: Pair;
  readonly left: number;
  readonly right: number;
  readonly height: number;
  readonly color: number;
}

const GAP = 6;
/** A line of text. */
export const ROW_MIN = 16;
const COLORS = 6;

/** Blocks of one side, the largest on top, each at least a line of text high. */
function blocksOf(
  pairs: readonly Pair[],
  side: 'originator' | 'responder',
  unit: Unit,
  scale: number,
): Map<string, Block> {
  const values = new Map<string, number>();
  for (const pair of pairs) values.set(pair[side], (values.get(pair[side]) ?? 0) + pair[unit]);
  let top = 0;
  const blocks = new Map<string, Block>();
  for (const [name, value] of [...values].sort((a, b) => b[1] - a[1])) {
    const height = Math.max(1, value * scale);
    blocks.set(name, { name, value, top, height });
    top += Math.max(height, ROW_MIN) + GAP;
  }
  return blocks;
}

const heightOf = (blocks: Map<string, Block>): number =>
  [...blocks.values()].reduce((bottom, { top, height }) => Math.max(bottom, top + Math.max(height, ROW_MIN)), 0);

export function layOut(pairs: readonly Pair[], unit: Unit, height: number) {
  const whole = pairs.reduce((sum, pair) => sum + pair[unit], 0);
  const scale = whole === 0 ? 0 : height / whole;
  const left = blocksOf(pairs, 'originator', unit, scale);
  const right = blocksOf(pairs, 'responder', unit, scale);
  const filled = new Map<string, number>();
  const place = (key: string, size: number): number => {
    const at = filled.get(key) ?? 0;
    filled.set(key, at + size);
    return at;
  };
  const names = [...left.keys()];
  const bands = pairs
    .toSorted((a, b) => b[unit] - a[unit])
    .map((pair): Band => {
      const size = pair[unit] * scale;
      return {
        pair,
        left: left.get(pair.originator)!.top + place(`from ${pair.originator}`, size),
        right: right.get(pair.responder)!.top + place(`to ${pair.responder}`, size),
        height: Math.max(1, size),
        color: (names.indexOf(pair.originator) % COLORS) + 1,
      };
    });
  return {
    left: [...left.values()],
    right: [...right.values()],
    bands,
    height: Math.max(heightOf(left), heightOf(right)),
  };
}
