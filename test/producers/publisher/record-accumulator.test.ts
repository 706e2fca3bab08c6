import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECORD_BYTES_MAX, RecordAccumulator, ROWS_MAX } from '../../../producers/publisher/record-accumulator.js';
import { formatSource } from '../../../schemas/address.js';
import { decodePacketBatch, encodePacketBatch, MAX_BATCH_PACKETS } from '../../../schemas/packets/packet-batch.js';
import { PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import { batches, fillBlock } from '../../schemas/packets/packet-batch-arbitraries.js';
import { addRows } from '../../support/accumulated-rows.js';

const ORIGINS: readonly PacketOrigin[] = ['eth0', 'eth1'].map((name) => ({
  captureNode: 'node',
  interface: name,
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
}));

// Few addresses, so that sources recur, and IPv6 addresses and MACs that differ in one byte only.
const sources = fc
  .record({ length: fc.constantFrom(4, 16, 6), last: fc.integer({ min: 0, max: 3 }) })
  .map(({ length, last }) => new Uint8Array(length).fill(9).fill(last, length - 1));
const traffic = fc.array(
  fc.record({ batch: batches, source: sources, origin: fc.integer({ min: 0, max: 1 }) }).map((packets) => ({
    ...packets.batch,
    source: packets.source,
    origin: ORIGINS[packets.origin]!,
  })),
  { minLength: 1, maxLength: 12 },
);

/** What the accumulator made: key, packets and interface of each record, and its bytes. */
function flush(accumulator: RecordAccumulator): { name: string; value: Buffer }[] {
  const records: { name: string; value: Buffer }[] = [];
  accumulator.flush((key, value, packets, origin) =>
    records.push({ name: `${key.toString()} ${packets} ${origin.interface}`, value }),
  );
  return records;
}

/** The same by a Map of text, and by the encoder of whole batches. */
function expected(block: PacketBlock): { name: string; value: Buffer }[] {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < block.count; row++) {
    const name = `${formatSource(block, row)}|${block.origin[row]}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups.values()].map((rows) => ({
    name: `${formatSource(block, rows[0]!)} ${rows.length} ${block.origins[block.origin[rows[0]!]!]!.interface}`,
    value: encodePacketBatch(block, rows, 0, rows.length),
  }));
}

/** Comparing text is far faster than comparing Buffers byte by byte, as vitest does. */
function asText({ name, value }: { name: string; value: Buffer }): string {
  return `${name} ${value.toString('hex')}`;
}

function plainBlock(packets: number, source: (index: number) => number): PacketBlock {
  const block = new PacketBlock(packets);
  for (let index = 0; index < packets; index++) {
    const row = block.addRow();
    block.origin[row] = block.originIndex(ORIGINS[0]!);
    block.timestamp[row] = 1_700_000_000_000_000 + index;
    block.sourceKind[row] = 4;
    block.sourceAddress[row] = source(index);
  }
  return block;
}

describe('RecordAccumulator', () => {
  it('makes of each source and origin the record that encoding all its packets at once makes, flush after flush', () => {
    const block = new PacketBlock(512);
    const accumulator = new RecordAccumulator(block);
    fc.assert(
      fc.property(traffic, (given) => {
        block.reset();
        for (const batch of given) fillBlock(block, batch);
        addRows(accumulator, block);
        expect(flush(accumulator).map(asText)).toEqual(expected(block).map(asText));
        expect(accumulator.packets).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('makes the same records when told the directions of conversations, though several may share a number', () => {
    const block = new PacketBlock(512);
    const directions = 64;
    const accumulator = new RecordAccumulator(block, directions);
    fc.assert(
      fc.property(traffic, (given) => {
        block.reset();
        for (const batch of given) fillBlock(block, batch);
        addRows(accumulator, block, (row) => (block.sourcePort[row]! + 31 * block.destinationPort[row]!) % directions);
        expect(flush(accumulator).map(asText)).toEqual(expected(block).map(asText));
      }),
      { numRuns: 300 },
    );
  });

  it('says once what frames without a network address share', () => {
    const block = plainBlock(6, () => 0);
    for (let row = 0; row < block.count; row++) {
      block.sourceKind[row] = 48;
      block.etherType[row] = row & 1;
      // what another packet left there
      block.destinationAddress[row] = row;
    }
    const accumulator = new RecordAccumulator(block);
    addRows(accumulator, block);
    expect(flush(accumulator).map(asText)).toEqual(expected(block).map(asText));
  });

  it('says when it is full, at the latest with 65,536 sources', () => {
    const block = plainBlock(65_536, (index) => index * 65_521);
    const accumulator = new RecordAccumulator(block);
    for (let round = 0; round < 2; round++) {
      for (let row = 0; row < block.count; row += ROWS_MAX) {
        expect(accumulator.isFull).toBe(false);
        accumulator.add(row, row + ROWS_MAX);
      }
      expect(accumulator.isFull).toBe(true);
      const records = flush(accumulator);
      expect(records.length).toBe(65_536);
      expect(records[1]?.name).toBe('0.0.255.241 1 eth0');
      expect(records[65_535]?.value).toEqual(encodePacketBatch(block, [65_535], 0, 1));
    }
  });

  it('begins a further record of a source at the most packets and at the most bytes', () => {
    const block = plainBlock(2 * MAX_BATCH_PACKETS + 5, () => 0xc0000201);
    const accumulator = new RecordAccumulator(block);
    addRows(accumulator, block);
    const counts = flush(accumulator).map(({ name }) => name);
    expect(counts).toEqual([10_000, 10_000, 5].map((packets) => `192.0.2.1 ${packets} eth0`));

    const name = 'x'.repeat(255);
    const fields = { dnsQuery: name, tlsServerName: name, httpHost: name, dhcpHostname: name };
    const application = { protocol: 'dns', dnsType: 1, dhcpMessageType: null, ...fields } as const;
    const large = plainBlock(2_500, () => 0xc0000201);
    for (let row = 0; row < large.count; row++) {
      large.setExtra(row, { arp: null, neighborDiscovery: null, application, tunnel: null });
    }
    const second = new RecordAccumulator(large);
    addRows(second, large);
    const records = flush(second);
    expect(records.length).toBe(3);
    const read = new PacketBlock(large.count);
    for (const { value } of records) {
      expect(value.length).toBeLessThanOrEqual(RECORD_BYTES_MAX);
      expect(decodePacketBatch(value, read).ok).toBe(true);
    }
    expect([...read.timestamp]).toEqual([...large.timestamp]);
  });

  it('is full before its memory is, whatever packets carry', () => {
    const name = 'y'.repeat(255);
    const fields = { dnsQuery: name, tlsServerName: name, httpHost: name, dhcpHostname: name };
    const application = { protocol: 'tls', dnsType: 1, dhcpMessageType: null, ...fields } as const;
    const block = plainBlock(65_536, (index) => index % 1000);
    const accumulator = new RecordAccumulator(block);
    let added = 0;
    for (; !accumulator.isFull; added += ROWS_MAX) {
      for (let row = added; row < added + ROWS_MAX; row++) {
        block.setExtra(row, { arp: null, neighborDiscovery: null, application, tunnel: null });
      }
      accumulator.add(added, added + ROWS_MAX);
    }
    expect(added).toBeGreaterThan(1000);
    const rows = Array.from({ length: Math.ceil(added / 1000) }, (_, index) => index * 1000);
    expect(flush(accumulator)[0]?.value).toEqual(encodePacketBatch(block, rows, 0, rows.length));
  });
});
