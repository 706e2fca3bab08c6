/** Rows of a block as the objects that avsc writes and reads: an independent account of what a record has to hold. */
import { DECODE_FAILURES } from '../../../schemas/packets/decode-failure.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  HAS_FRAGMENT,
  HAS_ICMP,
  HAS_IP,
  HAS_IP_ID,
  HAS_MACS,
  HAS_PORTS,
  HAS_TCP,
  type PacketBlock,
  ROLE_NAMES,
} from '../../../schemas/packets/packet-block.js';

/** Buffers become Buffers also inside extras, as avsc gives them. */
function withBuffers<T>(value: T): T {
  if (value instanceof Uint8Array) return Buffer.from(value) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withBuffers(part)])) as T;
}

function addressBytes(block: PacketBlock, row: number, kind: number, address: number): Buffer {
  if (kind === ADDRESS_IPV4) return Buffer.from([address >>> 24, address >>> 16, address >>> 8, address]);
  if (kind === ADDRESS_IPV6) return Buffer.from(block.ipv6.subarray(address * 16, address * 16 + 16));
  return kind === ADDRESS_MAC ? Buffer.from(block.macs.subarray(row * 12, row * 12 + 6)) : Buffer.alloc(0);
}

/** As packet-batch-1.avsc has it. */
export function batchRecord1(block: PacketBlock, rows: readonly number[]): BatchRecord1 {
  const first = rows[0]!;
  const origin = block.origins[block.origin[first]!]!;
  return {
    ...origin,
    source: addressBytes(block, first, block.sourceKind[first]!, block.sourceAddress[first]!),
    endOfTimeline: false,
    firstTimestamp: block.timestamp[first]!,
    packets: rows.map((row) => packetRecord1(block, row, block.timestamp[first]!)),
  };
}

export type BatchRecord1 = Readonly<Record<string, unknown>> & { readonly packets: readonly object[] };

function packetRecord1(block: PacketBlock, row: number, firstTimestamp: number) {
  const present = block.present[row]!;
  const when = (bit: number, column: ArrayLike<number>): number | null => ((present & bit) !== 0 ? column[row]! : null);
  const mac = (from: number): Buffer =>
    (present & HAS_MACS) !== 0
      ? Buffer.from(block.macs.subarray(row * 12 + from, row * 12 + from + 6))
      : Buffer.alloc(0);
  const extra = withBuffers(block.extraOf(row));
  return {
    offset: block.timestamp[row]! - firstTimestamp,
    frameLength: block.frameLength[row]!,
    capturedLength: block.capturedLength[row]!,
    sourceMac: mac(0),
    destinationMac: mac(6),
    vlan: block.vlan[row]!,
    innerVlan: block.innerVlan[row]!,
    etherType: block.etherType[row]!,
    destination: addressBytes(block, row, block.destinationKind[row]!, block.destinationAddress[row]!),
    ipProtocol: when(HAS_IP, block.ipProtocol),
    ttl: when(HAS_IP, block.ttl),
    ipId: when(HAS_IP_ID, block.ipId),
    fragmentOffset: when(HAS_FRAGMENT, block.fragmentOffset),
    sourcePort: when(HAS_PORTS, block.sourcePort),
    destinationPort: when(HAS_PORTS, block.destinationPort),
    tcpFlags: when(HAS_TCP, block.tcpFlags),
    tcpSequence: when(HAS_TCP, block.tcpSequence),
    icmpType: when(HAS_ICMP, block.icmpType),
    icmpCode: when(HAS_ICMP, block.icmpCode),
    role: ROLE_NAMES[block.role[row]!]!,
    arp: extra?.arp ?? null,
    neighborDiscovery: extra?.neighborDiscovery ?? null,
    application: extra?.application ?? null,
    tunnel: extra?.tunnel ?? null,
    failure: DECODE_FAILURES[block.failure[row]!]! === '' ? null : DECODE_FAILURES[block.failure[row]!]!,
  };
}

export interface BatchRecord extends Readonly<Record<string, unknown>> {
  readonly hosts: readonly HostRecord[];
}

export interface HostRecord {
  readonly source: Buffer;
  readonly offset: number;
  readonly flows: readonly object[];
  readonly packets: readonly object[];
  readonly conversations: readonly object[];
  readonly received: readonly object[];
  readonly observations: readonly object[];
}

/** As packet-batch-2.avsc has it. */
export function batchRecord(block: PacketBlock, rows: readonly number[]): BatchRecord {
  const { source, packets, ...shared } = batchRecord1(block, rows) as BatchRecord1 & { source: Buffer };
  const links = new Parts();
  const flows = new Parts();
  const host = {
    source,
    offset: 0,
    flows: flows.all,
    packets: packets.map((packet, index) => {
      const before = block.timestamp[rows[index - 1] ?? rows[0]!]!;
      const offset = block.timestamp[rows[index]!]! - before;
      return { ...packetRecord(packet as ReturnType<typeof packetRecord1>, links, flows), offset };
    }),
    conversations: [],
    received: [],
    observations: [],
  };
  return { ...shared, links: links.all, hosts: [host] };
}

/** What packets share: each once, in the order of the first that has it. */
class Parts {
  readonly all: object[] = [];
  private readonly numbers = new Map<string, number>();

  numberOf(part: object): number {
    const text = JSON.stringify(part);
    const known = this.numbers.get(text) ?? this.all.push(part) - 1;
    this.numbers.set(text, known);
    return known;
  }
}

function packetRecord(packet: ReturnType<typeof packetRecord1>, links: Parts, flows: Parts): object {
  const { sourceMac, destinationMac, vlan, innerVlan, etherType } = packet;
  const { destination, ipProtocol, ttl, sourcePort, destinationPort } = packet;
  const { fragmentOffset, icmpType, icmpCode, arp, neighborDiscovery, application, tunnel, failure } = packet;
  const flow = {
    link: links.numberOf({ sourceMac, destinationMac, vlan, innerVlan, etherType }),
    destination,
    ipProtocol: ipProtocol ?? -1,
    ttl: ttl ?? -1,
    sourcePort: sourcePort ?? -1,
    destinationPort: destinationPort ?? -1,
  };
  const more = { fragmentOffset, icmpType, icmpCode, arp, neighborDiscovery, application, tunnel, failure };
  const isPlain = Object.values(more).every((value) => value === null);
  return {
    frameLength: packet.frameLength,
    cutLength: packet.frameLength - packet.capturedLength,
    flow: flows.numberOf(flow),
    ipId: packet.ipId ?? -1,
    tcpFlags: packet.tcpFlags ?? -1,
    tcpSequence: packet.tcpSequence ?? 0,
    role: packet.role,
    more: isPlain
      ? null
      : { ...more, fragmentOffset: fragmentOffset ?? -1, icmpType: icmpType ?? -1, icmpCode: icmpCode ?? -1 },
  };
}
