/** Far more ICMP or ICMPv6 to one host, or to a group, than monitoring and errors make. */
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
}

export const icmpFlood = defineWatcher<Flood>()({
  id: 'icmp-flood',
  version: '1',
  name: 'ICMP flood',
  summary: 'A host or a group receives many ICMP or ICMPv6 packets within the window, whoever sends them.',
  techniques: [{ id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood' }],
  eventTypes: ['denied'],
  severity: 3,
  keyedBy: 'target',
  received: true,
  counts: 'ICMP packets',
  threshold: {
    default: 500,
    minimum: 20,
    maximum: 10_000_000,
    help: 'packets; a monitor pings a host a few times a second, a ping -f sends thousands',
  },
  windowSeconds: { default: 5, minimum: 1, maximum: 60, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({
      packets: new WindowedSum(windowMicros),
      bytes: new WindowedSum(windowMicros),
      sources: new WindowedSet<number>(windowMicros, 64),
    }),
    received(block, row, watch) {
      const protocol = block.ipProtocol[row]!;
      if (protocol !== ICMP && protocol !== ICMPV6) return;
      const state = watch.target();
      for (const source of sourceKeysOf(block, row)) state.sources.add(watch.time, source);
      state.bytes.add(watch.time, block.bytes[row]!);
      watch.measure(
        state.packets.add(watch.time, block.packets[row]!),
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
  }),
});
