import { describe, expect, it } from 'vitest';
import { Backoff } from '../../../../sinks/deliveries/backoff.js';
import { judge, parseRetryAfter, reasonOf } from '../../../../sinks/deliveries/webhook/answer.js';

describe('judge', () => {
  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [301, 'failing'],
    [307, 'failing'],
    [400, 'refused'],
    [401, 'failing'],
    [404, 'failing'],
    [408, 'away'],
    [410, 'gone'],
    [413, 'refused'],
    [422, 'refused'],
    [429, 'away'],
    [500, 'failing'],
    [501, 'failing'],
    [502, 'away'],
    [503, 'away'],
    [504, 'away'],
    [599, 'failing'],
    [999, 'failing'],
  ] as const)('takes %i for %s', (status, verdict) => {
    expect(judge({ status, retryAfterMs: null })).toBe(verdict);
    expect(reasonOf({ status, retryAfterMs: null })).toBe(`http_${status}`);
  });

  it('takes a receiver that does not answer for away', () => {
    expect(judge({ status: null, reason: 'timeout', message: '' })).toBe('away');
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    [undefined, null],
    ['', null],
    ['soon', null],
    ['-5', null],
    ['0', 0],
    ['7', 7_000],
    ['99999999', 3_600_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['Fri, 02 Jan 2026 00:00:00 GMT', 3_600_000],
  ])('reads %j as %j ms', (text, expected) => {
    expect(parseRetryAfter(text, now)).toBe(expected);
  });
});

describe('Backoff', () => {
  it('doubles to a bound, within a quarter of jitter, and starts over after a success', () => {
    const backoff = new Backoff();
    let now = 1_000;
    for (const expected of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      backoff.fail(now, null);
      const remaining = backoff.remaining(now);
      expect(remaining).toBeGreaterThanOrEqual(expected * 0.75);
      expect(remaining).toBeLessThanOrEqual(expected * 1.25);
      expect(backoff.remaining(now + remaining)).toBe(0);
      now += remaining;
    }
    expect(backoff.failingFor(now)).toBe(now - 1_000);
    backoff.succeed();
    expect([backoff.remaining(now), backoff.failingFor(now)]).toEqual([0, 0]);
    backoff.fail(now, null);
    expect(backoff.remaining(now)).toBeLessThanOrEqual(625);
  });

  it('waits as long as the receiver asks, and not less than it would itself', () => {
    const backoff = new Backoff();
    backoff.fail(0, 20_000);
    expect(backoff.remaining(0)).toBe(20_000);
    const other = new Backoff();
    other.fail(0, 0);
    expect(other.remaining(0)).toBeGreaterThanOrEqual(375);
  });
});
