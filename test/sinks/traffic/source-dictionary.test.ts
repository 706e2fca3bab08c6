import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSource } from '../../../schemas/address.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_MAC,
  ADDRESS_NONE,
  PacketBlock,
} from '../../../schemas/packets/packet-block.js';
import { SourceDictionary } from '../../../sinks/traffic/source-dictionary.js';
import { sketchBitOf } from '../../../sinks/traffic/source-sketch.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const zeroes = (length: number) => fc.constant(new Uint8Array(length));
const sources = fc.oneof(bytes(4), bytes(6), bytes(16), zeroes(0), zeroes(4), zeroes(6), zeroes(16));

function addSource(block: PacketBlock, source: Uint8Array): number {
  const row = block.addRow();
  if (source.length === 4) {
    block.sourceKind[row] = ADDRESS_IPV4;
    block.sourceAddress[row] = Buffer.from(source).readUInt32BE();
  } else if (source.length === 16) {
    block.sourceKind[row] = ADDRESS_IPV6;
    block.sourceAddress[row] = block.addIpv6(source, 0);
  } else if (source.length === 6) {
    block.sourceKind[row] = ADDRESS_MAC;
    block.macs.set(source, row * 12);
  } else {
    block.sourceKind[row] = ADDRESS_NONE;
  }
  return row;
}

describe('SourceDictionary', () => {
  it('gives a source one number, whose text finds it again', () => {
    fc.assert(
      fc.property(fc.array(sources, { maxLength: 60 }), (given) => {
        const dictionary = new SourceDictionary();
        const block = new PacketBlock(60);
        const numbers = new Map<string, number>();
        for (const source of given) {
          const row = addSource(block, source);
          const text = formatSource(block, row);
          const number = dictionary.numberOf(block, row);
          expect(numbers.get(text) ?? number).toBe(number);
          numbers.set(text, number);
          expect(dictionary.textOf(number)).toBe(text);
          expect(dictionary.numberOfText(text)).toBe(number);
          expect(dictionary.sketchBitOf(number)).toBe(sketchBitOf(Buffer.from(text), text.length));
        }
        expect(dictionary.size).toBe(numbers.size);
      }),
    );
  });

  it('takes any number of them, and forgets them', () => {
    const dictionary = new SourceDictionary();
    const block = new PacketBlock(1);
    const row = addSource(block, new Uint8Array(4));
    for (let round = 0; round < 2; round++) {
      const wrong: number[] = [];
      for (let address = 0; address < 50_000; address++) {
        block.sourceAddress[row] = Math.imul(address, 0x9e3779b1);
        if (dictionary.numberOf(block, row) !== address) wrong.push(address);
      }
      expect(wrong).toEqual([]);
      expect(dictionary.firstWordOf(1)).toBe(0x9e3779b1);
      dictionary.reset();
    }
  });
});
