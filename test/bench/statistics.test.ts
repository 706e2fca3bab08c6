import { describe, expect, it } from 'vitest';
import { median, quantile, rateOfProgress, spread } from './statistics.js';

describe('median', () => {
  it('is the middle of an odd number of samples, whatever their order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('is the mean of the middle two of an even number', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it('orders numbers as numbers, not as text', () => {
    expect(median([10, 9, 100])).toBe(10);
  });

  it('refuses nothing at all', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('quantile', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('is a value that was measured', () => {
    expect(quantile(samples, 0.5)).toBe(50);
    expect(quantile(samples, 0.99)).toBe(99);
    expect(quantile(samples, 1)).toBe(100);
    expect(quantile(samples, 0)).toBe(1);
    expect(quantile([7], 0.99)).toBe(7);
  });

  it('is the largest of few samples, never less', () => {
    expect(quantile([1, 2, 3], 0.95)).toBe(3);
  });

  it('refuses nothing at all', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('spread', () => {
  it('is the distance of the runs as a part of their median', () => {
    expect(spread([90, 100, 110])).toBeCloseTo(0.2);
    expect(spread([0, 0])).toBe(0);
  });
});

describe('rateOfProgress', () => {
  it('leaves out what comes before the first change and after the last', () => {
    const samples = [
      { at: 0, count: 0 },
      { at: 900, count: 0 },
      { at: 1_000, count: 500 },
      { at: 1_500, count: 500 },
      { at: 2_000, count: 1_500 },
      { at: 3_000, count: 2_500 },
      { at: 9_000, count: 2_500 },
    ];
    expect(rateOfProgress(samples)).toBe(1_000);
  });

  it('is unknown when all came at once', () => {
    expect(
      rateOfProgress([
        { at: 0, count: 0 },
        { at: 10, count: 100 },
      ]),
    ).toBeNull();
    expect(rateOfProgress([])).toBeNull();
  });
});
