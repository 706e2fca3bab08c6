import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AssignmentMember, assignPartitions } from '../../../processors/worker/partition-assignment.js';

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function owners(shares: ReadonlyMap<string, readonly number[]>): Map<number, string> {
  return new Map([...shares].flatMap(([member, share]) => share.map((partition) => [partition, member] as const)));
}

describe('assignPartitions', () => {
  it('shares a fresh topic out evenly', () => {
    const shares = assignPartitions(range(7), [
      { memberId: 'b', owned: [] },
      { memberId: 'a', owned: [] },
    ]);
    expect(shares.get('a')).toEqual([0, 1, 2, 3]);
    expect(shares.get('b')).toEqual([4, 5, 6]);
  });

  it('moves only what a newcomer needs', () => {
    const before: AssignmentMember[] = [
      { memberId: 'a', owned: [0, 2, 4] },
      { memberId: 'b', owned: [1, 3, 5] },
    ];
    const after = owners(assignPartitions(range(6), [...before, { memberId: 'c', owned: [] }]));
    const moved = before.flatMap(({ memberId, owned }) =>
      owned.filter((partition) => after.get(partition) !== memberId),
    );
    expect(moved).toHaveLength(2);
  });

  it('moves only what a member left behind', () => {
    const shares = assignPartitions(range(6), [
      { memberId: 'a', owned: [0, 1] },
      { memberId: 'c', owned: [4, 5] },
    ]);
    expect(shares.get('a')).toEqual([0, 1, 2]);
    expect(shares.get('c')).toEqual([4, 5, 3]);
  });

  it('leaves a balanced group alone although who has one more is by chance', () => {
    const members = [
      { memberId: 'a', owned: [0] },
      { memberId: 'b', owned: [1, 2] },
    ];
    const shares = assignPartitions(range(3), members);
    for (const { memberId, owned } of members) expect(shares.get(memberId)).toEqual(owned);
  });

  it('gives every partition to exactly one member, evenly, whatever members claim', () => {
    const members = fc.uniqueArray(
      fc.record({ memberId: fc.string(), owned: fc.array(fc.integer({ min: -2, max: 40 })) }),
      { selector: ({ memberId }) => memberId, minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32 }), members, (count, claims) => {
        const shares = assignPartitions(range(count), claims);
        expect([...shares.values()].flat().sort((a, b) => a - b)).toEqual(range(count));
        const sizes = claims.map(({ memberId }) => shares.get(memberId)!.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
