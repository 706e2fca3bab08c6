/**
 * Records of several sources: what a flush holds of sources with few packets, by partition, so that a flood from forged
 * addresses does not cost a record a packet. The partition is that of each of its sources, as their keys tell.
 */
import { partitionOf } from '../../runtime/kafka/partition.js';
import { HOST_BYTES_MAX, MAX_BATCH_PACKETS, MAX_BATCH_ROWS } from '../../schemas/packets/packet-batch.js';
import type { Sharing } from './lane.js';
import type { SourceTable } from './source-table.js';
import { BYTES, IDENTITY, NEXT_HOST, PACKETS, ROW_COUNT } from './source-words.js';

/**
 * A source of fewer packets in a flush shares a record, unless it has more bytes. Measured on the mix: a record of its own
 * costs about 70 bytes on Kafka and as much work as 8 packets in each process, which 16 packets are worth.
 */
export const OWN_RECORD_PACKETS = 16;
const OWN_RECORD_BYTES = 4096;
/** The longest key, bytes: a link's, of its interface's name. */
const KEY_BYTES_MAX = 16_384;

/** Whether a source is one of those that share. What does not fit one record is never small. */
export function isSmall(words: Int32Array, source: number): boolean {
  return words[source + PACKETS]! < OWN_RECORD_PACKETS && words[source + BYTES]! < OWN_RECORD_BYTES;
}

interface Group {
  readonly sharing: Sharing;
  first: number;
  last: number;
  hosts: number;
  packets: number;
  rows: number;
  bytes: number;
}

export class SharedRecords {
  private readonly groups = new Map<number, Group>();
  private readonly key = Buffer.allocUnsafe(KEY_BYTES_MAX);

  constructor(
    private readonly table: SourceTable,
    private readonly partitions: number,
    private readonly bytesMax: number,
    private readonly emit: (first: number, hosts: number, packets: number, sharing: Sharing | null) => void,
  ) {}

  add(source: number): void {
    const { words } = this.table;
    const partition = partitionOf(this.key, this.partitions, this.table.putKey(this.key, 0, source));
    const id = (words[source + IDENTITY]! >>> 8) * this.partitions + partition;
    const packets = words[source + PACKETS]!;
    const rows = words[source + ROW_COUNT]!;
    const bytes = words[source + BYTES]! + HOST_BYTES_MAX;
    let group = this.groups.get(id);
    if (
      group !== undefined &&
      (group.packets + packets > MAX_BATCH_PACKETS ||
        group.rows + rows > MAX_BATCH_ROWS ||
        group.bytes + bytes > this.bytesMax)
    ) {
      this.close(id, group);
      group = undefined;
    }
    if (group === undefined) {
      const sharing = { partition, partitions: this.partitions };
      this.groups.set(id, { sharing, first: source, last: source, hosts: 1, packets, rows, bytes });
      return;
    }
    words[group.last + NEXT_HOST] = source;
    group.last = source;
    group.hosts++;
    group.packets += packets;
    group.rows += rows;
    group.bytes += bytes;
  }

  finish(): void {
    for (const [id, group] of this.groups) this.close(id, group);
  }

  /** A source that is alone has a record of its own after all. */
  private close(id: number, { first, hosts, packets, sharing }: Group): void {
    this.groups.delete(id);
    this.emit(first, hosts, packets, hosts === 1 ? null : sharing);
  }
}
