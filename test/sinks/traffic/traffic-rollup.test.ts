import { describe, expect, it } from 'vitest';
import { decodePacketBatch } from '../../../schemas/packets/packet-batch.js';
import { PacketBlock, TCP_ACK, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import { SourceDictionary } from '../../../sinks/traffic/source-dictionary.js';
import type { TallyTable } from '../../../sinks/traffic/tally-table.js';
import { countTcp, TrafficRollup } from '../../../sinks/traffic/traffic-rollup.js';
import { packetRecords, TEST_ORIGIN, type TrafficOptions } from '../../support/packet-blocks.js';

const TRAFFIC: TrafficOptions = {
  seed: 3,
  records: 50,
  packets: 100,
  sources: 20,
  start: Date.UTC(2026, 0, 1, 10, 58, 30) * 1000,
  step: 100_000,
};

function rollUp(options: TrafficOptions) {
  const sources = new SourceDictionary();
  const rollup = new TrafficRollup(sources);
  const block = new PacketBlock(100);
  let packets = 0;
  let bytes = 0;
  for (const record of packetRecords(options)) {
    block.reset();
    const result = decodePacketBatch(record.value, block);
    if (!result.ok) throw new Error(result.detail);
    rollup.add(block, 0, result.packets, sources.numberOf(block, 0));
    packets += result.packets;
    for (let row = 0; row < block.count; row++) bytes += block.frameLength[row]!;
  }
  return { buckets: rollup.collect(), packets, bytes };
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

const sumOf = (table: TallyTable, column: 'packets' | 'bytes'): number => sum(table[column].subarray(0, table.size));

describe('TrafficRollup', () => {
  it('adds up to the packets in minutes and in hours, by protocol and by source', () => {
    const { buckets, packets, bytes } = rollUp(TRAFFIC);
    for (const resolution of [1, 60]) {
      const chosen = buckets.filter((bucket) => bucket.resolution === resolution);
      expect(sum(chosen.map((bucket) => bucket.packets))).toBe(packets);
      expect(sum(chosen.map((bucket) => bucket.bytes))).toBe(bytes);
      for (const bucket of chosen) {
        expect(bucket.startSeconds % (resolution * 60)).toBe(0);
        expect(sumOf(bucket.protocols, 'packets')).toBe(bucket.packets);
        expect(sumOf(bucket.sources, 'bytes')).toBe(bucket.bytes);
        expect(countTcp(bucket, TCP_SYN, TCP_ACK)).toBeLessThanOrEqual(countTcp(bucket, TCP_SYN));
      }
    }
    expect(buckets.filter(({ resolution }) => resolution === 60).length).toBe(2);
  });

  it('comes in the order in which rows are locked', () => {
    const origins = ['b', 'a', 'c'].map((captureNode) => ({ ...TEST_ORIGIN, captureNode }));
    const { buckets } = rollUp({ ...TRAFFIC, origins });
    const keys = buckets.map(
      ({ resolution, startSeconds, captureNode }) => `${resolution + 100} ${startSeconds} ${captureNode}`,
    );
    expect(keys).toEqual([...keys].sort());
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('scales by the sampling rate, within reason', () => {
    const scaled = (samplingRate: number) =>
      rollUp({ ...TRAFFIC, origins: [{ ...TEST_ORIGIN, sampling: 'packet', samplingRate }] });
    const { packets } = rollUp(TRAFFIC);
    const minutes = scaled(8).buckets.filter(({ resolution }) => resolution === 1);
    expect(sum(minutes.map((bucket) => bucket.packets))).toBe(8 * packets);
    expect(sum(minutes.map((bucket) => bucket.observedPackets))).toBe(packets);
    const absurd = scaled(2 ** 52).buckets.filter(({ resolution }) => resolution === 1);
    expect(sum(absurd.map((bucket) => bucket.packets))).toBe(1_000_000 * packets);
  });
});
