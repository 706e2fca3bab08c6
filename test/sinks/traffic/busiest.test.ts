import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundKeys, type Tally } from '../../../sinks/traffic/busiest.js';
import { TallyTable } from '../../../sinks/traffic/tally-table.js';

const tally = (packets: number): Tally => ({ packets, bytes: packets * 100 });
const tallies = fc
  .uniqueArray(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 })), { selector: ([key]) => key })
  .map((counts) => new Map(counts.map(([key, packets]) => [key, tally(packets)])));

function tableOf(tallies: ReadonlyMap<number, Tally>): TallyTable {
  const table = new TallyTable();
  for (const [key, { packets, bytes }] of tallies) table.add(key, packets, bytes);
  return table;
}

/** Applies a change as the table does. */
function apply(stored: ReadonlyMap<number, Tally>, added: ReadonlyMap<number, Tally>, limit: number) {
  const change = boundKeys(stored, tableOf(added), limit);
  const after = new Map([...stored].map(([key, { packets, bytes }]) => [key, { packets, bytes }]));
  for (const key of change.removals) after.delete(key);
  for (const [key, { packets, bytes }] of change.additions) {
    const sum = after.get(key) ?? { packets: 0, bytes: 0 };
    after.set(key, { packets: sum.packets + packets, bytes: sum.bytes + bytes });
  }
  return { after, rest: change.rest };
}

const packetsOf = (keys: ReadonlyMap<number, Tally>): number =>
  [...keys.values()].reduce((sum, { packets }) => sum + packets, 0);

describe('boundKeys', () => {
  it('never holds more keys than the limit, and loses no packet', () => {
    fc.assert(
      fc.property(fc.array(tallies, { maxLength: 20 }), fc.integer({ min: 1, max: 6 }), (batches, limit) => {
        let stored: ReadonlyMap<number, Tally> = new Map();
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

  it('lets in the busiest of many newcomers, of those as busy the first', () => {
    fc.assert(
      fc.property(tallies, fc.integer({ min: 0, max: 4 }), (added, limit) => {
        const busiest = [...added].sort(([, a], [, b]) => b.packets - a.packets).slice(0, limit);
        expect(boundKeys(new Map(), tableOf(added), limit).additions).toEqual(new Map(busiest));
      }),
    );
  });

  it('lets a busier newcomer take the place of the least', () => {
    const stored = new Map([
      [1, tally(10)],
      [2, tally(3)],
    ]);
    expect(boundKeys(stored, tableOf(new Map([[3, tally(4)]])), 2)).toEqual({
      additions: new Map([[3, tally(4)]]),
      removals: [2],
      rest: tally(3),
    });
    expect(boundKeys(stored, tableOf(new Map([[3, tally(3)]])), 2)).toEqual({
      additions: new Map(),
      removals: [],
      rest: tally(3),
    });
  });

  it('keeps a key that was just seen, however few its packets', () => {
    const stored = new Map([
      [1, tally(10)],
      [2, tally(1)],
    ]);
    const added = new Map([
      [2, tally(1)],
      [3, tally(5)],
    ]);
    expect(boundKeys(stored, tableOf(added), 2).removals).toEqual([]);
  });
});
