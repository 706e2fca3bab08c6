import { describe, expect, it } from 'vitest';
import { keepsFlow, keepsPacket, parseSamplingRate } from '../../producers/sampling.js';
import { HAS_FRAGMENT, HAS_IP, HAS_PORTS, PacketBlock } from '../../schemas/packets/packet-block.js';

function addPacket(block: PacketBlock, source: number, destination: number, ports: readonly [number, number]): number {
  const row = block.addRow();
  block.present[row] = HAS_IP | HAS_PORTS;
  block.sourceKind[row] = block.destinationKind[row] = 4;
  block.sourceAddress[row] = source;
  block.destinationAddress[row] = destination;
  block.ipProtocol[row] = 17;
  block.sourcePort[row] = ports[0];
  block.destinationPort[row] = ports[1];
  return row;
}

describe('parseSamplingRate', () => {
  it.each([
    ['1/1', 1],
    ['1/100', 100],
    [' 1/7 ', 7],
  ])('reads %s', (text, rate) => expect(parseSamplingRate(text)).toBe(rate));
  it.each(['', '10', '2/3', '1/0', '1/-5', '1/99999999'])('refuses "%s"', (text) =>
    expect(parseSamplingRate(text)).toBeNull(),
  );
});

describe('keepsPacket', () => {
  it('keeps all at 1/1 and about one of N otherwise', () => {
    expect(Array.from({ length: 100 }, () => keepsPacket(1)).every(Boolean)).toBe(true);
    const kept = Array.from({ length: 100_000 }, () => keepsPacket(10)).filter(Boolean).length;
    // Ten standard deviations of a binomial distribution.
    expect(Math.abs(kept - 10_000)).toBeLessThan(950);
  });
});

describe('keepsFlow', () => {
  it('decides alike for both directions and for every packet of a flow, fragments by their addresses', () => {
    const block = new PacketBlock(4);
    for (let flow = 0; flow < 2000; flow++) {
      block.reset();
      const there = addPacket(block, 0x0a000001 + flow, 0xc0000201, [40_000 + flow, 53]);
      const back = addPacket(block, 0xc0000201, 0x0a000001 + flow, [53, 40_000 + flow]);
      const first = addPacket(block, 0x0a000001 + flow, 0xc0000201, [40_000 + flow, 53]);
      const later = addPacket(block, 0x0a000001 + flow, 0xc0000201, [0, 0]);
      block.present[first] = HAS_IP | HAS_PORTS | HAS_FRAGMENT;
      block.present[later] = HAS_IP | HAS_FRAGMENT;
      expect(keepsFlow(block, there, 8)).toBe(keepsFlow(block, back, 8));
      expect(keepsFlow(block, first, 8)).toBe(keepsFlow(block, later, 8));
    }
  });

  it.each([2, 8, 100])('keeps about one flow of %i, also among flows that differ in a port only', (rate) => {
    const block = new PacketBlock(50_000);
    let kept = 0;
    for (let flow = 0; flow < 50_000; flow++) {
      if (keepsFlow(block, addPacket(block, 0x0a000001, 0xc0000201, [flow, 443]), rate)) kept++;
    }
    const expected = 50_000 / rate;
    expect(Math.abs(kept - expected)).toBeLessThan(6 * Math.sqrt(expected));
  });
});
