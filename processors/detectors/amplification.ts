/**
 * Answers that nobody asked for, towards one host or spread over its network: somebody asks others in its name (DNS, NTP, CLDAP,
 * SSDP, memcached, SYN-ACK reflection).
 */
import type { UnaskedFacts } from '../../schemas/observations/observation.js';
import { networkOf } from '../../schemas/observations/party.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { sourcesOf, targetOf } from './received-rows.js';

const TCP = 6;

interface Unasked {
  readonly packets: WindowedSum;
  readonly bytes: WindowedSum;
  readonly sources: WindowedSet<string>;
  readonly targets: WindowedSet<string>;
  what: string;
  port: number;
}

function fresh(windowMicros: number): Unasked {
  return {
    packets: new WindowedSum(windowMicros),
    bytes: new WindowedSum(windowMicros),
    sources: new WindowedSet<string>(windowMicros, 64),
    targets: new WindowedSet<string>(windowMicros, 64),
    what: '',
    port: 0,
  };
}

type Answers = Pick<UnaskedFacts, 'ipProtocol' | 'port' | 'packets' | 'bytes' | 'senders'> & {
  readonly destination: string;
};

function count(state: Unasked, answers: Answers, time: number): number {
  for (const source of answers.senders) state.sources.add(time, source);
  state.targets.add(time, answers.destination);
  state.bytes.add(time, answers.bytes);
  state.what = answers.ipProtocol === TCP ? 'TCP' : 'UDP';
  state.port = answers.port;
  return state.packets.add(time, answers.packets);
}

const IDENTITY = {
  id: 'amplification',
  name: 'Amplification',
  summary:
    'A host, or a network, receives many answers within the window that it never asked for: DNS, NTP, CLDAP, SSDP, memcached, SYN-ACK reflection.',
  techniques: [{ id: 'T1498.002', name: 'Network Denial of Service: Reflection Amplification' }],
  eventTypes: ['denied'],
  severity: 4,
  counts: 'answers nobody asked for',
  windowSeconds: { default: 10, minimum: 1, maximum: 60, help: 'length of the window' },
  options: {
    minimumSources: {
      kind: 'integer',
      default: 5,
      minimum: 1,
      maximum: 10_000,
      help: 'distinct senders; one alone is a server that repeats itself, or a conversation begun before the capture',
    },
  },
} as const;

/** The same over a network of which each host gets little. */
const carpet = defineWatcher<Unasked>()({
  ...IDENTITY,
  version: '1-network',
  observations: ['unasked'],
  keyedBy: 'pair',
  threshold: { default: 400, minimum: 20, maximum: 10_000_000, help: 'answers to a network' },
  createWatcher: ({ minimumSources }, { windowMicros }) => ({
    newState: () => fresh(windowMicros),
    observation(observation, watch) {
      if (observation.kind !== 'unasked' || observation.source !== '') return;
      const { destination, packets, port } = observation;
      const state = watch.key(networkOf(destination));
      const sum = count(state, observation, watch.time);
      const isSpread = state.sources.size >= minimumSources && state.targets.size >= 10;
      watch.measure(isSpread ? sum : 0, destination, port, packets);
    },
    describe: ({ source, peak }, { sources, targets, what, port }) => ({
      message: `hosts of ${source} receive ${peak} ${what} answers in ${windowMicros / 1e6} s that nobody asked for`,
      details: { what: what.toLowerCase(), port, targets_at_least: targets.size },
      source: { address: 'many' },
      destination: { ip: source.split('/')[0]! },
      related: [...sources.values()].slice(0, 10),
    }),
    bytes: ({ sources, targets }) => 2000 + 60 * (sources.size + targets.size),
  }),
});

export const amplification = defineWatcher<Unasked>()({
  ...IDENTITY,
  version: '1',
  received: true,
  keyedBy: 'target',
  companion: carpet,
  threshold: {
    default: 100,
    minimum: 5,
    maximum: 10_000_000,
    help: 'answers; what is left of conversations begun before a capture is a handful a second',
  },
  createWatcher: ({ minimumSources }, { windowMicros }) => ({
    newState: () => fresh(windowMicros),
    received(block, row, watch) {
      if (block.unasked[row] === 0) return;
      const state = watch.target();
      const senders = sourcesOf(block, row);
      const answers = {
        ipProtocol: block.ipProtocol[row]!,
        port: block.port[row]!,
        packets: block.unasked[row]!,
        bytes: block.unaskedBytes[row]!,
        senders,
        destination: targetOf(block, row),
      };
      const packets = count(state, answers, watch.time);
      const named = senders[0] ?? '';
      watch.measure(state.sources.size >= minimumSources ? packets : 0, named, block.port[row]!, block.unasked[row]!);
    },
    describe: ({ source, peak, targets }, { bytes, what, port }) => ({
      message: `${source} receives ${peak} ${what} answers in ${windowMicros / 1e6} s that it never asked for, from ${counted(targets, 'source')}`,
      details: { what: what.toLowerCase(), port, bytes_in_window: bytes.sum },
    }),
    bytes: ({ sources, targets }) => 2000 + 60 * (sources.size + targets.size),
  }),
});
