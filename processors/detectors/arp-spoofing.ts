/**
 * ARP spoofing (RFC 826), told in two ways.
 *
 * By address: one IP address is claimed by two or more MACs within the window. That alone is also how a host that was
 * moved, replaced or took over a service address looks, so the alert begins as informational; claims that go to and fro
 * between two stations are two that both say it, and that is low.
 *
 * By card: one MAC takes over addresses of at least two other cards, or tells two hosts, unasked, that each is the
 * other, or tells a host one address again and again: what ettercap, arpspoof and bettercap do, whether or not their victims are heard. A standby that takes over
 * every address of one failed router takes them of one card.
 *
 * Benign by design: probes (sender 0.0.0.0, RFC 5227) claim nothing; the virtual MACs of VRRP, CARP, HSRP and GLBP move
 * between routers, so all of them count as one; an address whose holder was silent for the window may change hands; the
 * same address on two links (VLAN, interface, site) is two addresses.
 */
import { formatMacNumber } from '../../schemas/observations/observation.js';
import type { EpisodeEvidence } from '../contract/evidence.js';
import { NetworkList } from '../contract/network-list.js';
import type { Watch, WatcherText } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { macPrefixes } from './virtual-macs.js';

const REPLY = 2;
/** All virtual MACs count as one claimant. */
const VIRTUAL = 1;
const CLAIMANTS_MAX = 64;
const CHANGES_MAX = 256;
const TAKEN_MAX = 256;
const TOLD_MAX = 512;
const ASKED_MAX = 4096;
/** A reply within this of its question was asked for: hosts answer within milliseconds, sleeping ones within a second or two. */
const ASKED_MICROS = 5e6;

interface Claims {
  /** Text of the address, of keys that are one; of the card, of keys that are one. */
  address: string;
  card: number;
  holder: number;
  readonly claimants: WindowedSet<number>;
  /** When each claimant was first heard, µs. */
  readonly first: Map<number, number>;
  readonly changes: WindowedSet<number>;
  /** Of a card: "address previous-holder" of what it took over, and "A>B" of what it told unasked. */
  readonly taken: WindowedSet<string>;
  readonly told: WindowedSet<string>;
  readonly betrayed: WindowedSet<string>;
  /** When a card told one host one address, unasked, µs. */
  readonly repeated: WindowedSet<number>;
  /** Of a link: "asker>asked". */
  readonly asked: WindowedSet<string>;
}

/** Changes of hands from which two stations are both speaking, rather than one having followed the other. */
const TO_AND_FRO = 2;
const CARDS_ROBBED = 2;
/** Unasked replies of one claim to one host in a minute: a host asks again each half minute at most, a poisoner each second or two. */
const REPEATED = 10;
const REPEATED_MICROS = 60e6;

