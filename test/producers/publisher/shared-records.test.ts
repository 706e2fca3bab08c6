/** Records of several sources: whole, in order, in the partition of each source, and apart again when partitions change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutgoingRecord } from '../../../producers/publisher/lane.js';
import { isTick } from '../../../producers/publisher/lane.js';
import { RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import { splitRecord } from '../../../producers/publisher/record-splitting.js';
import { OWN_RECORD_PACKETS } from '../../../producers/publisher/shared-records.js';
import { fromSpool, toSpool } from '../../../producers/publisher/spooled-key.js';
import { partitionOf } from '../../../runtime/kafka/partition.js';
import { formatSource } from '../../../schemas/address.js';
import {
  decodePacketBatch,
  decodePacketBatchObjects,
  encodePacketBatch,
} from '../../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { batches, fillBlock } from '../../schemas/packets/packet-batch-arbitraries.js';
import { addRows } from '../../support/accumulated-rows.js';
import { TEST_ORIGIN } from '../../support/packet-blocks.js';

const PARTITIONS = 3;

function recordsOf(
  block: PacketBlock,
  partitions: number,
  accumulator: RecordAccumulator = new RecordAccumulator(block),
): OutgoingRecord[] {
  addRows(accumulator, block);
  const records: OutgoingRecord[] = [];
  accumulator.flush((key, value, packets, origin, _memory, sharing) => {
    const copies = { key: Buffer.from(key), value: Buffer.from(value) };
    records.push({ ...copies, packets, interfaceName: origin.interface, memory: null, sharing });
  }, partitions);
  return records;
}

/** The packets of each source in the order of records, as bytes that are equal for equal packets. */
function packetsBySource(records: readonly OutgoingRecord[]): Map<string, string[]> {
  const bySource = new Map<string, string[]>();
  const block = new PacketBlock(512);
  for (const { value } of records) {
    block.reset();
    expect(decodePacketBatch(value, block)).toMatchObject({ ok: true });
    for (let row = 0; row < block.count; row++) {
      const name = `${formatSource(block, row)} ${block.origins[block.origin[row]!]!.interface}`;
      const packet = encodePacketBatch(block, [row], 0, 1).toString('hex');
      bySource.set(name, [...(bySource.get(name) ?? []), packet]);
    }
  }
  return bySource;
}

const sources = fc
  .record({ length: fc.constantFrom(4, 16, 6), last: fc.integer({ min: 0, max: 6 }) })
  .map(({ length, last }) => new Uint8Array(length).fill(9).fill(last, length - 1));
const traffic = fc.array(
  fc.record({ batch: batches, source: sources }).map(({ batch, source }) => {
    // avsc rounds differences of times that are further apart than any two captures.
    const firstTimestamp = 1_700_000_000_000_000 + (batch.firstTimestamp % 1_000_000);
    return { ...batch, source, firstTimestamp, origin: TEST_ORIGIN };
  }),
  { minLength: 1, maxLength: 12 },
);

describe('sources with few packets', () => {
  it('share the record of their partition, which avsc reads; nothing is lost, and order is kept', () => {
    const block = new PacketBlock(512);
    const accumulator = new RecordAccumulator(block);
    fc.assert(
      fc.property(traffic, (given) => {
        block.reset();
        for (const batch of given) fillBlock(block, batch);
        const shared = recordsOf(block, PARTITIONS, accumulator);
        expect(packetsBySource(shared)).toEqual(packetsBySource(recordsOf(block, 0, accumulator)));
        const read = new PacketBlock(512);
        for (const record of shared) {
          const { sharing, key, value, packets } = record;
          read.reset();
          const batch = decodePacketBatch(value, read);
          expect(batch).toMatchObject({ ok: true, packets });
          const { schema, batch: objects } = decodePacketBatchObjects(value);
          expect(schema.type.toBuffer(objects)).toEqual(value.subarray(10));
          if (!sharing) continue;
          expect([key.length, isTick(record), sharing.partitions]).toEqual([0, false, PARTITIONS]);
          expect((batch as { hosts: number }).hosts).toBeGreaterThan(1);
          for (let row = 0; row < read.count; row++) {
            expect(partitionOf(Buffer.from(formatSource(read, row)), PARTITIONS)).toBe(sharing.partition);
          }
        }
        const alone = shared.flatMap((record) => (record.sharing ? splitRecord(record) : [record]));
        expect(alone.every(({ key, sharing }) => key.length > 0 && !sharing)).toBe(true);
        expect(packetsBySource(alone)).toEqual(packetsBySource(shared));
      }),
      { numRuns: 40 },
    );
  });

  it('are those below the bound; a flood of one packet each is a record a partition', () => {
    const block = new PacketBlock(4000);
    for (let index = 0; index < 3000; index++) addSyn(block, 0x0a000000 + index, index);
    for (let index = 0; index < OWN_RECORD_PACKETS; index++) addSyn(block, 0xc0000201, index);
    const records = recordsOf(block, PARTITIONS);
    expect(records.map(({ key }) => key.toString())).toEqual(['192.0.2.1', '', '', '']);
    expect(records.reduce((sum, { packets }) => sum + packets, 0)).toBe(block.count);
    expect(records.slice(1).reduce((sum, { value }) => sum + value.length, 0) / 3000).toBeLessThan(40);
  });

  it('keep their partition in the spool', () => {
    const shared = { key: Buffer.alloc(0), value: Buffer.from('v'), packets: 2, interfaceName: 'eth0', memory: null };
    const record = { ...shared, sharing: { partition: 3, partitions: 12 } };
    expect(fromSpool(toSpool(record))).toEqual(record);
    const own = { ...shared, key: Buffer.from('192.0.2.1') };
    expect(fromSpool(toSpool(own))).toEqual(own);
  });
});

function addSyn(block: PacketBlock, source: number, index: number): void {
  const row = block.addRow();
  block.origin[row] = block.originIndex(TEST_ORIGIN);
  block.timestamp[row] = 1_700_000_000_000_000 + index;
  block.sourceKind[row] = block.destinationKind[row] = 4;
  block.sourceAddress[row] = source;
  block.destinationAddress[row] = 0xc6336401;
}
