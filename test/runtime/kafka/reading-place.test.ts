import { describe, expect, it } from 'vitest';
import { type Arrival, ReadingPlace } from '../../../runtime/kafka/reading-place.js';

const kinds = (arrivals: readonly Arrival[]): string[] => arrivals.map(({ kind }) => kind);

describe('ReadingPlace', () => {
  it('is in place where the fetch began at the position', () => {
    expect(new ReadingPlace().arrival(10, 10, 10, false)).toEqual({ kind: 'in place' });
  });

  it('goes back to the position until the records there are known to be gone', () => {
    const place = new ReadingPlace();
    const arrivals = [1, 2, 3, 4].map(() => place.arrival(10, 15, 20, false));
    expect(kinds(arrivals)).toEqual(['astray', 'astray', 'astray', 'lost']);
    expect(arrivals.at(-1)).toEqual({ kind: 'lost', records: 5 });
  });

  it('takes a gap of transactions for one once it was sent to the position', () => {
    const place = new ReadingPlace();
    expect(kinds([place.arrival(10, 15, 20, true), place.arrival(10, 15, 20, true)])).toEqual(['astray', 'in place']);
    expect(new ReadingPlace(1).arrival(10, 15, 20, true)).toEqual({ kind: 'in place' });
  });

  it('says when the log ends before the position, wherever the fetch began', () => {
    for (const fetched of [0, 5]) expect(new ReadingPlace().arrival(10, fetched, 9, false).kind).toBe('beyond the end');
    expect(new ReadingPlace().arrival(10, 0, 10, false)).toEqual({ kind: 'astray', isBefore: true });
  });
});
