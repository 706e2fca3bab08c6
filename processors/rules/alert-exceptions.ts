/** Exceptions of the topic `exceptions`, compiled: which alerts are not published. */
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { AlertException } from '../../schemas/exceptions/alert-exception.js';
import type { AlertExceptions, Excepted } from '../contract/alert-exceptions.js';
import { NetworkList, portSet } from '../contract/network-list.js';
import { readPorts } from './ports.js';
import { TimeOfDay } from './time-of-day.js';

interface Compiled {
  readonly id: string;
  readonly rules: ReadonlySet<string> | null;
  readonly sources: Addresses | null;
  readonly targets: Addresses | null;
  readonly ports: Uint8Array | null;
  readonly captureNodes: ReadonlySet<string> | null;
  readonly sites: ReadonlySet<string> | null;
  readonly hours: TimeOfDay | null;
  /** µs */
  readonly expires: number;
}

/** Networks, and what is no address: MACs. */
class Addresses {
  private readonly networks: NetworkList;
  private readonly texts: ReadonlySet<string>;

  constructor(entries: readonly string[]) {
    const isMac = (entry: string): boolean => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(entry);
    this.networks = new NetworkList(entries.filter((entry) => !isMac(entry)));
    this.texts = new Set(entries.filter(isMac).map((entry) => entry.toLowerCase()));
  }

  has(text: string): boolean {
    return this.texts.has(text.toLowerCase()) || this.networks.hasText(text.split('/')[0]!);
  }
}

/** @throws Error with the reason when a part cannot be used */
function compile(exception: AlertException): Compiled {
  const { id, rules, sources, targets, ports, capture_nodes, sites, hours, expires_at } = exception;
  return {
    id,
    rules: rules ? new Set(rules) : null,
    sources: sources ? new Addresses(sources) : null,
    targets: targets ? new Addresses(targets) : null,
    ports: ports ? portSet(readPorts(ports)) : null,
    captureNodes: capture_nodes ? new Set(capture_nodes) : null,
    sites: sites ? new Set(sites) : null,
    hours: hours ? new TimeOfDay(hours) : null,
    expires: expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires_at) * 1000,
  };
}

/** The same whatever the order in which they were made: of several that match, the one with the lowest id counts. */
export class AlertExceptionList implements AlertExceptions {
  private readonly entries: readonly Compiled[];
  private readonly ids: ReadonlySet<string>;

  /** @param onRefused told of those that cannot be used, with the reason */
  constructor(exceptions: Iterable<AlertException>, onRefused: (id: string, reason: string) => void) {
    const entries: Compiled[] = [];
    for (const exception of exceptions) {
      try {
        entries.push(compile(exception));
      } catch (error) {
        onRefused(exception.id, (error as Error).message);
      }
    }
    this.entries = entries.sort((a, b) => (a.id < b.id ? -1 : 1));
    this.ids = new Set(entries.map(({ id }) => id));
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  has(id: string): boolean {
    return this.ids.has(id);
  }

  find(document: AlertDocument, time: number): Excepted | null {
    const facts = factsOf(document);
    for (const entry of this.entries) {
      if (time >= entry.expires || !meets(entry, facts)) continue;
      const end = entry.hours === null ? Number.POSITIVE_INFINITY : entry.hours.endOf(time);
      if (end !== null) return { id: entry.id, until: Math.min(end, entry.expires) };
    }
    return null;
  }
}

interface Facts {
  readonly rule: string;
  readonly site: string;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly ports: readonly number[];
  readonly captureNodes: readonly string[];
}

const MANY = 'many';

/** Who did it to whom: what an alert about a target samples are its sources. */
function factsOf({ rule, nta, source, destination, observer }: AlertDocument): Facts {
  const { evidence } = nta.alert;
  const sample = evidence.targets?.sample ?? [];
  const isOfTarget = source.address === MANY || (destination?.ip !== undefined && !sample.includes(destination.ip));
  const named = [source.ip, source.mac].filter((address) => address !== undefined);
  const sources = source.address === MANY ? sample : named.length > 0 ? named : [source.address];
  const targets = destination?.ip !== undefined ? [destination.ip] : isOfTarget ? [] : sample;
  const ports = destination?.port !== undefined ? [destination.port] : (evidence.ports?.sample ?? []);
  return { rule: rule.id, site: nta.site ?? '', sources, targets, ports, captureNodes: observer.name };
}

function meets(entry: Compiled, facts: Facts): boolean {
  const all = <Value>(values: readonly Value[], has: (value: Value) => boolean): boolean =>
    values.length > 0 && values.every(has);
  return (
    (entry.rules === null || entry.rules.has(facts.rule)) &&
    (entry.sites === null || entry.sites.has(facts.site)) &&
    // a source is known by its address or by its MAC
    (entry.sources === null || facts.sources.some((source) => entry.sources!.has(source))) &&
    (entry.targets === null || all(facts.targets, (target) => entry.targets!.has(target))) &&
    (entry.ports === null || all(facts.ports, (port) => entry.ports![port] === 1)) &&
    (entry.captureNodes === null || all(facts.captureNodes, (node) => entry.captureNodes!.has(node)))
  );
}
