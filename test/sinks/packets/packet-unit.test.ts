/** A unit takes records of several sources apart: each counts for itself, in statistics and in what is stored. */
import { expect, it } from 'vitest';
import { RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import { formatSource } from '../../../schemas/address.js';
import { decodePacketBatch } from '../../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { PacketUnit } from '../../../sinks/packets/packet-unit.js';
import type { TopicPosition } from '../../../sinks/stream/topic-position.js';
import { addRows } from '../../support/accumulated-rows.js';
import { addPacket, TEST_ORIGIN } from '../../support/packet-blocks.js';
import { Random } from '../../support/random.js';

const START = 1_700_000_000_000_000;
const SOURCES = 40;

/** Records of packets of few sources each, as a capture node shares them out to one partition. */
function sharedRecords(packets: number): Buffer[] {
  const random = new Random(7);
  const block = new PacketBlock(packets);
  for (let index = 0; index < packets; index++) {
    const source = 3 + (index % SOURCES);
    addPacket(block, (limit) => random.below(limit), TEST_ORIGIN, source, START + index * 100, 10);
  }
  const accumulator = new RecordAccumulator(block);
  addRows(accumulator, block);
  const values: Buffer[] = [];
  accumulator.flush((_key, value) => values.push(Buffer.from(value)), 1);
  return values;
}

function position(packets: number): TopicPosition {
  return { partition: 2, nextOffset: 5, packets } as unknown as TopicPosition;
}

it('counts the packets of each source of a record, and stores those of the sources asked for', () => {
  const values = sharedRecords(200);
  expect(values).toHaveLength(1);
  const unit = new PacketUnit();
  const batch = decodePacketBatch(values[0]!, unit.block);
  if (!batch.ok) throw new Error(batch.detail);
  expect(batch.hosts).toBe(SOURCES);
  const wanted = formatSource(unit.block, 70);
  const everyOf = (row: number): number => (formatSource(unit.block, row) === wanted ? 1 : 0);
  expect(unit.add(position(0), 5, batch, 1, everyOf)).toBe(5);
  expect([unit.packets, unit.records, unit.sources.size, unit.hasRows]).toEqual([200, 1, SOURCES, true]);
  unit.pack(9);
  for (let row = 0; row < batch.packets; row++) {
    if (formatSource(unit.block, row) !== wanted) continue;
    expect(unit.packetOf(row)).toMatchObject({ source: wanted, partition: 2, offset: 5, index: row });
  }
});

it('stores one of so many packets, counted over the sources of a record', () => {
  for (const start of [0, 1, 7]) {
    const unit = new PacketUnit();
    const batch = decodePacketBatch(sharedRecords(200)[0]!, unit.block);
    if (!batch.ok) throw new Error(batch.detail);
    const expected = Array.from({ length: 200 }, (_, index) => start + index).filter((n) => n % 7 === 0).length;
    expect(unit.add(position(start), 5, batch, 1, () => 7)).toBe(expected);
  }
});
