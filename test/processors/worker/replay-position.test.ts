import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CAPTURE_NODE_IDLE_MS, ReplayPosition } from '../../../processors/worker/replay-position.js';

const SECOND = 1_000_000;
const SPAN = 65 * SECOND;
const LIVE = '';

describe('ReplayPosition', () => {
  it('begins where reading began while the stream is shorter than the span', () => {
    const position = new ReplayPosition(100, SPAN);
    for (let second = 0; second < 60; second++) position.observe(100 + second, LIVE, 'a', second * SECOND, false, 0);
    expect(position.replayFrom()).toBe(100);
  });

  it('moves along with live traffic, a span and an eighth behind at most', () => {
    const position = new ReplayPosition(0, SPAN);
    for (let second = 0; second < 1_000; second++) position.observe(second, LIVE, 'a', second * SECOND, false, 0);
    const from = position.replayFrom();
    expect(from).toBeLessThan(1_000 - 65);
    expect(from).toBeGreaterThan(1_000 - 65 - 65 / 4);
  });

  it('waits for the capture node that is farthest behind', () => {
    const position = new ReplayPosition(0, SPAN);
    let offset = 0;
    for (let second = 0; second < 300; second++) {
      position.observe(offset++, LIVE, 'prompt', 10_000 * SECOND + second * SECOND, false, 0);
      // Empties its spool slower than time goes by.
      position.observe(offset++, LIVE, 'spooling', (second / 10) * SECOND, false, 0);
    }
    expect(position.replayFrom()).toBeLessThanOrEqual(1);
  });

  it('trusts a replay by its ticks alone, since packets come source by source', () => {
    const position = new ReplayPosition(0, SPAN);
    for (let offset = 0; offset < 500; offset++) position.observe(offset, 'replay-1', 'a', offset * SECOND, false, 0);
    expect(position.replayFrom()).toBe(0);
    position.observe(500, 'replay-1', 'a', 400 * SECOND, true, 0);
    const from = position.replayFrom();
    expect(from).toBeGreaterThan(300);
    expect(from).toBeLessThan(400 - 65 + 1);
  });

  it('is not held back by a timeline that has ended', () => {
    const position = new ReplayPosition(0, SPAN);
    position.observe(0, 'replay-1', 'a', 5 * SECOND, false, 0);
    for (let second = 0; second < 500; second++) position.observe(1 + second, LIVE, 'a', second * SECOND, false, 0);
    expect(position.replayFrom()).toBe(0);
    position.end('replay-1');
    expect(position.replayFrom()).toBeGreaterThan(300);
  });

  it('gives up nodes that fell silent, and ends a replay with its last node', () => {
    const position = new ReplayPosition(0, SPAN);
    const silence = CAPTURE_NODE_IDLE_MS + 1;
    position.observe(0, 'replay-1', 'a', 5 * SECOND, false, 1_000);
    position.observe(1, LIVE, 'gone', 0, false, 1_000);
    expect(position.observe(2, LIVE, 'a', 0, false, 2_000)).toEqual([]);
    expect(position.observe(3, LIVE, 'a', 400 * SECOND, false, 1_000 + silence)).toEqual([
      { timeline: 'replay-1', newest: 5 * SECOND },
    ]);
    position.observe(4, LIVE, 'a', 500 * SECOND, false, 2_000 + silence);
    expect(position.replayFrom()).toBeGreaterThan(2);
  });

  it('never leaves out a packet that a window could still hold', () => {
    const record = fc.record({
      timeline: fc.constantFrom(LIVE, 'replay'),
      node: fc.constantFrom('a', 'b', 'c'),
      step: fc.integer({ min: 0, max: 30 }),
      isTick: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 400 }), (records) => {
        const position = new ReplayPosition(0, SPAN);
        const clocks = new Map<string, number>();
        const seen: { key: string; offset: number; time: number; isTick: boolean; live: boolean }[] = [];
        records.forEach(({ timeline, node, step, isTick }, offset) => {
          const key = `${timeline}/${node}`;
          const time = (clocks.get(key) ?? 0) + step * SECOND;
          clocks.set(key, time);
          position.observe(offset, timeline, node, time, isTick, 0);
          seen.push({ key, offset, time, isTick, live: timeline === LIVE });
          const from = position.replayFrom();
          for (const packet of seen) {
            if (packet.isTick || packet.offset >= from) continue;
            const later = seen.filter((other) => other.key === packet.key && (other.live || other.isTick));
            const watermark = Math.max(...later.map((other) => other.time));
            expect(packet.time).toBeLessThan(watermark - SPAN);
          }
        });
      }),
      { numRuns: 50 },
    );
  });

  it('keeps few checkpoints however long the stream stands still', () => {
    const position = new ReplayPosition(0, SPAN);
    for (let offset = 0; offset < 100_000; offset++) position.observe(offset, 'replay', 'a', offset * SPAN, false, 0);
    expect((position as unknown as { checkpoints: unknown[] }).checkpoints.length).toBeLessThan(100);
  });
});
