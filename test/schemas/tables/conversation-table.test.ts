import { describe, expect, it } from 'vitest';
import { communityIdOf, idsOfCommunity } from '../../../schemas/tables/conversation-table.js';

describe('a Community ID', () => {
  it('is half of the id, and refused when it is none', () => {
    const community = communityIdOf('128.232.110.120', '66.35.250.204', 34_855, 80, 6);
    expect(community).toBe('1:LQU9qZlK+B5F3KDmev6m5PMibrg=');
    const ids = idsOfCommunity(community)!;
    expect(ids.greatest - ids.least).toBe(0xffffffffn);
    expect(BigInt.asUintN(64, ids.least) >> 32n).toBe(0x2d053da9n);
    for (const text of ['', '1:abc', '2:LQU9qZlK+B5F3KDmev6m5PMibrg=']) expect(idsOfCommunity(text)).toBeNull();
  });
});
