import { describe, expect, it } from 'vitest';
import { LiveClocks } from '../../../processors/worker/live-clocks.js';

const SECOND = 1_000_000;

describe('LiveClocks', () => {
  it('hands on the clocks of nodes that fell silent, and of no others', () => {
    const clocks = new LiveClocks();
    clocks.observe('gone', 5 * SECOND, 1_000);
    clocks.observe('alive', 6 * SECOND, 2_000);
    expect(clocks.silent()).toEqual({});
    clocks.observe('alive', 30 * SECOND, 30_000);
    expect(clocks.silent()).toEqual({ gone: 5 * SECOND });
  });

  it('takes clocks up behind what has been seen since', () => {
    const clocks = new LiveClocks();
    clocks.observe('back', 40 * SECOND, 40_000);
    clocks.restore({ gone: 5 * SECOND, back: 4 * SECOND });
    expect(clocks.all()).toEqual({ back: 40 * SECOND, gone: 5 * SECOND });
    clocks.observe('back', 55 * SECOND, 55_000);
    expect(clocks.silent()).toEqual({ gone: 5 * SECOND });
  });

  it('forgets a node when the engine has no more use for its clock', () => {
    const clocks = new LiveClocks();
    clocks.observe('gone', 5 * SECOND, 0);
    clocks.observe('alive', 6 * SECOND, 16 * 60_000);
    expect(clocks.silent()).toEqual({});
    expect(clocks.all()).toEqual({ alive: 6 * SECOND });
  });

  it('fits the metadata of a commit however many nodes are silent', () => {
    const clocks = new LiveClocks();
    for (let node = 0; node < 1_000; node++) clocks.observe(`node-${node}`, 1.7e15 + node, node);
    clocks.observe('alive', 1.7e15, 60_000);
    const silent = clocks.silent();
    expect(JSON.stringify(silent).length).toBeLessThanOrEqual(3_000);
    expect(silent).toHaveProperty('node-999');
  });
});
