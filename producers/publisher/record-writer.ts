/** What has gathered of a source, or of several, as the value of one record. */
import { putInt } from '../../schemas/packets/avro-bytes.js';
import { putBatchStart, putHostStart } from '../../schemas/packets/packet-batch.js';
import { ADDRESS_IPV4 } from '../../schemas/packets/packet-block.js';
import type { Memory } from './copy-run.js';
import { type FlowTable, NO_FLOW } from './flow-table.js';
import type { PacketRuns } from './packet-runs.js';
import type { RecordRows } from './record-rows.js';
import { ADDRESS_TEXT, addressLength } from './source-key.js';
import type { SourceTable } from './source-table.js';
import { ADDRESS, FIRST_FLOW, FIRST_ROW, FLOW_COUNT, IDENTITY, NEXT_HOST, PACKETS } from './source-words.js';

export class RecordWriter {
  /** The number of each link in the record at hand, and the record it was given in. */
  private readonly linkNumbers: Int32Array;
  private readonly linkRecords: Int32Array;
  private record = 0;
  private readonly links: Int32Array;
  private linkCount = 0;

  constructor(
    private readonly table: SourceTable,
    private readonly flows: FlowTable,
    private readonly runs: PacketRuns,
    private readonly rows: RecordRows,
  ) {
    const links = flows.links.capacity;
    this.linkNumbers = new Int32Array(links);
    this.linkRecords = new Int32Array(links);
    this.links = new Int32Array(links);
  }

  /**
   * Writes the record of `hosts` sources, the first of which is `first` and each names the next.
   *
   * @param head what every record of its origin begins with
   */
  put(to: Memory, start: number, first: number, hosts: number, head: Buffer): number {
    const { bytes } = to;
    const { words } = this.table;
    const time = this.table.timeOf(first);
    let at = putBatchStart(bytes, start + head.copy(bytes, start), time);
    this.collectLinks(first, hosts);
    at = this.putLinks(to, at);
    at = putInt(bytes, at, hosts);
    let source = first;
    for (let host = 0; host < hosts; host++) {
      at = this.putHost(to, at, source, time);
      source = words[source + NEXT_HOST]!;
    }
    bytes[at] = 0; // no further host
    return at + 1;
  }

  private collectLinks(first: number, hosts: number): void {
    const { flows, linkNumbers, linkRecords, links } = this;
    const { words } = this.table;
    const record = (this.record + 1) | 0;
    this.record = record;
    let count = 0;
    let source = first;
    for (let host = 0; host < hosts; host++) {
      if (words[source + FLOW_COUNT]! > 0) {
        for (let flow = words[source + FIRST_FLOW]!; flow !== NO_FLOW; flow = flows.next[flow]!) {
          const link = flows.linkOf(flow);
          if (linkRecords[link] === record) continue;
          linkRecords[link] = record;
          linkNumbers[link] = count;
          links[count++] = link;
        }
      }
      source = words[source + NEXT_HOST]!;
    }
    this.linkCount = count;
  }

  private putLinks(to: Memory, start: number): number {
    const { links } = this.flows;
    let at = start;
    if (this.linkCount > 0) {
      at = putInt(to.bytes, at, this.linkCount);
      for (let index = 0; index < this.linkCount; index++) at = links.put(to, at, this.links[index]!);
    }
    to.bytes[at] = 0; // no further block of links
    return at + 1;
  }

  private putHost(to: Memory, start: number, source: number, time: number): number {
    const { bytes } = to;
    const { words, bytes: sourceBytes } = this.table;
    const kind = words[source + IDENTITY]! & 0xff;
    const address = (source + ADDRESS) * 4;
    if (kind === ADDRESS_IPV4) {
      const value = words[source + ADDRESS]!;
      for (let i = 0; i < 4; i++) sourceBytes[address + i] = value >>> (24 - 8 * i);
    }
    const length = kind === ADDRESS_TEXT ? 0 : addressLength(kind);
    let at = putHostStart(bytes, start, sourceBytes, address, length, this.table.timeOf(source) - time);
    const packets = words[source + PACKETS]!;
    if (packets > 0) {
      at = putInt(bytes, this.putFlows(to, at, source), packets);
      at = this.runs.put(to, at, source);
    } else bytes[at++] = 0; // no flows
    bytes[at] = 0; // no further block of packets
    return this.rows.putArrays(to, at + 1, words[source + FIRST_ROW]!);
  }

  private putFlows({ bytes, view }: Memory, start: number, source: number): number {
    const { flows, linkNumbers } = this;
    const { words } = this.table;
    let at = putInt(bytes, start, words[source + FLOW_COUNT]!);
    for (let flow = words[source + FIRST_FLOW]!; flow !== NO_FLOW; flow = flows.next[flow]!) {
      at = flows.put(view, putInt(bytes, at, linkNumbers[flows.linkOf(flow)]!), flow);
    }
    bytes[at] = 0; // no further block of flows
    return at + 1;
  }
}
