/** Observations in records: with the party they belong to, as they were, and within bounds. */
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, it } from 'vitest';
import { DuplicateFilter } from '../../../processors/engine/duplicate-filter.js';
import { RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import { ConversationBlock, ReceivedBlock } from '../../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../../schemas/observations/observation.js';
import { OBSERVATIONS_A_SLOT, ObservationBudget } from '../../../schemas/observations/observation-budget.js';
import { putAddress } from '../../../schemas/observations/observation-codec.js';
import { linkName, partyOf } from '../../../schemas/observations/party.js';
import {
  type BatchRows,
  decodePacketBatch,
  decodePacketBatchObjects,
  MAX_BATCH_ROWS,
} from '../../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { TEST_ORIGIN } from '../../support/packet-blocks.js';

const START = 1_700_000_000_000_000;
const address = fc.constantFrom('10.0.0.1', '192.0.2.255', '2001:db8::1', 'fe80::1:2', '::ffff:192.0.2.1');
const maybe = fc.oneof(fc.constant(''), address);
const mac = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 48 - 1 }));
const port = fc.integer({ min: 0, max: 65_535 });
const long = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const head = {
  row: fc.constant(0),
  origin: fc.constant(0),
  time: fc.integer({ min: START, max: START + 10 ** 9 }),
  vlan: fc.nat(4095),
};
const ends = { ...head, mac, source: maybe, destination: maybe };
const hosts = { ...head, mac: fc.constant(0), source: address, destination: address };
const kind = <const K extends string>(name: K) => ({ kind: fc.constant(name) });

/** As decoders write names: every byte in a label, some of them escaped. */
const name = fc.array(fc.nat(255), { maxLength: 60 }).map((bytes) =>
  bytes
    .map((byte) => {
      if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
      return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
    })
    .join(''),
);

const observations: fc.Arbitrary<Observation> = fc.oneof(
  fc.record({ ...ends, ...kind('arp'), operation: port, senderMac: mac, targetMac: mac }),
  fc.record({ ...ends, ...kind('neighbor'), advertisement: fc.boolean(), target: address, linkLayerAddress: mac }),
  fc.record({
    ...ends,
    ...kind('router'),
    lifetime: port,
    prefixes: fc.array(fc.constantFrom('2001:db8::/64', 'fd00::/48'), { maxLength: 8 }),
  }),
  fc.record({ ...ends, ...kind('redirect'), gateway: address }),
  fc.record({
    ...ends,
    ...kind('dhcp'),
    messageType: fc.nat(255),
    transactionId: long,
    clientMac: mac,
    address: maybe,
    server: maybe,
    router: maybe,
    relay: maybe,
  }),
  fc.record({
    ...hosts,
    ...kind('dns'),
    response: fc.boolean(),
    transactionId: port,
    question: fc.oneof(fc.constant('a.example'), name, fc.constant('\\255'.repeat(255))),
    type: port,
    responseCode: fc.nat(15),
    answers: port,
    answerDigest: long,
    size: port,
    clientPort: port,
  }),
  fc.record({
    ...hosts,
    ...kind('echo'),
    reply: fc.boolean(),
    identifier: port,
    sequence: port,
    size: port,
    sum: port,
  }),
  fc.record({
    ...hosts,
    ...kind('unasked'),
    source: maybe,
    ipProtocol: fc.nat(255),
    port,
    packets: long,
    bytes: long,
    senders: fc.array(address, { maxLength: 16 }),
  }),
);

const WANTED: BatchRows = {
  conversations: new ConversationBlock(MAX_BATCH_ROWS),
  received: new ReceivedBlock(MAX_BATCH_ROWS),
  observes: true,
};

function recordsOf(accumulator: RecordAccumulator, given: readonly Observation[]): { key: string; value: Buffer }[] {
  for (const observation of given) accumulator.addObservation(observation, TEST_ORIGIN);
  const records: { key: string; value: Buffer }[] = [];
  accumulator.flush((key, value) => records.push({ key: key.toString(), value }));
  return records;
}

it('go into the record of their party, in their order, and come out as they were; avsc reads the same bytes', () => {
  const accumulator = new RecordAccumulator(new PacketBlock(1));
  fc.assert(
    fc.property(fc.array(observations, { maxLength: 20 }), (given) => {
      const byKey = new Map<string, Observation[]>();
      for (const observation of given) {
        const key = partyOf(observation) || linkName(observation.vlan, TEST_ORIGIN.interface);
        byKey.set(key, [...(byKey.get(key) ?? []), observation]);
      }
      const read = new Map<string, Observation[]>();
      for (const { key, value } of recordsOf(accumulator, given)) {
        const block = new PacketBlock(1);
        expect(decodePacketBatch(value, block, 0, value.length, WANTED)).toMatchObject({ ok: true, packets: 0 });
        expect(block.origins).toEqual([{ ...TEST_ORIGIN, site: '' }]);
        read.set(key, [...(read.get(key) ?? []), ...block.observations]);
        const { schema, batch } = decodePacketBatchObjects(value);
        expect(schema.type.toBuffer(batch)).toEqual(value.subarray(10));
      }
      expect(read).toEqual(byKey);
    }),
    { numRuns: 300 },
  );
});

