/**
 * A card that asks by ARP for address after address and gets no answer: somebody looks for hosts on his own link (arp-scan,
 * netdiscover, nmap -PR, worms). A host that talks to many neighbours gets answers; a router that is asked from outside for
 * addresses nobody has does look so, and then the sweep comes through it; a router of several networks is left out.
 *
 * 30 unanswered addresses in a minute: in ordinary captures of homes and offices the most is below ten; the slowest of the tools' defaults asks
 * for a /24 in about a minute.
 */
import { formatMacNumber } from '../../schemas/observations/observation.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

const REQUEST = 1;
const REPLY = 2;

interface Asker {
  address: string;
  mac: number;
  readonly unanswered: WindowedSet<string>;
  /** Its own addresses, by which it asks. */
  readonly addresses: WindowedSet<string>;
}

/** Who asks from so many addresses of his own is the router of several networks. */
const ROUTER_ADDRESSES = 3;

export const arpSweep = defineWatcher<Asker>()({
  id: 'arp-sweep',
  version: '1',
  name: 'ARP sweep',
  summary: 'A MAC asks by ARP for many addresses of its link within the window and is not answered.',
  techniques: [{ id: 'T1018', name: 'Remote System Discovery' }],
  eventTypes: ['info'],
  severity: 2,
  keyedBy: 'mac',
  observations: ['arp'],
  counts: 'addresses asked for and not answered',
  threshold: { default: 30, minimum: 2, maximum: 10_000, help: 'distinct addresses asked for and not answered' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({
      address: '',
      mac: 0,
      unanswered: new WindowedSet(windowMicros, Math.max(512, 2 * threshold)),
      addresses: new WindowedSet(windowMicros, 64),
    }),
    observation: (observation, watch) => {
      if (observation.kind !== 'arp') return;
      const { source, destination, time } = observation;
      if (observation.operation === REPLY) {
        watch.key(`${watch.link} ${formatMacNumber(observation.targetMac)}`).unanswered.delete(source);
        return;
      }
      // Asking for one's own address announces or probes it (RFC 5227).
      if (observation.operation !== REQUEST || source === destination || source === '0.0.0.0') return;
      const asker = watch.key(`${watch.link} ${formatMacNumber(observation.senderMac)}`);
      asker.address = source;
      asker.mac = observation.senderMac;
      const addresses = asker.addresses.add(time, source);
      const unanswered = asker.unanswered.add(time, destination);
      watch.measure(addresses < ROUTER_ADDRESSES ? unanswered : 0, destination);
    },
    describe: ({ peak }, { address, mac }) => ({
      message: `${address} (${formatMacNumber(mac)}) asks by ARP for ${peak} addresses that do not answer`,
      details: { mac: formatMacNumber(mac) },
      source: { ip: address, mac: formatMacNumber(mac), address },
    }),
  }),
});
