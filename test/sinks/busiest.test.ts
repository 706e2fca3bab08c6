import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundKeys } from '../../sinks/busiest.js';
import type { Tally } from '../../sinks/traffic-rollup.js';

const tally = (packets: number): Tally => ({ packets, bytes: packets * 100 });
const tallies = fc
  .dictionary(fc.constantFrom(...'abcdefghijkl'), fc.integer({ min: 1, max: 50 }))
  .map((counts) => new Map(Object.entries(counts).map(([key, packets]) => [key, tally(packets)])));

/** Applies a change as the table does. */
function apply(stored: ReadonlyMap<string, Tally>, added: ReadonlyMap<string, Tally>, limit: number) {
  const change = boundKeys(stored, added, limit);
  const after = new Map([...stored].map(([key, { packets, bytes }]) => [key, { packets, bytes }]));
  for (const key of change.removals) after.delete(key);
  for (const [key, { packets, bytes }] of change.additions) {
    const sum = after.get(key) ?? { packets: 0, bytes: 0 };
    after.set(key, { packets: sum.packets + packets, bytes: sum.bytes + bytes });
  }
  return { after, rest: change.rest };
}

const packetsOf = (keys: ReadonlyMap<string, Tally>): number =>
  [...keys.values()].reduce((sum, { packets }) => sum + packets, 0);

describe('boundKeys', () => {
  it('never holds more keys than the limit, and loses no packet', () => {
    fc.assert(
      fc.property(fc.array(tallies, { maxLength: 20 }), fc.integer({ min: 1, max: 6 }), (batches, limit) => {
        let stored: ReadonlyMap<string, Tally> = new Map();
        let rest = 0;
        let total = 0;
        for (const added of batches) {
          total += packetsOf(added);
          const step = apply(stored, added, limit);
          stored = step.after;
          rest += step.rest.packets;
          expect(step.rest.bytes).toBe(step.rest.packets * 100);
        }
        expect(stored.size).toBeLessThanOrEqual(limit);
        expect(packetsOf(stored) + rest).toBe(total);
      }),
    );
  });

  it('lets a busier newcomer take the place of the least', () => {
    const stored = new Map([
      ['a', tally(10)],
      ['b', tally(3)],
    ]);
    expect(boundKeys(stored, new Map([['c', tally(4)]]), 2)).toEqual({
      additions: new Map([['c', tally(4)]]),
      removals: ['b'],
      rest: tally(3),
    });
    expect(boundKeys(stored, new Map([['c', tally(3)]]), 2)).toEqual({
      additions: new Map(),
      removals: [],
      rest: tally(3),
    });
  });

  it('keeps a key that was just seen, however few its packets', () => {
    const stored = new Map([
      ['a', tally(10)],
      ['b', tally(1)],
    ]);
    const added = new Map([
      ['b', tally(1)],
      ['c', tally(5)],
    ]);
    expect(boundKeys(stored, added, 2).removals).toEqual([]);
  });
});
