import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowGroups } from '../../producers/row-groups.js';
import { formatSource } from '../../schemas/address.js';
import { PacketBlock, type PacketOrigin } from '../../schemas/packet-block.js';

const ORIGINS: readonly PacketOrigin[] = ['eth0', 'eth1'].map((name) => ({
  captureNode: 'node',
  interface: name,
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
}));

interface Row {
  readonly kind: number;
  readonly address: number;
  readonly origin: number;
}

// Few addresses, so that sources recur, and IPv6 addresses and MACs that differ in one byte only.
const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(0, 4, 6, 48),
    address: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 0xffffffff })),
    origin: fc.integer({ min: 0, max: 1 }),
  }),
  { maxLength: 200 },
);

function fill(block: PacketBlock, given: readonly Row[]): void {
  block.reset();
  for (const { kind, address, origin } of given) {
    const row = block.addRow();
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(address, 2);
    block.origin[row] = block.originIndex(ORIGINS[origin]!);
    block.sourceKind[row] = kind;
    block.sourceAddress[row] = kind === 6 ? block.addIpv6(bytes, 0) : address;
    block.macs.set(bytes.subarray(0, 6), row * 12);
  }
}

/** The grouping by a Map of text: source and origin to rows. */
function expected(block: PacketBlock): number[][] {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < block.count; row++) {
    if (block.sourceKind[row] === 0) continue;
    const name = `${formatSource(block, row)}|${block.origin[row]}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups.values()];
}

function found(groups: RowGroups): number[][] {
  return Array.from({ length: groups.count }, (_, group) => [
    ...groups.rows.subarray(groups.starts[group], groups.starts[group + 1]),
  ]);
}

describe('RowGroups', () => {
  it('groups by source and origin, in the order of the block, block after block', () => {
    const block = new PacketBlock(200);
    const groups = new RowGroups(200);
    fc.assert(
      fc.property(rows, (given) => {
        fill(block, given);
        groups.group(block);
        expect(found(groups)).toEqual(expected(block));
        expect(groups.sourceless).toBe(given.filter(({ kind }) => kind === 0).length);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a full block of as many sources', () => {
    const block = new PacketBlock(5000);
    const groups = new RowGroups(5000);
    for (let round = 0; round < 2; round++) {
      fill(
        block,
        Array.from({ length: 5000 }, (_, address) => ({ kind: 4, address: address * 65_536, origin: 0 })),
      );
      groups.group(block);
      expect(groups.count).toBe(5000);
      expect(found(groups).map(([row]) => row)).toEqual(Array.from({ length: 5000 }, (_, row) => row));
    }
  });
});
