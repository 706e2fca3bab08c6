/**
 * A DHCP server (RFC 2131) that gives clients another way out than the one the link had: a home router plugged in the wrong
 * way round, or somebody who wants to be the gateway. Two servers that name the same router are a pair that shares the work
 * (failover), and quiet. The server that was heard first within the window is taken for the right one; name yours in `servers`.
 */
import { defineWatcher } from '../contract/watcher.js';

const OFFER = 2;
const ACKNOWLEDGEMENT = 5;
const SERVERS_MAX = 16;

interface Link {
  /** Servers in the order they were first heard: what router each names, and when it was last heard, µs. */
  readonly servers: Map<string, { router: string; last: number }>;
}

export const rogueDhcp = defineWatcher<Link & { rogue: string; known: string; router: string }>()({
  id: 'rogue-dhcp',
  version: '1',
  name: 'Rogue DHCP server',
  summary: 'A second DHCP server on a link names another router than the first.',
  techniques: [{ id: 'T1557.003', name: 'Adversary-in-the-Middle: DHCP Spoofing' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  observations: ['dhcp'],
  durable: true,
  counts: 'offers',
  threshold: { default: 1, minimum: 1, maximum: 1000, help: 'offers and acknowledgements of the second server' },
  windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'how long a server is remembered' },
  options: {
    servers: { kind: 'networks', default: [], help: 'addresses of your DHCP servers, which are never taken for rogue' },
  },
  createWatcher: ({ servers: own }, { windowMicros, severity }) => {
    const trusted = new Set(own);
    return {
      newState: () => ({ servers: new Map(), rogue: '', known: '', router: '' }),
      observation: (observation, watch) => {
        if (observation.kind !== 'dhcp') return;
        const { messageType, relay, router, time } = observation;
        if (messageType !== OFFER && messageType !== ACKNOWLEDGEMENT) return;
        const server = observation.server || observation.source;
        if (router === '' || server === '') return;
        // Behind a relay there are other links, each with a router of its own.
        const link = watch.key(`${watch.link} ${relay}`);
        for (const [name, { last }] of link.servers) if (last < time - windowMicros) link.servers.delete(name);
        const seen = link.servers.get(server);
        if (seen === undefined && link.servers.size < SERVERS_MAX) link.servers.set(server, { router, last: time });
        else if (seen !== undefined) link.servers.set(server, { router, last: Math.max(seen.last, time) });
        const first = [...link.servers].find(([name]) => trusted.has(name)) ?? [...link.servers][0];
        if (first === undefined || first[0] === server || first[1].router === router || trusted.has(server)) return;
        const rogue = watch.key(`${watch.link} ${relay} ${server}`);
        rogue.rogue = server;
        rogue.known = first[0];
        rogue.router = router;
        watch.measure(1, first[0]);
      },
      describe: (_, { rogue, known, router }) => ({
        message: `${rogue} gives addresses away with ${router} as router, where ${known} did so before with another`,
        details: { router, known_server: known },
        severity,
        source: { ip: rogue, address: rogue },
        related: [router, known],
      }),
      save: (state) => ({ ...state, servers: [...state.servers] }),
      load: (value) => {
        const saved = value as {
          servers: [string, { router: string; last: number }][];
          rogue: string;
          known: string;
          router: string;
        };
        return { ...saved, servers: new Map(saved.servers) };
      },
    };
  },
});
