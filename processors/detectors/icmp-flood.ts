/** Far more ICMP or ICMPv6 to one host, or to a group, than monitoring and errors make, and than it ordinarily gets. */
import { type SavedUsualRate, TIMES_USUAL, UsualRate } from '../contract/usual-rate.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { counted } from './alert-words.js';
import { lastSourceOf, sourceKeysOf } from './received-rows.js';

const ICMP = 1;
const ICMPV6 = 58;

interface Flood {
  readonly packets: WindowedSum;
  readonly bytes: WindowedSum;
  readonly sources: WindowedSet<number>;
  readonly usual: UsualRate;
}

interface SavedFlood {
  readonly usual: SavedUsualRate;
  readonly packets: [number, number][];
  readonly bytes: [number, number][];
  readonly sources: [number, number][];
}

export const icmpFlood = defineWatcher<Flood>()({
  id: 'icmp-flood',
  version: '2',
  name: 'ICMP flood',
  summary: 'A host or a group receives many ICMP or ICMPv6 packets within the window, whoever sends them.',
  techniques: [{ id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood' }],
  eventTypes: ['denied'],
  severity: 3,
  keyedBy: 'target',
  received: true,
  durable: true,
  counts: 'ICMP packets',
  threshold: {
    default: 500,
    minimum: 20,
    maximum: 10_000_000,
    help: 'packets; a monitor pings a host a few times a second, a ping -f sends thousands',
  },
  windowSeconds: { default: 5, minimum: 1, maximum: 60, help: 'length of the window' },
  options: {
    timesUsual: TIMES_USUAL,
  },
  createWatcher: ({ timesUsual }, { windowMicros, threshold }) => {
    const newState = (): Flood => ({
      packets: new WindowedSum(windowMicros),
      bytes: new WindowedSum(windowMicros),
      sources: new WindowedSet<number>(windowMicros, 64),
      usual: new UsualRate(windowMicros, threshold, timesUsual),
    });
    return {
      newState,
      received(block, row, watch) {
        const protocol = block.ipProtocol[row]!;
        if (protocol !== ICMP && protocol !== ICMPV6) return;
        const state = watch.target();
        for (const source of sourceKeysOf(block, row)) state.sources.add(watch.time, source);
        state.bytes.add(watch.time, block.bytes[row]!);
        watch.measure(
          state.usual.measure(watch.time, state.packets.add(watch.time, block.packets[row]!)),
          lastSourceOf(block, row),
          -1,
          block.packets[row]!,
        );
      },
      describe: ({ source, targets, peak }, { bytes }) => ({
        message: `${source} receives ${peak} ICMP packets in ${windowMicros / 1e6} s from ${counted(targets, 'source')}`,
        details: { bytes_in_window: bytes.sum },
      }),
      bytes: ({ sources }) => 2000 + 60 * sources.size,
      save: ({ usual, packets, bytes, sources }) =>
        usual.hasLearned
          ? { usual: usual.save(), packets: packets.entries(), bytes: bytes.entries(), sources: sources.entries() }
          : undefined,
      load: (value) => {
        const saved = value as SavedFlood;
        const fresh = newState();
        return {
          usual: fresh.usual.restore(saved.usual),
          packets: fresh.packets.restore(saved.packets),
          bytes: fresh.bytes.restore(saved.bytes),
          sources: fresh.sources.restore(saved.sources),
        };
      },
    };
  },
});
