/**
 * Answers that nobody asked for, towards one host or spread over its network: somebody asks others in its name (DNS, NTP, CLDAP,
 * SSDP, memcached, SYN-ACK reflection).
 */
import type { ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { networkOf, sourcesOf, targetOf } from './received-rows.js';

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

function count(state: Unasked, block: ReceivedBlock, row: number, time: number): number {
  for (const source of sourcesOf(block, row)) state.sources.add(time, source);
  state.targets.add(time, targetOf(block, row));
  state.bytes.add(time, block.unaskedBytes[row]!);
  state.what = block.ipProtocol[row] === TCP ? 'TCP' : 'UDP';
  state.port = block.port[row]!;
  return state.packets.add(time, block.unasked[row]!);
}

const IDENTITY = {
  id: 'amplification',
  name: 'Amplification',
  summary:
    'A host, or a network, receives many answers within the window that it never asked for: DNS, NTP, CLDAP, SSDP, memcached, SYN-ACK reflection.',
  techniques: [{ id: 'T1498.002', name: 'Network Denial of Service: Reflection Amplification' }],
  eventTypes: ['denied'],
  severity: 4,
  received: true,
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
  keyedBy: 'pair',
  threshold: { default: 400, minimum: 20, maximum: 10_000_000, help: 'answers to a network' },
  createWatcher: ({ minimumSources }, { windowMicros }) => ({
    newState: () => fresh(windowMicros),
    received(block, row, watch) {
      if (block.unasked[row] === 0) return;
      const state = watch.key(networkOf(block, row));
      const packets = count(state, block, row, watch.time);
      const isSpread = state.sources.size >= minimumSources && state.targets.size >= 10;
      watch.measure(isSpread ? packets : 0, targetOf(block, row), block.port[row]!, block.unasked[row]!);
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
      const packets = count(state, block, row, watch.time);
      const named = sourcesOf(block, row)[0] ?? '';
      watch.measure(state.sources.size >= minimumSources ? packets : 0, named, block.port[row]!, block.unasked[row]!);
    },
    describe: ({ source, peak, targets }, { bytes, what, port }) => ({
      message: `${source} receives ${peak} ${what} answers in ${windowMicros / 1e6} s that it never asked for, from ${counted(targets, 'source')}`,
      details: { what: what.toLowerCase(), port, bytes_in_window: bytes.sum },
    }),
    bytes: ({ sources, targets }) => 2000 + 60 * (sources.size + targets.size),
  }),
});
