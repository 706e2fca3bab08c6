import { describe, expect, it } from 'vitest';
import { boundTallies, type ConversationTally, REST } from '../../../sinks/conversations/conversation-rollup.js';

const tally = (bytes: number, conversations = 1): ConversationTally => ({ conversations, packets: 2, bytes });
const sum = (tallies: Iterable<ConversationTally>): number =>
  [...tallies].reduce((total, { bytes }) => total + bytes, 0);

describe('boundTallies', () => {
  it('adds to what is there while there is room', () => {
    const { additions, removals } = boundTallies(
      new Map([['a', tally(1)]]),
      new Map([
        ['a', tally(2)],
        ['b', tally(3)],
      ]),
      2,
    );
    expect(additions).toEqual(
      new Map([
        ['a', tally(2)],
        ['b', tally(3)],
      ]),
    );
    expect(removals).toEqual([]);
  });

  it('puts the least in the row of the rest, with what they held, so that nothing is lost', () => {
    const stored = new Map([
      ['a', tally(10)],
      ['b', tally(1)],
    ]);
    const added = new Map([
      ['c', tally(5)],
      ['d', tally(2)],
      [REST, tally(7, 4)],
    ]);
    const { additions, removals } = boundTallies(stored, added, 2);
    expect(removals).toEqual(['b']);
    expect(additions.get('c')).toEqual(tally(5));
    expect(additions.get(REST)).toEqual({ conversations: 6, packets: 6, bytes: 10 });
    expect(sum(additions.values())).toBe(sum(added.values()) + 1);
  });

  it('keeps a name that is there before a newcomer with as many bytes', () => {
    const { additions, removals } = boundTallies(new Map([['a', tally(5)]]), new Map([['b', tally(5)]]), 1);
    expect(removals).toEqual([]);
    expect([...additions.keys()]).toEqual([REST]);
  });
});
