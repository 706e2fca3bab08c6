/**
 * Keeps the busiest keys of a bucket and puts the rest in one row, so that the number of rows is bounded whatever the
 * traffic (a flood with spoofed sources has a source a packet), and they still add up to the total.
 */
import type { TallyTable } from './tally-table.js';

export interface Tally {
  packets: number;
  bytes: number;
}

export interface BoundedChange {
  /** What to add to the rows of these keys, which are in the table or come in now. */
  readonly additions: Map<number, Tally>;
  /** Keys whose rows go; what they held is in `rest`. */
  readonly removals: number[];
  /** What to add to the row of the rest. */
  readonly rest: Tally;
}

/**
 * @param stored the rows in the table, without that of the rest; at most `limit`, unless the limit was lowered.
 * @param added what has come since.
 *
 * A key that is not in the table takes a free place, or that of the stored key with the fewest packets if it has more
 * (the replacement of Space-Saving, Metwally et al. 2005, but without inheriting the count: what is stored is never too high).
 */
export function boundKeys(stored: ReadonlyMap<number, Tally>, added: TallyTable, limit: number): BoundedChange {
  const additions = new Map<number, Tally>();
  const removals: number[] = [];
  const rest: Tally = { packets: 0, bytes: 0 };
  const isStored = new Uint8Array(added.size);
  const evictable: [number, Tally][] = [];
  for (const known of stored) {
    const entry = added.find(known[0]);
    if (entry < 0) {
      evictable.push(known);
    } else {
      isStored[entry] = 1;
      additions.set(known[0], tallyOf(added, entry));
    }
  }
  evictable.sort(([, a], [, b]) => a.packets - b.packets);
  let free = limit - stored.size;
  let nextEvicted = 0;
  for (const entry of busiestNewcomers(added, isStored, limit, rest)) {
    const tally = tallyOf(added, entry);
    const least = evictable[nextEvicted];
    if (free > 0) {
      free--;
      additions.set(added.keys[entry]!, tally);
    } else if (least !== undefined && tally.packets > least[1].packets) {
      nextEvicted++;
      removals.push(least[0]);
      addTo(rest, least[1]);
      additions.set(added.keys[entry]!, tally);
    } else {
      addTo(rest, tally);
    }
  }
  return { additions, removals, rest };
}

/**
 * The entries that are not stored, busiest first and as they came where they are as busy; those beyond the limit, which
 * have no chance, are counted in `rest`. There may be a hundred thousand of them, so they are not all sorted.
 */
function busiestNewcomers(added: TallyTable, isStored: Uint8Array, limit: number, rest: Tally): number[] {
  const { packets, bytes, size } = added;
  const candidates: number[] = [];
  /** As busy as this an entry is only when it came before enough others that are. */
  let floor = Number.NEGATIVE_INFINITY;
  const cut = (): void => {
    candidates.sort((a, b) => packets[b]! - packets[a]! || a - b);
    while (candidates.length > limit) addTo(rest, tallyOf(added, candidates.pop()!));
    if (candidates.length === limit && limit > 0) floor = packets[candidates[limit - 1]!]!;
  };
  for (let entry = 0; entry < size; entry++) {
    if (isStored[entry] === 1) continue;
    if (packets[entry]! > floor) {
      candidates.push(entry);
      if (candidates.length === 4 * limit) cut();
    } else {
      rest.packets += packets[entry]!;
      rest.bytes += bytes[entry]!;
    }
  }
  cut();
  return candidates;
}

function tallyOf({ packets, bytes }: TallyTable, entry: number): Tally {
  return { packets: packets[entry]!, bytes: bytes[entry]! };
}

function addTo(sum: Tally, { packets, bytes }: Tally): void {
  sum.packets += packets;
  sum.bytes += bytes;
}
