/** What hosts received, the slow and plain way: rows as objects, the sources of each as a set; for reference-tracker.ts. */
import { hashTarget } from '../../../producers/conversations/received-table.js';
import { RECEIVED_SOURCES_MAX } from '../../../schemas/conversations/conversation-block.js';
import { ipv4Bytes, ipv6Bytes } from '../../support/address-bytes.js';
import type { ReceivedRow } from '../../support/conversation-tap.js';

const PACKETS_WORTH_A_ROW = 20;

export interface ReferenceReceivedRow extends ReceivedRow {
  readonly interface: string;
  readonly last: number;
  readonly unaskedBytes: number;
  readonly bytes: number;
}

interface OpenRow {
  readonly time: number;
  readonly interface: string;
  readonly target: string;
  readonly protocol: number;
  readonly port: number;
  readonly sources: Set<string>;
  last: number;
  attempts: number;
  answered: number;
  refused: number;
  unasked: number;
  unaskedBytes: number;
  packets: number;
  bytes: number;
}

export class ReferenceReceived {
  readonly finished: ReferenceReceivedRow[] = [];
  private readonly open = new Map<string, OpenRow>();

  row(time: number, name: string, target: string, protocol: number, port: number, source: string): OpenRow {
    const key = [name, target, protocol, port].join();
    let row = this.open.get(key);
    if (row === undefined) {
      const sums = { last: 0, attempts: 0, answered: 0, refused: 0, unasked: 0, unaskedBytes: 0, packets: 0, bytes: 0 };
      row = { time, interface: name, target, protocol, port, sources: new Set(), ...sums };
      this.open.set(key, row);
    }
    row.sources.add(source);
    return row;
  }

  close(): void {
    for (const row of this.open.values()) {
      const saysSomething = row.attempts + row.answered + row.refused + row.unasked > 0;
      if (saysSomething || row.packets >= PACKETS_WORTH_A_ROW) {
        const { sources, ...sums } = row;
        this.finished.push({ ...sums, ...sketchOf(sources) });
      }
    }
    this.open.clear();
  }
}

/** "k minimum values": the sources of the smallest hashes, and how many there are by the largest of these. */
function sketchOf(sources: Set<string>): { sourceCount: number; sources: string[] } {
  const hashes = [...sources].map((source) => ({ source, hash: hashOf(source) })).sort((a, b) => a.hash - b.hash);
  const kept = hashes.slice(0, RECEIVED_SOURCES_MAX);
  const estimate = Math.round(((RECEIVED_SOURCES_MAX - 1) * 2 ** 32) / (kept[kept.length - 1]!.hash + 1));
  return {
    sourceCount: hashes.length === kept.length ? kept.length : Math.max(RECEIVED_SOURCES_MAX + 1, estimate),
    sources: kept.map(({ source }) => source),
  };
}

function hashOf(address: string): number {
  const isIpv6 = address.includes(':');
  const bytes = isIpv6 ? ipv6Bytes(address) : ipv4Bytes(address);
  const words = Int32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readInt32BE(4 * index));
  return hashTarget(words, 0, isIpv6, 0) >>> 0;
}
