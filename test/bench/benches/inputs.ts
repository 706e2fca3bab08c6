/** How fast the generator makes the inputs: what it cannot make, nothing can be measured with. */

import { trafficChunks } from '../../support/traffic.js';
import type { Bench } from '../bench.js';
import type { Figure } from '../figure.js';
import { INPUT_KINDS, type InputName } from '../inputs.js';

const PACKETS_MAX = 500_000;

export const inputs: Bench = {
  name: 'inputs',
  summary: 'the seeded generators of traffic',
  needsServers: false,
  async run({ scale }) {
    const figures: Figure[] = [];
    const packets = Math.min(scale.packets, PACKETS_MAX);
    for (const name of Object.keys(INPUT_KINDS) as InputName[]) {
      const { script, snapLength, summary } = INPUT_KINDS[name];
      const startedAt = performance.now();
      const chunks = trafficChunks(script(), { maxPackets: packets, snapLength });
      let bytes = 0;
      for (const chunk of chunks) bytes += chunk.length;
      const seconds = (performance.now() - startedAt) / 1000;
      figures.push({
        name: `inputs-${name}`,
        value: packets / seconds,
        unit: 'packets/s',
        better: 'higher',
        note: `${summary}; ${Math.round(bytes / packets)} bytes of capture a packet, in memory.`,
      });
    }
    return figures;
  },
};
