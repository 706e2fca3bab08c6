/**
 * Neighbour discovery (RFC 4861) that lies: one IPv6 address is claimed by several cards to and fro (parasite6, fake
 * advertisements); or one card answers for every address that others check for duplicates (dos-new-ip6, RFC 4862 section 5.4).
 * An address that changes cards once has moved. Virtual router MACs move by design and count as one.
 */
import { formatMacNumber } from '../../schemas/observations/observation.js';
import type { Watch } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { macPrefixes } from './virtual-macs.js';

const VIRTUAL = 1;
const CLAIMANTS_MAX = 64;
const CHECKED_MAX = 1024;
/** A node defends its address within this of a check; RFC 4862 waits one second. */
const DEFENDED_MICROS = 3e6;
/** Addresses of others denied by one card within the window: a host defends its own few. */
const DENIED = 3;

interface Claims {
  address: string;
  card: number;
  claimant: string;
  holder: number;
  readonly claimants: WindowedSet<number>;
  readonly changes: WindowedSet<number>;
  readonly denied: WindowedSet<string>;
  readonly checked: WindowedSet<string>;
}

export const neighborSpoofing = defineWatcher<Claims>()({
  id: 'neighbor-spoofing',
  version: '1',
  name: 'Neighbour spoofing',
  summary:
    'One IPv6 address is claimed by several cards to and fro within the window, or one card denies every address that others check for duplicates.',
  techniques: [{ id: 'T1557', name: 'Adversary-in-the-Middle' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'mac',
  observations: ['neighbor'],
  counts: 'changes of the card that claims the address, or addresses denied',
  threshold: { default: 2, minimum: 2, maximum: 1000, help: 'changes of the card that claims the address' },
  windowSeconds: { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' },
  options: {
    virtualMacs: {
      kind: 'macs',
      default: ['00:00:5e:00:01', '00:00:5e:00:02', '00:05:73:a0:0'],
      help: 'MACs, or how they begin, that move between routers by design',
    },
  },
  createWatcher: ({ virtualMacs }, { windowMicros }) => {
    const virtual = macPrefixes(virtualMacs);
    return {
      newState: (): Claims => ({
        address: '',
        card: 0,
        claimant: '',
        holder: 0,
        claimants: new WindowedSet(windowMicros, CLAIMANTS_MAX),
        changes: new WindowedSet(windowMicros, CLAIMANTS_MAX),
        denied: new WindowedSet(windowMicros, CHECKED_MAX),
        checked: new WindowedSet(DEFENDED_MICROS, CHECKED_MAX),
      }),
      observation: (observation, watch) => {
        if (observation.kind !== 'neighbor') return;
        const { advertisement, target, source, time, linkLayerAddress, mac } = observation;
        if (!advertisement) {
          // A solicitation from no address checks its target; one from an address claims the address it comes from.
          if (source === '::') watch.key(`${watch.link} checked`).checked.add(time, `${target} ${mac}`);
          else if (linkLayerAddress !== 0)
            claim(watch, source, source, linkLayerAddress, time, virtual.has(linkLayerAddress));
          return;
        }
        const card = linkLayerAddress || mac;
        claim(watch, target, source, card, time, virtual.has(card));
        deny(watch, target, source, card, time);
      },
      describe: ({ peak }, { address, card, claimant, claimants }) =>
        card === 0
          ? {
              message: `${address} is claimed by ${[...claimants.values()].map((mac) => (mac === VIRTUAL ? 'a virtual router' : formatMacNumber(mac))).join(' and ')}, changing hands ${peak} times`,
              details: { changes: peak },
              source: { ip: address, address },
              related: claimant === '' ? [] : [claimant],
            }
          : {
              message: `${formatMacNumber(card)} says of ${peak} addresses that others check that they are taken`,
              details: { denied: peak },
              source: { ip: claimant, mac: formatMacNumber(card), address: claimant },
            },
    };
  },
});

function claim(
  watch: Watch<Claims>,
  address: string,
  source: string,
  mac: number,
  time: number,
  virtual: boolean,
): void {
  const claims = watch.key(`${watch.link} ${address}`);
  const claimant = virtual ? VIRTUAL : mac;
  claims.address = address;
  claims.claimants.advance(time);
  const changed = claims.claimants.has(claims.holder) && claims.holder !== claimant;
  claims.claimants.add(time, claimant);
  if (changed) claims.changes.add(time, time);
  else claims.changes.advance(time);
  claims.holder = claimant;
  if (source !== address) claims.claimant = source;
  watch.measure(claims.changes.size);
}

function deny(watch: Watch<Claims>, target: string, source: string, mac: number, time: number): void {
  const { checked } = watch.key(`${watch.link} checked`);
  checked.advance(time);
  const others = [...checked.values()].some((entry) => entry.startsWith(`${target} `) && entry !== `${target} ${mac}`);
  if (!others) return;
  const card = watch.key(`${watch.link} ${formatMacNumber(mac)}`);
  card.card = mac;
  card.claimant = source;
  const denied = card.denied.add(time, target);
  watch.measure(denied >= DENIED ? denied : 0, target);
}
