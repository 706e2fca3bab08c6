/**
 * A router advertisement (RFC 4861) of somebody who was no router of the link before and offers a prefix that the link does not
 * have, or a router that takes another card for its address: fake_router6, a laptop that shares its uplink. Two routers that
 * announce the same prefix are a pair. A router that is heard first, or again after the window, is the link's own. Also a flood
 * of routers (flood_router6).
 */
import { formatMacNumber } from '../../schemas/observations/observation.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';

const ROUTERS_MAX = 256;
/** So many routers of one link are a flood, whatever they announce. */
const FLOOD = 16;

interface Router {
  prefixes: readonly string[];
  mac: number;
  first: number;
  last: number;
}
interface Link {
  readonly routers: Map<string, Router>;
  readonly recent: WindowedSet<string>;
  router: string;
  mac: number;
  announced: string;
  known: string;
}

export const rogueRouter = defineWatcher<Link>()({
  id: 'rogue-router',
  version: '1',
  name: 'Rogue router',
  summary:
    'An IPv6 router that was not there before announces a prefix that the link does not have, or takes the address of a router with another card.',
  techniques: [{ id: 'T1557', name: 'Adversary-in-the-Middle' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  observations: ['router'],
  durable: true,
  counts: 'advertisements',
  threshold: { default: 1, minimum: 1, maximum: 1000, help: 'advertisements of the new router' },
  windowSeconds: {
    default: 3600,
    minimum: 60,
    maximum: 86_400,
    help: 'how long a router is remembered; they announce themselves at least every half hour',
  },
  options: { routers: { kind: 'networks', default: [], help: 'link-local addresses of your routers' } },
  createWatcher: ({ routers: own }, { windowMicros }) => {
    const trusted = new Set(own);
    const newState = (): Link => ({
      routers: new Map(),
      recent: new WindowedSet(10e6, ROUTERS_MAX),
      router: '',
      mac: 0,
      announced: '',
      known: '',
    });
    return {
      newState,
      observation: (observation, watch) => {
        if (observation.kind !== 'router') return;
        const { source, prefixes, mac, time, lifetime } = observation;
        const link = watch.key(`${watch.link} routers`);
        for (const [name, { last }] of link.routers) if (last < time - windowMicros) link.routers.delete(name);
        const others = [...link.routers].filter(([name]) => name !== source);
        const seen = link.routers.get(source);
        const flood = link.recent.add(time, source) >= FLOOD;
        const otherCard = seen !== undefined && seen.mac !== mac;
        const strange = prefixes.filter((prefix) => !others.some(([, router]) => router.prefixes.includes(prefix)));
        // Whoever was there first with a prefix of its own stays the one of that prefix.
        const later = others.length > 0 && (seen === undefined || others.every(([, { first }]) => first < seen.first));
        if (seen === undefined && link.routers.size < ROUTERS_MAX) {
          link.routers.set(source, { prefixes, mac, first: time, last: time });
        } else if (seen !== undefined) {
          seen.last = Math.max(seen.last, time);
          if (!otherCard) seen.prefixes = prefixes;
        }
        if (trusted.has(source) && !otherCard) return;
        if (!flood && !otherCard && !(later && strange.length > 0 && lifetime > 0)) return;
        const rogue = watch.key(flood ? `${watch.link} flood` : `${watch.link} ${source}`);
        rogue.router = source;
        rogue.mac = mac;
        rogue.announced = (strange.length > 0 ? strange : prefixes).slice(0, 4).join(', ');
        rogue.known = otherCard ? source : (others[0]?.[0] ?? '');
        watch.measure(1, rogue.known);
      },
      describe: (_, { router, mac, announced, known }) => ({
        message:
          known === router
            ? `${router} is announced as router by another card, ${formatMacNumber(mac)}`
            : `${router} (${formatMacNumber(mac)}) announces itself as router with ${announced || 'no prefix'}, where ${known} was the router`,
        details: { prefixes: announced, mac: formatMacNumber(mac) },
        source: { ip: router, mac: formatMacNumber(mac), address: router },
        related: known === '' ? [] : [known],
      }),
      save: (state) => ({ ...state, routers: [...state.routers], recent: state.recent.entries() }),
      load: (value) => {
        const saved = value as Omit<Link, 'routers' | 'recent'> & {
          routers: [string, Router][];
          recent: [string, number][];
        };
        return {
          ...newState(),
          ...saved,
          routers: new Map(saved.routers),
          recent: newState().recent.restore(saved.recent),
        };
      },
    };
  },
});
