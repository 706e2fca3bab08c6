import { describe, expect, it } from 'vitest';
import { communityIdOf, idsOfCommunity } from '../../../schemas/tables/conversation-table.js';

describe('Community ID 1.0', () => {
  // From the baselines of https://github.com/corelight/community-id-spec
  it.each([
    ['128.232.110.120', '66.35.250.204', 34_855, 80, 6, '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
    ['66.35.250.204', '128.232.110.120', 80, 34_855, 6, '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
    ['192.168.1.52', '8.8.8.8', 54_585, 53, 17, '1:d/FP5EW3wiY1vCndhwleRRKHowQ='],
    ['192.168.0.89', '192.168.0.1', 8, 0, 1, '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
    ['192.168.0.1', '192.168.0.89', 0, 0, 1, '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
  ])('%s %s %i %i %i', (originator, responder, originatorPort, responderPort, protocol, expected) => {
    expect(communityIdOf(originator, responder, originatorPort, responderPort, protocol)).toBe(expected);
  });

  it('is half of the id, and refused when it is none', () => {
    const ids = idsOfCommunity('1:LQU9qZlK+B5F3KDmev6m5PMibrg=')!;
    expect(ids.greatest - ids.least).toBe(0xffffffffn);
    expect(BigInt.asUintN(64, ids.least) >> 32n).toBe(0x2d053da9n);
    for (const text of ['', '1:abc', '2:LQU9qZlK+B5F3KDmev6m5PMibrg=']) expect(idsOfCommunity(text)).toBeNull();
  });
});
