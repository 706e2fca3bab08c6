/**
 * Exceptions of a detector, compiled for the packet path: networks as masks, ports as a bitmap. A packet is excepted
 * when any of the entries matches it; an entry matches when all of its parts do.
 */
import { HAS_PORTS, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { NetworkList, portSet } from '../contract/network-list.js';
import type { RuleExceptions } from '../contract/rule.js';

/** What one entry of the configuration says; a part that is absent matches everything. */
export interface Exception {
  readonly sources?: readonly string[] | undefined;
  readonly targets?: readonly string[] | undefined;
  /** Destination ports. */
  readonly ports?: readonly number[] | undefined;
  readonly captureNodes?: readonly string[] | undefined;
}

interface CompiledException {
  readonly sources: NetworkList | null;
  readonly targets: NetworkList | null;
  readonly ports: Uint8Array | null;
  readonly captureNodes: ReadonlySet<string> | null;
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
        (entry.captureNodes === null || entry.captureNodes.has(block.origins[block.origin[row]!]!.captureNode))
      ) {
        return true;
      }
    }
    return false;
  }

  matchesText(source: string, target: string, port: number, captureNode: string): boolean {
    return this.entries.some(
      (entry) =>
        (entry.ports === null || (port >= 0 && entry.ports[port] === 1)) &&
        (entry.sources === null || entry.sources.hasText(source)) &&
        (entry.targets === null || entry.targets.hasText(target)) &&
        (entry.captureNodes === null || entry.captureNodes.has(captureNode)),
    );
  }

  /** Whether everything of this source is excepted, whatever it does: entries that name nothing but sources. */
  coversSource(address: string): boolean {
    return this.entries.some(
      (entry) =>
        entry.targets === null &&
        entry.ports === null &&
        entry.captureNodes === null &&
        entry.sources?.hasText(address) === true,
    );
  }
}
