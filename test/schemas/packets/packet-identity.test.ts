import { describe, expect, it } from 'vitest';
import { HAS_IP, HAS_IP_ID, HAS_MACS, HAS_PORTS, HAS_TCP, PacketBlock } from '../../../schemas/packets/packet-block.js';
import { hasIdentity, packetIdentity } from '../../../schemas/packets/packet-identity.js';

type Change = (block: PacketBlock, row: number) => void;

/** A TCP segment as one tap saw it. */
function addSegment(block: PacketBlock, change: Change = () => undefined): number {
  const row = block.addRow();
  block.present[row] = HAS_MACS | HAS_IP | HAS_IP_ID | HAS_PORTS | HAS_TCP;
  block.sourceKind[row] = block.destinationKind[row] = 4;
  block.sourceAddress[row] = 0xc0000201;
  block.destinationAddress[row] = 0xc0000202;
  block.ipProtocol[row] = 6;
  block.ttl[row] = 64;
  block.ipId[row] = 4711;
  block.sourcePort[row] = 40_000;
  block.destinationPort[row] = 443;
  block.tcpFlags[row] = 0x18;
  block.tcpSequence[row] = 0xdeadbeef;
  change(block, row);
  return row;
}

const KEPT: Record<string, Change> = {
  ttl: (block, row) => block.ttl.fill(63, row, row + 1),
  macs: (block, row) => block.macs.fill(7, row * 12, row * 12 + 12),
  vlan: (block, row) => block.vlan.fill(10, row, row + 1),
  'captured length': (block, row) => block.capturedLength.fill(64, row, row + 1),
  timestamp: (block, row) => block.timestamp.fill(99, row, row + 1),
};

const CHANGED: Record<string, Change> = {
  source: (block, row) => block.sourceAddress.fill(1, row, row + 1),
  destination: (block, row) => block.destinationAddress.fill(1, row, row + 1),
  'the two addresses in each other’s place': (block, row) => {
    block.sourceAddress.fill(0xc0000202, row, row + 1);
    block.destinationAddress.fill(0xc0000201, row, row + 1);
  },
  'IP identification': (block, row) => block.ipId.fill(4712, row, row + 1),
  'source port': (block, row) => block.sourcePort.fill(1, row, row + 1),
  'destination port': (block, row) => block.destinationPort.fill(1, row, row + 1),
  sequence: (block, row) => block.tcpSequence.fill(1, row, row + 1),
  flags: (block, row) => block.tcpFlags.fill(2, row, row + 1),
};

describe('packetIdentity', () => {
  const block = new PacketBlock(300_000);
  const reference = packetIdentity(block, addSegment(block));

  it('is a whole number that a double holds', () => {
    expect(Number.isSafeInteger(reference)).toBe(true);
    expect(reference).toBeGreaterThanOrEqual(0);
  });

  it.each(Object.keys(KEPT))('stays with another %s', (name) => {
    expect(packetIdentity(block, addSegment(block, KEPT[name]))).toBe(reference);
  });

  it.each(Object.keys(CHANGED))('changes with %s', (name) => {
    expect(packetIdentity(block, addSegment(block, CHANGED[name]))).not.toBe(reference);
  });

  it('tells neighbours apart', () => {
    const seen = new Set<number>();
    for (let index = 0; index < 200_000; index++) {
      const row = addSegment(block, (to, at) => {
        to.sourcePort[at] = index % 500;
        to.tcpSequence[at] = Math.floor(index / 500);
      });
      seen.add(packetIdentity(block, row));
    }
    expect(seen.size).toBe(200_000);
  });
});

describe('hasIdentity', () => {
  it.each([
    ['a TCP segment', HAS_IP | HAS_PORTS | HAS_TCP, 0, true],
    ['a datagram with an identification', HAS_IP | HAS_IP_ID | HAS_PORTS, 5, true],
    ['a datagram with identification 0', HAS_IP | HAS_IP_ID | HAS_PORTS, 0, false],
    ['an IPv6 datagram', HAS_IP | HAS_PORTS, 0, false],
  ])('%s', (_, present, ipId, expected) => {
    const block = new PacketBlock(1);
    const row = addSegment(block);
    block.present[row] = present;
    block.ipId[row] = ipId;
    expect(hasIdentity(block, row)).toBe(expected);
  });
});
