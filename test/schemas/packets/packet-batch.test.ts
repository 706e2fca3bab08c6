import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { APPLICATION_STRING_MAX } from '../../../schemas/packets/application.js';
import {
  decodePacketBatch,
  decodePacketBatchObjects,
  encodePacketBatch,
  encodeTick,
  MAX_BATCH_PACKETS,
  type PacketBatchResult,
} from '../../../schemas/packets/packet-batch.js';
import { fingerprintBytes, publishedSchemas } from '../../../schemas/packets/packet-batch-schemas.js';
import { PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import { batches, fillBlock, type RandomBatch } from './packet-batch-arbitraries.js';
import { type BatchRecord, batchRecord } from './packet-record.js';

const PREFIX_LENGTH = 10;
const newest = publishedSchemas()[0]!;
const ORIGIN: PacketOrigin = {
  captureNode: 'node-1',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};

function encode(batch: RandomBatch): { block: PacketBlock; rows: number[]; value: Buffer } {
  const block = new PacketBlock(64);
  const rows = fillBlock(block, batch);
  return { block, rows, value: encodePacketBatch(block, rows, 0, rows.length) };
}

function accepted(result: PacketBatchResult): Extract<PacketBatchResult, { ok: true }> {
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail}`);
  return result;
}

/** A batch of plain packets, as nearly all are. */
function plainBatch(packets: number): { block: PacketBlock; value: Buffer } {
  const block = new PacketBlock(packets);
  const rows = Array.from({ length: packets }, (_, index) => {
    const row = block.addRow();
    block.origin[row] = block.originIndex(ORIGIN);
    block.timestamp[row] = 1_700_000_000_000_000 + index;
    block.sourceKind[row] = 4;
    block.sourceAddress[row] = 0xc0000201;
    return row;
  });
  return { block, value: encodePacketBatch(block, rows, 0, packets) };
}

describe('the codec and avsc', () => {
  it('write the same bytes', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const { block, rows, value } = encode(batch);
        expect(value.subarray(PREFIX_LENGTH)).toEqual(newest.type.toBuffer(batchRecord(block, rows)));
      }),
      { numRuns: 200 },
    );
  });

  it('read the same packets', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const { block, rows, value } = encode(batch);
        const record = batchRecord(block, rows);
        expect(plain(decodePacketBatchObjects(value).batch)).toEqual(plain(record));
        const read = new PacketBlock(64);
        const { packets, firstRow, origin, firstTimestamp } = accepted(decodePacketBatch(value, read));
        expect({ packets, firstRow, origin, firstTimestamp }).toEqual({
          packets: rows.length,
          firstRow: 0,
          origin: batch.origin,
          firstTimestamp: batch.firstTimestamp,
        });
        const readRows = rows.map((_, index) => index);
        expect(batchRecord(read, readRows)).toEqual(record);
        expect(encodePacketBatch(read, readRows, 0, packets)).toEqual(value);
      }),
      { numRuns: 200 },
    );
  });

  it('agree on arrays in several blocks, with and without their size', () => {
    fc.assert(
      fc.property(batches, fc.boolean(), (batch, sized) => {
        const { block, rows, value } = encode(batch);
        const payload = Buffer.from(inBlocks(batchRecord(block, rows), sized));
        const read = new PacketBlock(64);
        accepted(decodePacketBatch(Buffer.concat([value.subarray(0, PREFIX_LENGTH), payload]), read));
        expect(encodePacketBatch(read, rows, 0, rows.length)).toEqual(value);
      }),
      { numRuns: 100 },
    );
  });
});

describe('decodePacketBatch', () => {
  it('appends behind what the block holds', () => {
    const { value } = plainBatch(3);
    const block = new PacketBlock(10);
    accepted(decodePacketBatch(value, block));
    expect(accepted(decodePacketBatch(value, block))).toMatchObject({ packets: 3, firstRow: 3, source: '192.0.2.1' });
    expect([block.count, block.origins.length]).toEqual([6, 1]);
    expect(block.timestamp[5]).toBe(1_700_000_000_000_002);
  });

  it('refuses every truncation and leaves the block as it was', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const { value } = encode(batch);
        for (let length = 0; length < value.length; length++) {
          const block = new PacketBlock(64);
          const result = decodePacketBatch(value.subarray(0, length), block);
          expect(result).toMatchObject({ ok: false, reason: length < 2 ? 'not_avro' : 'truncated' });
          expect([block.count, block.ipv6Count, block.extras.length, block.origins.length]).toEqual([0, 0, 0, 0]);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('reads a record amid other bytes as it reads it alone, and no further', () => {
    fc.assert(
      fc.property(batches, fc.uint8Array({ maxLength: 400 }), (batch, around) => {
        const { value } = encode(batch);
        const bytes = Buffer.concat([around, value, value, around]);
        const from = around.length;
        const alone = new PacketBlock(64);
        const amid = new PacketBlock(64);
        const expected = accepted(decodePacketBatch(value, alone));
        const result = accepted(decodePacketBatch(bytes, amid, from, from + value.length));
        expect(result).toMatchObject({ packets: expected.packets, firstTimestamp: expected.firstTimestamp });
        expect(result.source).toBe(expected.source);
        expect(result.origin).toBe(expected.origin);
        const rows = Array.from({ length: amid.count }, (_, row) => row);
        if (rows.length > 0) expect(encodePacketBatch(amid, rows, 0, rows.length)).toEqual(value);
        for (let length = 0; length < value.length; length += 7) {
          const block = new PacketBlock(64);
          expect(decodePacketBatch(bytes, block, from, from + length)).toMatchObject({ ok: false });
          expect([block.count, block.ipv6Count, block.extras.length, block.origins.length]).toEqual([0, 0, 0, 0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never throws on damaged bytes, and what it accepts can be written again', () => {
    fc.assert(
      fc.property(
        batches,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        (batch, damage) => {
          const { value } = encode(batch);
          for (const [at, byte] of damage) value[PREFIX_LENGTH + (at % (value.length - PREFIX_LENGTH))] = byte;
          const block = new PacketBlock(64);
          const result = decodePacketBatch(value, block);
          if (!result.ok) {
            expect([block.count, block.ipv6Count, block.extras.length, block.applicationsLength]).toEqual([0, 0, 0, 0]);
          } else if (result.packets > 0) {
            encodePacketBatch(
              block,
              Array.from({ length: result.packets }, (_, row) => row),
              0,
              result.packets,
            );
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it.each([
    ['text', Buffer.from('{"hello":1}'), 'not_avro'],
    ['nothing', Buffer.alloc(0), 'not_avro'],
    ['another schema', Buffer.from('c3010102030405060708ff', 'hex'), 'unknown_schema'],
  ])('refuses %s', (_, value, reason) => {
    expect(decodePacketBatch(value, new PacketBlock(1))).toMatchObject({ ok: false, reason });
  });

  it('does not believe a count that the bytes cannot hold', () => {
    const tick = encodeTick(ORIGIN, 0, false);
    const huge = Buffer.concat([tick.subarray(0, -1), Buffer.from('feffffff0f', 'hex')]);
    expect(decodePacketBatch(huge, new PacketBlock(8))).toMatchObject({ ok: false, reason: 'truncated' });
    const many = Buffer.concat([tick.subarray(0, -1), Buffer.from([0x80, 0x01])]);
    expect(decodePacketBatch(many, new PacketBlock(100))).toMatchObject({ ok: false, reason: 'truncated' });
  });

  it('refuses bytes after the end', () => {
    const value = Buffer.concat([encodeTick(ORIGIN, 0, false), Buffer.from([0])]);
    expect(decodePacketBatch(value, new PacketBlock(8))).toMatchObject({ ok: false, reason: 'invalid' });
  });

  it('says when only the room is missing', () => {
    const { value } = plainBatch(5);
    const block = new PacketBlock(4);
    expect(decodePacketBatch(value, block)).toMatchObject({ ok: false, reason: 'block_full' });
    expect(block.count).toBe(0);
  });
});

describe('encodePacketBatch', () => {
  it('takes MAX_BATCH_PACKETS and no more', () => {
    const { value } = plainBatch(MAX_BATCH_PACKETS);
    const block = new PacketBlock(MAX_BATCH_PACKETS);
    expect(accepted(decodePacketBatch(value, block)).packets).toBe(MAX_BATCH_PACKETS);
    expect(() => plainBatch(MAX_BATCH_PACKETS + 1)).toThrow(RangeError);
  });

  it('cuts strings at a character, and what a double or an int cannot hold at the nearest that it can', () => {
    const block = new PacketBlock(1);
    const row = block.addRow();
    block.origin[row] = block.originIndex({ ...ORIGIN, interface: 'x'.repeat(5000) });
    block.timestamp[row] = 2 ** 60;
    block.frameLength[row] = 0xffffffff;
    block.setExtra(row, {
      arp: null,
      neighborDiscovery: null,
      tunnel: null,
      application: {
        protocol: 'dns',
        dnsQuery: '€'.repeat(200),
        dnsType: null,
        tlsServerName: null,
        httpHost: null,
        dhcpMessageType: null,
        dhcpHostname: null,
      },
    });
    const read = new PacketBlock(1);
    const { origin } = accepted(decodePacketBatch(encodePacketBatch(block, [0], 0, 1), read));
    expect(origin.interface).toBe('x'.repeat(1024));
    expect(read.timestamp[0]).toBe(Number.MAX_SAFE_INTEGER);
    expect(read.frameLength[0]).toBe(2 ** 31 - 1);
    expect(read.applicationOf(0)?.dnsQuery).toBe('€'.repeat(Math.floor(APPLICATION_STRING_MAX / 3)));
  });
});

describe('encodeTick', () => {
  it.each([false, true])('carries a time and whether the timeline ends: %s', (endOfTimeline) => {
    const block = new PacketBlock(1);
    const value = encodeTick({ ...ORIGIN, timeline: 'replay-1' }, 1_700_000_000_123_456, endOfTimeline);
    expect(accepted(decodePacketBatch(value, block))).toMatchObject({
      packets: 0,
      source: '',
      firstTimestamp: 1_700_000_000_123_456,
      endOfTimeline,
      origin: { timeline: 'replay-1' },
    });
    expect([block.count, block.origins.length]).toEqual([0, 0]);
    expect(decodePacketBatchObjects(value).batch).toMatchObject({ endOfTimeline, hosts: [] });
  });
});

describe('the published schemas', () => {
  it('have the fingerprints of the Avro specification', () => {
    // The values that the Java implementation's test suite gives for these schemas.
    expect(fingerprintBytes(Buffer.from('"int"')).readBigUInt64LE()).toBe(0x7275d51a3f395c8fn);
    expect(fingerprintBytes(Buffer.from('"string"')).readBigUInt64LE()).toBe(0x8f014872634503c7n);
  });

  it('are those that records are written with', () => {
    expect(plainBatch(1).value.subarray(0, PREFIX_LENGTH)).toEqual(
      Buffer.concat([Buffer.from([0xc3, 0x01]), newest.fingerprint]),
    );
  });
});

/** avsc gives instances of classes of its own. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** The payload with its packets in blocks of at most two, as writers that stream do it. */
function inBlocks(record: BatchRecord, sized: boolean): Buffer {
  const [host] = record.hosts;
  const encode = (packets: readonly object[]): Buffer =>
    newest.type.toBuffer({ ...record, hosts: [{ ...host, packets }] });
  const empty = encode([]);
  const long = avro.Type.forSchema('long');
  // Behind the array of packets: its end, those of the rows and that of the hosts.
  const parts = [empty.subarray(0, -5)];
  for (let at = 0; at < host!.packets.length; at += 2) {
    const packets = host!.packets.slice(at, at + 2);
    const items = encode(packets).subarray(empty.length - 5 + 1, -5);
    if (sized) parts.push(long.toBuffer(-packets.length), long.toBuffer(items.length));
    else parts.push(long.toBuffer(packets.length));
    parts.push(items);
  }
  return Buffer.concat([...parts, Buffer.alloc(5)]);
}