it('damaged bytes are refused or read, and leave none behind when refused or not wanted', () => {
  const accumulator = new RecordAccumulator(new PacketBlock(1));
  fc.assert(
    fc.property(observations, fc.nat(), fc.nat(255), (observation, at, byte) => {
      const { value } = recordsOf(accumulator, [observation])[0]!;
      const block = new PacketBlock(1);
      for (let length = 10; length < value.length; length++) {
        const result = decodePacketBatch(value.subarray(0, length), block, 0, length, WANTED);
        expect(result).toMatchObject({ ok: false, reason: 'truncated' });
      }
      expect(decodePacketBatch(value, block)).toMatchObject({ ok: true });
      expect(block.observations).toEqual([]);
      value[10 + (at % (value.length - 10))] = byte;
      if (!decodePacketBatch(value, block, 0, value.length, WANTED).ok) expect(block.observations).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

/** Groups and colons in any order, most of which are no address. */
const likeIpv6 = fc
  .array(fc.constantFrom(':', '::', '0', '1', 'db8', 'ffff', '10000'), { minLength: 1, maxLength: 17 })
  .map((parts) => parts.join(''))
  .filter((text) => text.includes(':'));

it('have the addresses of IPv6 that ipaddr.js reads, and no others', () => {
  const bytes = Buffer.alloc(17);
  const written = (text: string): string => bytes.toString('hex', 0, putAddress(bytes, 0, text));
  for (const text of ['::', '::1', '1::', '2001:db8::1', '1:2:3:4:5:6:7:8', '1::3:4:5:6:7:8', '::ffff:192.0.2.1']) {
    expect(written(text)).toBe(`20${Buffer.from(ipaddr.IPv6.parse(text).toByteArray()).toString('hex')}`);
  }
  for (const text of [
    ':',
    ':1::',
    ':1:2:3:4:5:6:7:8',
    '1::2:',
    '1::2::3',
    ':::',
    '1:::2',
    '1:2:3:4:5:6:7:8:',
    '1:2:3:4::5:6:7:8',
    '1:2',
  ]) {
    expect(() => written(text), text).toThrow();
  }
  fc.assert(
    fc.property(likeIpv6, (text) => {
      if (!ipaddr.IPv6.isValid(text)) expect(() => written(text)).toThrow();
      else expect(written(text)).toBe(`20${Buffer.from(ipaddr.IPv6.parse(text).toByteArray()).toString('hex')}`);
    }),
    { numRuns: 1000 },
  );
});

const echo = (time: number): Observation => ({
  kind: 'echo',
  row: 0,
  origin: 0,
  time,
  vlan: 0,
  mac: 0,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  reply: false,
  identifier: 1,
  sequence: 1,
  size: 56,
  sum: 7,
});

it('are kept so many a second of each kind, whatever the clock does', () => {
  const budget = new ObservationBudget();
  const kept = (count: number, time: number): number =>
    Array.from({ length: count }, () => budget.allows(echo(time))).filter(Boolean).length;
  expect(kept(OBSERVATIONS_A_SLOT + 5, START)).toBe(OBSERVATIONS_A_SLOT);
  expect(budget.allows({ ...echo(START), kind: 'redirect', gateway: '10.0.0.3' })).toBe(true);
  expect(kept(3, START - 200_000)).toBe(0);
  expect(kept(3, START + 1_000_000)).toBe(3);
  expect(kept(3, START - 3_600_000_000)).toBe(3);
  expect(budget.leftOut).toBe(8);
});

it('of two capture nodes that see one packet count once, repetitions at one node each time', () => {
  const filter = new DuplicateFilter(1_000_000);
  const seen = [
    filter.repeatsObservation(echo(START), 1, 1),
    filter.repeatsObservation({ ...echo(START + 500), vlan: 7, mac: 9 }, 1, 2),
    filter.repeatsObservation(echo(START + 1000), 1, 1),
    filter.repeatsObservation({ ...echo(START + 1000), sequence: 2 } as Observation, 1, 2),
    filter.repeatsObservation(echo(START + 1000), 2, 2),
    filter.repeatsObservation(echo(START + 5_000_000), 1, 2),
  ];
  expect(seen).toEqual([false, true, false, false, false, false]);
});
