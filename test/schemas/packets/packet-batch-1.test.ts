/** Records of the first schema, which nobody writes any more, read as they were. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { projectRoot } from '../../../runtime/process/project.js';
import {
  decodePacketBatch,
  decodePacketBatchObjects,
  type PacketBatchResult,
} from '../../../schemas/packets/packet-batch.js';
import { publishedSchemas } from '../../../schemas/packets/packet-batch-schemas.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { batches, fillBlock } from './packet-batch-arbitraries.js';
import { batchRecord1 } from './packet-record.js';

const schema1 = publishedSchemas().find(({ version }) => version === 1)!;
const PREFIX = Buffer.concat([Buffer.from([0xc3, 0x01]), schema1.fingerprint]);

function accepted(result: PacketBatchResult): Extract<PacketBatchResult, { ok: true }> {
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail}`);
  return result;
}

/** Batches that schema 1 can say. */
const batches1 = batches.filter(({ packets }) =>
  packets.every(({ extra }) => {
    const tunnel = extra?.tunnel;
    return (
      tunnel == null || ['vxlan', 'gre', 'ip6_in_ip4', 'ip4_in_ip4', 'ip4_in_ip6', 'ip6_in_ip6'].includes(tunnel.type)
    );
  }),
);

it('random batches, as avsc writes them', () => {
  fc.assert(
    fc.property(batches1, (batch) => {
      const block = new PacketBlock(64);
      const rows = fillBlock(block, batch);
      const record = batchRecord1(block, rows);
      const read = new PacketBlock(64);
      const value = Buffer.concat([PREFIX, schema1.type.toBuffer(record)]);
      const { packets, firstTimestamp, origin } = accepted(decodePacketBatch(value, read));
      expect({ packets, firstTimestamp }).toEqual({ packets: rows.length, firstTimestamp: batch.firstTimestamp });
      expect(origin).toEqual({ ...batch.origin, site: '' });
      const readRecord = batchRecord1(read, rows);
      expect({ ...readRecord, site: batch.origin.site }).toEqual(record);
    }),
    { numRuns: 200 },
  );
});

it('every truncation is refused', () => {
  fc.assert(
    fc.property(batches1, (batch) => {
      const block = new PacketBlock(64);
      const value = Buffer.concat([PREFIX, schema1.type.toBuffer(batchRecord1(block, fillBlock(block, batch)))]);
      for (let length = PREFIX.length; length < value.length; length++) {
        const read = new PacketBlock(64);
        expect(decodePacketBatch(value.subarray(0, length), read)).toMatchObject({ ok: false, reason: 'truncated' });
        expect([read.count, read.ipv6Count, read.extras.length, read.origins.length]).toEqual([0, 0, 0, 0]);
      }
    }),
    { numRuns: 5 },
  );
});

it('records that a capture node of its time wrote', () => {
  const file = join(projectRoot, 'test', 'fixtures', 'recorded', 'packet-batch-1.json');
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as {
    key: string;
    value: string;
    batch: { packets: object[] };
  }[];
  expect(recorded.length).toBe(8);
  for (const { key, value, batch } of recorded) {
    const bytes = Buffer.from(value, 'base64');
    const read = new PacketBlock(64);
    const { packets, source } = accepted(decodePacketBatch(bytes, read));
    expect([packets, source]).toEqual([batch.packets.length, key]);
    const rows = Array.from({ length: packets }, (_, row) => row);
    expect(asHex({ ...batchRecord1(read, rows), site: undefined })).toEqual(batch);
    expect(asHex(decodePacketBatchObjects(bytes).batch)).toEqual(batch);
  }
});

function asHex(value: unknown): unknown {
  const hex = (_key: string, part: unknown): unknown =>
    (part as { type?: string } | null)?.type === 'Buffer'
      ? Buffer.from((part as { data: number[] }).data).toString('hex')
      : part;
  return JSON.parse(JSON.stringify(value, hex));
}