export const arpSpoofing = defineWatcher<Claims>()({
  id: 'arp-spoofing',
  version: '2',
  name: 'ARP spoofing',
  summary:
    'One IP address is claimed by two or more MACs within the window; or one MAC takes over addresses of several others, or tells two hosts unasked that each is the other. An address that changes hands once is informational. Left out: ARP probes, moves between virtual router MACs, and an address taken over after its holder was silent for the window.',
  techniques: [{ id: 'T1557.002', name: 'Adversary-in-the-Middle: ARP Cache Poisoning' }],
  eventTypes: ['info'],
  severity: 2,
  keyedBy: 'mac',
  observations: ['arp'],
  durable: true,
  counts: 'distinct MACs that claim the address, or addresses taken over by the MAC',
  threshold: { default: 2, minimum: 2, maximum: 100, help: 'distinct MACs that claim the address' },
  windowSeconds: {
    default: 300,
    minimum: 1,
    maximum: 86_400,
    help: 'how long a claim stands; an address silent for longer may change hands',
  },
  options: {
    virtualMacs: {
      kind: 'macs',
      default: ['00:00:5e:00:01', '00:00:5e:00:02', '00:00:0c:07:ac', '00:00:0c:9f:f', '00:05:73:a0:0', '00:07:b4:00'],
      help: 'MACs, or how they begin, that move between routers by design: VRRP, CARP, HSRP, GLBP; add routers that do proxy ARP',
    },
    gateways: {
      kind: 'networks',
      default: [],
      help: 'addresses of gateways: a conflict about one of them is reported with high confidence',
    },
  },
  createWatcher: ({ virtualMacs, gateways }, { windowMicros, severity }) => {
    const virtual = macPrefixes(virtualMacs);
    const gatewayList = new NetworkList(gateways);
    const newState = (): Claims => ({
      address: '',
      card: 0,
      holder: 0,
      claimants: new WindowedSet(windowMicros, CLAIMANTS_MAX),
      first: new Map(),
      changes: new WindowedSet(windowMicros, CHANGES_MAX),
      taken: new WindowedSet(windowMicros, TAKEN_MAX),
      told: new WindowedSet(windowMicros, TOLD_MAX),
      betrayed: new WindowedSet(windowMicros, TOLD_MAX),
      repeated: new WindowedSet(REPEATED_MICROS, 4 * REPEATED),
      asked: new WindowedSet(ASKED_MICROS, ASKED_MAX),
    });
    const severityOf = (claims: Claims): 1 | 2 | 3 | 4 | 5 => {
      if (claims.card !== 0) return severity < 4 ? ((severity + 1) as 3) : severity;
      return claims.changes.size >= TO_AND_FRO ? severity : 1;
    };
    return {
      newState,
      severity: severityOf,
      observation: (observation, watch) => {
        if (observation.kind !== 'arp') return;
        const { source, destination, senderMac, time } = observation;
        if (observation.operation !== REPLY && source !== destination) {
          watch.key(`${watch.link} asked`).asked.add(time, `${source}>${destination}`);
        }
        if (source === '' || source === '0.0.0.0' || senderMac === 0) return;
        claimed(watch, source, virtual.has(senderMac) ? VIRTUAL : senderMac, senderMac, time);
        if (observation.operation === REPLY && source !== destination)
          tell(watch, observation.source, destination, senderMac, time);
      },
      describe: (evidence, claims) =>
        claims.card !== 0
          ? describeCard(evidence, claims, severityOf(claims))
          : { ...describeAddress(claims, gatewayList), severity: severityOf(claims) },
      save: (claims) => ({
        ...claims,
        claimants: claims.claimants.entries(),
        first: [...claims.first],
        changes: claims.changes.entries(),
        taken: claims.taken.entries(),
        told: claims.told.entries(),
        betrayed: claims.betrayed.entries(),
        repeated: claims.repeated.entries(),
        asked: claims.asked.entries(),
      }),
      load: (value) => {
        const saved = value as Record<string, readonly (readonly [never, number])[]> & {
          address: string;
          card: number;
          holder: number;
        };
        const claims = newState();
        claims.address = saved.address;
        claims.card = saved.card;
        claims.holder = saved.holder;
        for (const [mac, time] of saved['first'] as readonly (readonly [number, number])[]) claims.first.set(mac, time);
        for (const name of ['claimants', 'changes', 'taken', 'told', 'betrayed', 'repeated', 'asked'] as const) {
          claims[name].restore(saved[name]!);
        }
        return claims;
      },
    };
  },
});

/** A card says that an address is its own. */
function claimed(watch: Watch<Claims>, address: string, claimant: number, mac: number, time: number): void {
  const claims = watch.key(`${watch.link} ${address}`);
  claims.address = address;
  if (claimant !== VIRTUAL) {
    const previous = note(claims, claimant, time);
    watch.measure(claims.claimants.size);
    if (previous !== 0 && previous !== claimant) robbed(watch, mac, address, previous, time);
  }
  // A virtual router that takes an address over, or gives it back, once, does what it is for.
  const routers = watch.key(`${watch.link} ${address} virtual`);
  if (claimant !== VIRTUAL && !routers.claimants.has(VIRTUAL)) return;
  routers.address = address;
  note(routers, claimant === VIRTUAL ? VIRTUAL : mac, time);
  watch.measure(routers.claimants.has(VIRTUAL) ? routers.changes.size : 0);
}

