/** A worker's memory with a million active sources. */
import type { Bench } from '../bench.js';
import { provideInput } from '../inputs.js';
import { freePort, readMetric } from '../metrics.js';
import { followStage, Pipeline } from '../pipeline.js';
import { residentPeakBytes } from '../process-meter.js';

const SOURCES = 1_000_000;

export const memory: Bench = {
  name: 'memory',
  summary: 'memory of a worker with 1,000,000 active sources',
  needsServers: true,
  async run(context) {
    const { scale } = context;
    // All within one window of 60 s, each from an address of its own, each counting towards every detection of SYNs.
    const input = provideInput(context, 'spoofed', scale.quick ? 50_000 : SOURCES);
    const pipeline = await Pipeline.create(context);
    try {
      const { published } = await pipeline.publish([input.path]);
      const ends = await pipeline.ends();
      const port = await freePort();
      const worker = await pipeline.start(['process', `--metrics-port=${port}`]);
      const idle = residentPeakBytes(worker.pid);
      await worker.during(followStage(() => pipeline.processed(ends)));
      const peak = residentPeakBytes(worker.pid);
      const sources = await readMetric(port, 'nta_process_sources');
      const evicted = await readMetric(port, 'nta_process_evictions_total');
      const note = `Most resident memory of nta process with one worker and the default --state-budget, after ${published.toLocaleString('en-US')} SYNs within 60 s of capture time, each from a random address: ${sources.toLocaleString('en-US')} sources are held at the end, ${evicted.toLocaleString('en-US')} were forgotten for want of room. ${(idle / 2 ** 20).toFixed(0)} MiB of it before the first packet.`;
      return [
        { name: 'memory', value: peak / 2 ** 20, unit: 'MiB', better: 'lower', target: 512, note },
        {
          name: 'memory-sources-forgotten',
          value: evicted,
          unit: 'sources',
          better: 'lower',
          target: 0,
          note: 'Sources for which the budget had no room; random addresses repeat, so fewer are held than packets were sent.',
        },
      ];
    } finally {
      await pipeline.remove();
    }
  },
};
