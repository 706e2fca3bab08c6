/**
 * Exceptions of a detector, compiled for the packet path: networks as masks, ports as a bitmap. A packet is excepted
 * when any of the entries matches it; an entry matches when all of its parts do.
 */
import type { ExceptionHours } from '../../schemas/exceptions/alert-exception.js';
import { HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { NetworkList, portSet } from '../contract/network-list.js';
import type { RuleExceptions } from '../contract/rule.js';
import { TimeOfDay } from './time-of-day.js';

/** What one entry of the configuration says; a part that is absent matches everything. */
export interface Exception {
  readonly sources?: readonly string[] | undefined;
  readonly targets?: readonly string[] | undefined;
  /** Destination ports. */
  readonly ports?: readonly number[] | undefined;
  readonly captureNodes?: readonly string[] | undefined;
  readonly sites?: readonly string[] | undefined;
  /** When it is captured. */
  readonly hours?: ExceptionHours | undefined;
  /** Of what is captured before, µs. */
  readonly expires?: number | undefined;
}

interface CompiledException {
  readonly sources: NetworkList | null;
  readonly targets: NetworkList | null;
  readonly ports: Uint8Array | null;
  readonly captureNodes: ReadonlySet<string> | null;
  readonly sites: ReadonlySet<string> | null;
  readonly hours: TimeOfDay | null;
  readonly expires: number;
}

export class ExceptionList implements RuleExceptions {
  private readonly entries: readonly CompiledException[];

  /** @throws Error when an entry names no network */
  constructor(readonly exceptions: readonly Exception[]) {
    this.entries = exceptions.map((entry) => ({
      sources: entry.sources ? new NetworkList(entry.sources) : null,
      targets: entry.targets ? new NetworkList(entry.targets) : null,
      ports: entry.ports ? portSet(entry.ports) : null,
      captureNodes: entry.captureNodes ? new Set(entry.captureNodes) : null,
      sites: entry.sites ? new Set(entry.sites) : null,
      hours: entry.hours ? new TimeOfDay(entry.hours) : null,
      expires: entry.expires ?? Number.POSITIVE_INFINITY,
    }));
  }

  matches(block: PacketBlock, row: number): boolean {
    for (const entry of this.entries) {
      if (
        (entry.ports === null ||
          ((block.present[row]! & HAS_PORTS) !== 0 && entry.ports[block.destinationPort[row]!] === 1)) &&
        (entry.sources === null || entry.sources.has(block, block.sourceKind[row]!, block.sourceAddress[row]!)) &&
        (entry.targets === null ||
          entry.targets.has(block, block.destinationKind[row]!, block.destinationAddress[row]!)) &&
        (entry.captureNodes === null || entry.captureNodes.has(block.origins[block.origin[row]!]!.captureNode)) &&
        (entry.sites === null || entry.sites.has(block.origins[block.origin[row]!]!.site ?? '')) &&
        isInForce(entry, block.timestamp[row]!)
      ) {
        return true;
      }
    }
    return false;
  }

  matchesText(source: string, target: string, port: number, captureNode: string, site: string, time: number): boolean {
    return this.entries.some(
      (entry) =>
        (entry.ports === null || (port >= 0 && entry.ports[port] === 1)) &&
        (entry.sources === null || entry.sources.hasText(source)) &&
        (entry.targets === null || entry.targets.hasText(target)) &&
        (entry.captureNodes === null || entry.captureNodes.has(captureNode)) &&
        (entry.sites === null || entry.sites.has(site)) &&
        isInForce(entry, time),
    );
  }

  /** Whether everything of this source is excepted, whatever it does: entries that name nothing but sources. */
  coversSource(address: string): boolean {
    return this.entries.some(
      (entry) =>
        entry.targets === null &&
        entry.ports === null &&
        entry.captureNodes === null &&
        entry.sites === null &&
        entry.hours === null &&
        entry.expires === Number.POSITIVE_INFINITY &&
        entry.sources?.hasText(address) === true,
    );
  }
}

function isInForce({ expires, hours }: CompiledException, time: number): boolean {
  return time < expires && (hours === null || hours.endOf(time) !== null);
}
