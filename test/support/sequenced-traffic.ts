/**
 * Traffic that shows whether anything of it was lost, repeated or reordered: each source counts its packets in the TCP
 * sequence number, from 0 to `length - 1` and, when the capture is played in a loop, from 0 again.
 */
import { formatSource } from '../../schemas/address.js';
import { decodePacketBatch, MAX_BATCH_PACKETS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { pcapFile } from './capture-file.js';
import { ethernet } from './frames.js';
import { ipv4 } from './ip-packets.js';
import { tcp } from './transport-segments.js';

/** Addresses of the sources, from RFC 2544's benchmark range. */
export const SOURCE_PREFIX = '198.18.';

/** A pcap of `sources` times `length` packets, one of each source in turn, a microsecond apart. */
export function sequencedCapture(
  sources: number,
  length: number,
  { startMicros = 1_700_000_000_000_000, destination = '198.19.0.1' } = {},
): Buffer {
  const frames = Array.from({ length: sources * length }, (_, index) => {
    const source = index % sources;
    const sequence = Math.floor(index / sources);
    const addresses = { source: `${SOURCE_PREFIX}${source >> 8}.${source & 255}`, destination };
    const segment = tcp({ sourcePort: 1024 + (sequence % 60_000), destinationPort: 80, sequence });
    return {
      time: startMicros + index,
      bytes: ethernet({ source: '02:00:00:00:00:01', pad: true }, ipv4(addresses, segment)),
    };
  });
  return pcapFile(frames);
}

export interface SequenceReport {
  /** Packets of the sequenced sources. */
  readonly packets: number;
  /** Sources, each counted once an interface. */
  readonly sources: number;
  /** Places where a source's number did not follow its last one on the same interface. */
  readonly breaks: readonly string[];
  /** Packets of other sources: what the kernel says on a new interface. */
  readonly others: number;
  readonly ticks: number;
  readonly endsOfTimeline: number;
}

/** Reads records of `packets`, each partition in order. */
export function readSequences(
  partitions: readonly (readonly { readonly key: Buffer | null; readonly value: Buffer | null }[])[],
  length: number,
): SequenceReport {
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  const last = new Map<string, number>();
  const breaks: string[] = [];
  let packets = 0;
  let others = 0;
  let ticks = 0;
  let endsOfTimeline = 0;
  for (const { key, value } of partitions.flat()) {
    block.reset();
    const batch = decodePacketBatch(value!, block);
    if (!batch.ok) throw new Error(`a record cannot be read: ${batch.reason}: ${batch.detail}`);
    if (batch.hosts === 0) ticks++;
    if (batch.endOfTimeline) endsOfTimeline++;
    for (let row = 0; row < batch.packets; row++) {
      const address = formatSource(block, row);
      // Sources that share a record have no key.
      if (batch.hosts === 1 && address !== key!.toString()) breaks.push(`key ${key} of source ${address}`);
      if (!address.startsWith(SOURCE_PREFIX)) {
        others++;
        continue;
      }
      packets++;
      const source = `${batch.origin.interface} ${address}`;
      const sequence = block.tcpSequence[row]!;
      const before = last.get(source);
      if (before !== undefined && sequence !== (before + 1) % length) {
        breaks.push(`${source}: ${sequence} after ${before}`);
      }
      last.set(source, sequence);
    }
  }
  return { packets, sources: last.size, breaks, others, ticks, endsOfTimeline };
}