/** Notes a claim, and gives who held the address before; 0 when nobody did within the window. */
function note(claims: Claims, claimant: number, time: number): number {
  const { claimants, changes, first } = claims;
  claimants.advance(time);
  const previous = claimants.has(claims.holder) ? claims.holder : 0;
  claimants.add(time, claimant);
  for (const mac of first.keys()) if (!claimants.has(mac)) first.delete(mac);
  if (!first.has(claimant)) first.set(claimant, time);
  if (previous !== 0 && previous !== claimant) changes.add(time, time);
  else changes.advance(time);
  claims.holder = claimant;
  return previous;
}

/** A card has taken an address of another. */
function robbed(watch: Watch<Claims>, mac: number, address: string, previous: number, time: number): void {
  const card = cardOf(watch, mac);
  card.taken.add(time, `${address} ${previous}`);
  const others = new Set([...card.taken.values()].map((taken) => taken.split(' ')[1]));
  watch.measure(others.size >= CARDS_ROBBED ? card.taken.size : 1, address);
}

/** A card tells a host, maybe unasked, that an address is its own. */
function tell(watch: Watch<Claims>, address: string, host: string, mac: number, time: number): void {
  const { asked } = watch.key(`${watch.link} asked`);
  asked.advance(time);
  if (asked.has(`${host}>${address}`)) return;
  const one = watch.key(`${watch.link} ${formatMacNumber(mac)} ${address}>${host}`);
  one.card = mac;
  one.betrayed.add(time, address);
  one.betrayed.add(time, host);
  watch.measure(one.repeated.add(time, time) >= REPEATED ? one.betrayed.size : 0, address);
  const card = cardOf(watch, mac);
  card.told.add(time, `${address}>${host}`);
  if (!card.told.has(`${host}>${address}`)) return;
  card.betrayed.add(time, address);
  card.betrayed.add(time, host);
  watch.measure(card.betrayed.size, address);
}

function cardOf(watch: Watch<Claims>, mac: number): Claims {
  const card = watch.key(`${watch.link} ${formatMacNumber(mac)}`);
  card.card = mac;
  return card;
}

function describeAddress(claims: Claims, gateways: NetworkList): WatcherText {
  const { address } = claims;
  const gateway = gateways.hasText(address);
  const changes = claims.changes.size;
  const confidence = gateway || changes >= 3 ? 'high' : changes === 2 ? 'medium' : 'low';
  const names = [...claims.claimants.values()].map((mac) =>
    mac === VIRTUAL ? 'a virtual router' : formatMacNumber(mac),
  );
  const list = names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(' and ');
  const what = gateway ? `the gateway ${address}` : address;
  return {
    message: `${what} is claimed by ${list}, changing hands ${changes} time${changes === 1 ? '' : 's'}`,
    details: { confidence, changes, gateway },
    macs: claims.claimants
      .entries()
      .filter(([mac]) => mac !== VIRTUAL)
      .map(([mac, last]) => ({ mac: formatMacNumber(mac), firstSeen: claims.first.get(mac)!, lastSeen: last })),
    source: { ip: address, address },
  };
}

function describeCard(evidence: EpisodeEvidence, claims: Claims, severity: 1 | 2 | 3 | 4 | 5): WatcherText {
  const mac = formatMacNumber(claims.card);
  const taken = [...claims.taken.values()].map((text) => text.split(' ')[0]!);
  const addresses = [...new Set([...taken, ...claims.betrayed.values(), ...evidence.targets.sample])];
  const both = claims.betrayed.size > 0 ? ', telling hosts so unasked' : '';
  return {
    message: `${mac} claims the addresses of others: ${addresses.slice(0, 4).join(', ')}${addresses.length > 4 ? ` and ${addresses.length - 4} more` : ''}${both}`,
    details: { addresses: addresses.length },
    severity,
    source: { mac, address: mac },
    related: addresses.slice(0, 20),
  };
}
