/** Many sources that try a few ports each of one host: together a scan, alone none. */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { sourcesOf } from './received-rows.js';

const TCP = 6;

interface Scanned {
  readonly ports: WindowedSet<number>;
  readonly sources: WindowedSet<string>;
}

export const distributedScan = defineWatcher<Scanned>()({
  id: 'distributed-scan',
  version: '1',
  name: 'Distributed scan',
  summary: 'Many sources try many ports of one host within the window, and are not answered.',
  techniques: [{ id: 'T1046', name: 'Network Service Discovery' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'target',
  received: true,
  durable: true,
  counts: 'ports tried without an answer',
  threshold: {
    default: 30,
    minimum: 5,
    maximum: 1000,
    help: 'ports; what the background of the internet tries at an exposed host in five minutes stays below',
  },
  windowSeconds: { default: 300, minimum: 10, maximum: 3600, help: 'length of the window' },
  options: {
    minimumSources: { kind: 'integer', default: 10, minimum: 2, maximum: 1000, help: 'distinct sources' },
    portsPerSource: {
      kind: 'integer',
      default: 10,
      minimum: 1,
      maximum: 1000,
      help: 'ports for each source at most; one that tries more is a scan of its own (port-scan)',
    },
  },
  createWatcher: ({ minimumSources, portsPerSource }, { windowMicros, threshold }) => ({
    newState: () => ({
      ports: new WindowedSet<number>(windowMicros, 8 * threshold),
      sources: new WindowedSet<string>(windowMicros, 8 * threshold),
    }),
    received(block, row, watch) {
      if (block.ipProtocol[row] !== TCP || block.attempts[row] === 0) return;
      if (block.answered[row]! > 0) return;
      const state = watch.target();
      const ports = state.ports.add(watch.time, block.port[row]!);
      let named = '';
      for (const source of sourcesOf(block, row)) {
        state.sources.add(watch.time, source);
        named = source;
      }
      const sources = state.sources.advance(watch.time);
      const isSpread = sources >= minimumSources && ports <= portsPerSource * sources;
      watch.measure(isSpread ? ports : 0, named, block.port[row]!, block.attempts[row]!);
    },
    describe: ({ source, targets }, { ports }) => ({
      message: `${counted(targets, 'source')} try ${ports.size} ports of ${source}`,
      details: { ports: ports.size },
    }),
    save: ({ ports, sources }) => (ports.size < 5 ? undefined : { ports: ports.entries(), sources: sources.entries() }),
    load: (value) => {
      const saved = value as { ports: [number, number][]; sources: [string, number][] };
      return {
        ports: new WindowedSet<number>(windowMicros, 8 * threshold).restore(saved.ports),
        sources: new WindowedSet<string>(windowMicros, 8 * threshold).restore(saved.sources),
      };
    },
    bytes: ({ ports, sources }) => 500 + 50 * (ports.size + sources.size),
  }),
});
