import { expect, it } from 'vitest';
import { FlushMemoryPool } from '../../../producers/publisher/flush-memory.js';

const MIB = 1024 * 1024;

it('memory is used again once everyone has released it, and not before', () => {
  const pool = new FlushMemoryPool();
  const first = pool.take(4 * MIB);
  first.share();
  first.release();
  const second = pool.take(4 * MIB);
  expect(second.bytes === first.bytes).toBe(false);
  first.release();
  const third = pool.take(4 * MIB);
  expect(third.bytes === first.bytes).toBe(true);
  second.release();
  expect(pool.take(4.4 * MIB).bytes === second.bytes).toBe(true); // somewhat more than it was made for
});

it('memory that is too small is left for others', () => {
  const pool = new FlushMemoryPool();
  const small = pool.take(MIB);
  small.release();
  const large = pool.take(8 * MIB);
  expect(large.bytes.length).toBeGreaterThanOrEqual(8 * MIB);
  expect(pool.take(MIB).bytes === small.bytes).toBe(true);
});

it('what is kept is bounded, and little of it is not kept at all', () => {
  const pool = new FlushMemoryPool();
  const taken = Array.from({ length: 20 }, () => pool.take(4 * MIB));
  for (const memory of taken) memory.release();
  const again = new Set(Array.from({ length: 20 }, () => pool.take(4 * MIB).bytes));
  const kept = taken.filter(({ bytes }) => again.has(bytes)).length;
  expect(kept).toBeGreaterThan(1);
  expect(kept * 4 * MIB).toBeLessThanOrEqual(32 * MIB);

  const little = pool.take(1000);
  little.release();
  expect(pool.take(1000).bytes === little.bytes).toBe(false);
});
