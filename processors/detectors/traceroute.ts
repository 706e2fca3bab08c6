/** Probes to one host whose TTL rises from 1: a way is measured. */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

/** Ways have fewer hops, and what starts with more has not been sent to die on its way (RFC 1700 advises 64). */
const TTL_MAX = 30;

interface Way {
  readonly ttls: WindowedSet<number>;
}

export const traceroute = defineWatcher<Way>()({
  id: 'traceroute',
  version: '1',
  name: 'Traceroute',
  summary: 'A source sends probes with rising TTL to one host, by UDP, TCP or ICMP.',
  techniques: [{ id: 'T1016', name: 'System Network Configuration Discovery' }],
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'pair',
  packets: ['tcp-syn', 'udp-opening', 'icmp'],
  counts: 'values of the TTL',
  threshold: { default: 5, minimum: 3, maximum: 30, help: 'different low values of the TTL' },
  windowSeconds: { default: 60, minimum: 1, maximum: 600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros }) => ({
    newState: () => ({ ttls: new WindowedSet<number>(windowMicros, TTL_MAX) }),
    concerns: (block, row) => block.ttl[row]! <= TTL_MAX,
    packet(block, row, watch) {
      const ttl = block.ttl[row]!;
      if (ttl === 0) return;
      const protocol = block.ipProtocol[row]!;
      if (protocol === 1 ? block.icmpType[row] !== 8 : protocol === 58 && block.icmpType[row] !== 128) return;
      watch.measure(watch.pair().ttls.add(watch.time, ttl));
    },
    describe: ({ source }, { ttls }) => {
      const [from, to] = source.split(' ') as [string, string];
      return {
        message: `${from} traces the way to ${to}: probes with ${ttls.size} values of the TTL`,
        details: { ttls: ttls.size },
        source: { ip: from, address: from },
        destination: { ip: to },
        related: [to],
      };
    },
  }),
});
