/** Rows of a block as the objects that avsc writes and reads: an independent account of what a record has to hold. */
import { DECODE_FAILURES } from '../../../schemas/packets/decode-failure.js';
import type { PacketBatchRecord, PacketRecord } from '../../../schemas/packets/packet-batch.js';
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

export function batchRecord(block: PacketBlock, rows: readonly number[]): PacketBatchRecord {
  const first = rows[0]!;
  const origin = block.origins[block.origin[first]!]!;
  return {
    ...origin,
    source: addressBytes(block, first, block.sourceKind[first]!, block.sourceAddress[first]!),
    endOfTimeline: false,
    firstTimestamp: block.timestamp[first]!,
    packets: rows.map((row) => packetRecord(block, row, block.timestamp[first]!)),
  };
}

function packetRecord(block: PacketBlock, row: number, firstTimestamp: number): PacketRecord {
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
