/**
 * Addresses asked for in the names of more and more cards, until the server has none left (Yersinia, dhcpig, Gobbler). What
 * counts is distinct client hardware addresses (`chaddr`, RFC 2131) that ask for an address; a morning in an office of
 * forty, or a floor after a power cut, stays below a hundred a minute.
 */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

const DISCOVER = 1;
const REQUEST = 3;

interface Clients {
  readonly clients: WindowedSet<number>;
  readonly cards: WindowedSet<number>;
}

export const dhcpStarvation = defineWatcher<Clients>()({
  id: 'dhcp-starvation',
  version: '1',
  name: 'DHCP starvation',
  summary: 'Addresses are asked for on one link in the name of many cards within the window.',
  techniques: [{ id: 'T1499.002', name: 'Endpoint Denial of Service: Service Exhaustion Flood' }],
  eventTypes: ['denied'],
  severity: 3,
  keyedBy: 'mac',
  observations: ['dhcp'],
  counts: 'distinct clients',
  threshold: { default: 100, minimum: 10, maximum: 100_000, help: 'distinct client hardware addresses' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({
      clients: new WindowedSet(windowMicros, 2 * threshold),
      cards: new WindowedSet(windowMicros, 64),
    }),
    observation: (observation, watch) => {
      if (observation.kind !== 'dhcp' || observation.relay !== '') return;
      const { messageType, clientMac, mac, time } = observation;
      if (messageType !== DISCOVER && messageType !== REQUEST) return;
      const link = watch.key(watch.link);
      link.cards.add(time, mac);
      watch.measure(link.clients.add(time, clientMac));
    },
    describe: ({ peak }, { cards }) => ({
      message: `addresses are asked for in the name of ${peak} cards in a window, by ${cards.size >= 64 ? 'as many' : cards.size} senders`,
      details: { clients: peak, senders: cards.size },
      source: { ip: '0.0.0.0', address: '0.0.0.0' },
    }),
  }),
});
