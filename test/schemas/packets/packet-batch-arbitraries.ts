/** Random batches of one source for fast-check: every kind of address, every optional column, extremes and extras. */
import fc from 'fast-check';
import { DECODE_FAILURES } from '../../../schemas/packets/decode-failure.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  HAS_MACS,
  type PacketBlock,
  type PacketExtra,
  type PacketOrigin,
  TUNNEL_TYPES,
} from '../../../schemas/packets/packet-block.js';

const unsigned = (bits: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 2 ** bits - 1 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 63, 64, 127, 128, 2 ** bits - 1) },
  );
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 20 }));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const networkAddress = fc.oneof(bytes(0), bytes(4), bytes(16));

export const origins: fc.Arbitrary<PacketOrigin> = fc.record({
  captureNode: text,
  interface: text,
  linkType: unsigned(16),
  timeline: text,
  sampling: fc.constantFrom('none', 'packet', 'flow'),
  samplingRate: fc.integer({ min: 1, max: 2 ** 31 }),
  site: text,
});

const extras: fc.Arbitrary<PacketExtra> = fc
  .record({
    arp: optional(
      fc.record({
        operation: unsigned(16),
        senderMac: bytes(6),
        senderAddress: bytes(4),
        targetMac: bytes(6),
        targetAddress: bytes(4),
      }),
    ),
    neighborDiscovery: optional(fc.record({ target: bytes(16), linkLayerAddress: fc.oneof(bytes(0), bytes(6)) })),
    application: optional(
      fc.record({
        protocol: fc.constantFrom('dns' as const, 'tls' as const, 'http' as const, 'dhcp' as const),
        dnsQuery: optional(text),
        dnsType: optional(unsigned(16)),
        tlsServerName: optional(text),
        httpHost: optional(text),
        dhcpMessageType: optional(unsigned(8)),
        dhcpHostname: optional(text),
      }),
    ),
    tunnel: optional(
      fc.record({
        type: fc.constantFrom(...TUNNEL_TYPES),
        layer: fc.constantFrom('inner' as const, 'outer' as const),
        id: optional(unsigned(32)),
        source: networkAddress,
        destination: networkAddress,
        ipProtocol: optional(unsigned(8)),
        sourcePort: optional(unsigned(16)),
        destinationPort: optional(unsigned(16)),
      }),
    ),
  })
  .filter((extra) => Object.values(extra).some((part) => part !== null));

const packets = fc.record({
  offset: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }) },
  ),
  present: unsigned(7),
  frameLength: fc.oneof(unsigned(14), unsigned(31)),
  capturedLength: fc.oneof(unsigned(14), unsigned(31)),
  macs: bytes(12),
  vlan: fc.oneof(fc.constant(0), unsigned(12)),
  innerVlan: fc.oneof(fc.constant(0), unsigned(12)),
  etherType: unsigned(16),
  destination: networkAddress,
  ipProtocol: unsigned(8),
  ttl: unsigned(8),
  ipId: fc.oneof(unsigned(16), unsigned(32)),
  fragmentOffset: unsigned(16),
  sourcePort: unsigned(16),
  destinationPort: unsigned(16),
  tcpFlags: unsigned(16),
  tcpSequence: unsigned(32),
  icmpType: unsigned(8),
  icmpCode: unsigned(8),
  role: fc.integer({ min: 0, max: 3 }),
  failure: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: DECODE_FAILURES.length - 1 })),
  extra: fc.option(extras, { nil: null, freq: 4 }),
});
export type RandomPacket = typeof packets extends fc.Arbitrary<infer P> ? P : never;

export const batches = fc.record({
  origin: origins,
  source: fc.oneof(bytes(4), bytes(16), bytes(6), bytes(0)),
  firstTimestamp: fc.oneof(
    fc.integer({ min: 0, max: 2 ** 51 }),
    fc.constantFrom(0, 1_700_000_000_000_000, 2 ** 52, -1, Number.MAX_SAFE_INTEGER - 2 ** 41),
  ),
  packets: fc.array(packets, { minLength: 1, maxLength: 30 }),
});
export type RandomBatch = typeof batches extends fc.Arbitrary<infer B> ? B : never;

/** Adds the batch's packets to a block and returns their rows. */
export function fillBlock(block: PacketBlock, batch: RandomBatch): number[] {
  const origin = block.originIndex(batch.origin);
  const source6 = batch.source.length === 16 ? block.addIpv6(batch.source, 0) : 0;
  return batch.packets.map((packet, index) => {
    const row = block.addRow();
    const offset = index === 0 ? 0 : packet.offset;
    const { present, destination, extra, macs, offset: _offset, ...columns } = packet;
    block.origin[row] = origin;
    block.timestamp[row] = batch.firstTimestamp + offset;
    block.present[row] = batch.source.length === 6 ? present | HAS_MACS : present;
    for (const [name, value] of Object.entries(columns)) {
      (block[name as 'vlan'] as unknown as Record<number, number>)[row] = value;
    }
    block.macs.set(macs, row * 12);
    if (batch.source.length === 6) block.macs.set(batch.source, row * 12);
    if ((block.present[row]! & HAS_MACS) === 0) block.macs.fill(0, row * 12, row * 12 + 12);
    setSource(block, row, batch.source, source6);
    setDestination(block, row, destination);
    if (extra !== null) block.setExtra(row, extra);
    return row;
  });
}

function setSource(block: PacketBlock, row: number, source: Uint8Array, source6: number): void {
  const kinds: Readonly<Record<number, number>> = {
    0: ADDRESS_NONE,
    4: ADDRESS_IPV4,
    6: ADDRESS_MAC,
    16: ADDRESS_IPV6,
  };
  block.sourceKind[row] = kinds[source.length]!;
  if (source.length === 4) block.sourceAddress[row] = Buffer.from(source).readUInt32BE();
  if (source.length === 16) block.sourceAddress[row] = source6;
}

function setDestination(block: PacketBlock, row: number, destination: Uint8Array): void {
  if (destination.length === 4) {
    block.destinationKind[row] = ADDRESS_IPV4;
    block.destinationAddress[row] = Buffer.from(destination).readUInt32BE();
  } else if (destination.length === 16) {
    block.destinationKind[row] = ADDRESS_IPV6;
    block.destinationAddress[row] = block.addIpv6(destination, 0);
  }
}
