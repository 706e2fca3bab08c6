import fc from 'fast-check';
import { type Message, Partitioners, type PartitionMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from '../../../runtime/kafka/partition.js';

const kafkajs = Partitioners.DefaultPartitioner();

function theirs(key: Buffer, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    leader: 1,
  })) as PartitionMetadata[];
  return kafkajs({ topic: 'packets', partitionMetadata, message: { key, value: null } as Message });
}

describe('partitionOf', () => {
  it('is the partition that kafkajs chooses', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (bytes, partitions) => {
        const key = Buffer.from(bytes);
        expect(partitionOf(key, partitions)).toBe(theirs(key, partitions));
      }),
      { numRuns: 1000 },
    );
  });

  it('is the hash of Kafka’s Java client', () => {
    // The values of UtilsTest.testMurmur2 in Apache Kafka.
    expect(murmur2(Buffer.from('21'))).toBe(-973932308);
    expect(murmur2(Buffer.from('foobar'))).toBe(-790332482);
    expect(murmur2(Buffer.from('a-little-bit-long-string'))).toBe(-985981536);
    expect(murmur2(Buffer.from('abc'))).toBe(479470107);
  });
});
