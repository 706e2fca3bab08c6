import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../runtime/kafka/crc32c.js';

const require = createRequire(import.meta.url);
const kafkajsCrc32c = require('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (bytes: Buffer) => number;

describe('crc32c', () => {
  it('gives the check value of the catalogues', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  });

  it('agrees with kafkajs at every length and offset', () => {
    const bytes = Buffer.from(Array.from({ length: 64 }, (_, index) => (index * 73 + 11) % 256));
    for (let from = 0; from < 9; from++) {
      for (let to = from; to <= bytes.length; to++) {
        expect(crc32c(bytes, from, to)).toBe(kafkajsCrc32c(bytes.subarray(from, to)));
      }
    }
  });
});
