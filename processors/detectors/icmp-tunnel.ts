/**
 * Echoes whose replies do not carry back what was sent, which they must (RFC 792): something speaks through them (ptunnel, hans,
 * icmptunnel, icmpsh). Told by size and by the checksum, which gives away the sum of the data however little of it was captured.
 *
 * Some hosts cut the data of long echoes, always to the same size; so replies of another size count only where sizes
 * change, as those of a tunnel do.
 */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

const PENDING_MAX = 256;
const SIZES_MAX = 64;
const SIZES_OF_A_TUNNEL = 4;

interface Pair {
  requester: string;
  responder: string;
  readonly pending: Map<number, { readonly size: number; readonly sum: number }>;
  readonly altered: WindowedSet<number>;
  readonly resized: WindowedSet<number>;
  readonly sizes: WindowedSet<number>;
}

export const icmpTunnel = defineWatcher<Pair>()({
  id: 'icmp-tunnel',
  version: '1',
  name: 'ICMP tunnel',
  summary: 'Echo replies of a host within the window do not carry back what was sent.',
  techniques: [{ id: 'T1095', name: 'Non-Application Layer Protocol' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'pair',
  observations: ['echo'],
  counts: 'replies that differ from their request',
  threshold: { default: 10, minimum: 2, maximum: 10_000, help: 'replies that differ from their request' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({
      requester: '',
      responder: '',
      pending: new Map(),
      altered: new WindowedSet(windowMicros, 4 * threshold),
      resized: new WindowedSet(windowMicros, 4 * threshold),
      sizes: new WindowedSet(windowMicros, SIZES_MAX),
    }),
    observation: (observation, watch) => {
      if (observation.kind !== 'echo') return;
      const { reply, source, destination, identifier, sequence, size, sum, time } = observation;
      const requester = reply ? destination : source;
      const responder = reply ? source : destination;
      const pair = watch.key(`${requester} ${responder}`);
      pair.requester = requester;
      pair.responder = responder;
      const id = identifier * 65_536 + sequence;
      if (!reply) {
        pair.pending.delete(id);
        pair.pending.set(id, { size, sum });
        if (pair.pending.size > PENDING_MAX) pair.pending.delete(pair.pending.keys().next().value!);
        return;
      }
      const request = pair.pending.get(id);
      if (request === undefined) return;
      if (request.size === size && request.sum !== sum) pair.altered.add(time, time);
      else if (request.size !== size) {
        pair.resized.add(time, time);
        pair.sizes.add(time, size);
      } else return;
      const resized = pair.sizes.advance(time) >= SIZES_OF_A_TUNNEL ? pair.resized.advance(time) : 0;
      watch.measure(pair.altered.advance(time) + resized, responder);
    },
    describe: ({ peak }, { requester, responder }) => ({
      message: `${responder} answered ${peak} echoes of ${requester} with other data than was sent`,
      details: { replies: peak },
      source: { ip: requester, address: requester },
      destination: { ip: responder },
      related: [responder],
    }),
  }),
});
