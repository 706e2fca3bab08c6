/** Conversations and what hosts received, in records beside the packets of the same host. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordAccumulator } from '../../../producers/publisher/record-accumulator.js';
import {
  CONNECTION_STATES,
  CONVERSATION_EVENTS,
  type ConversationNames,
  OUTCOMES,
} from '../../../schemas/conversations/conversation.js';
import {
  ADDRESS_SLOT_BYTES,
  ConversationBlock,
  ReceivedBlock,
} from '../../../schemas/conversations/conversation-block.js';
import {
  type BatchRows,
  decodePacketBatch,
  decodePacketBatchObjects,
  MAX_BATCH_ROWS,
} from '../../../schemas/packets/packet-batch.js';
import { PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import { conversationRow, receivedRow } from '../../support/conversation-tap.js';

const ORIGIN: PacketOrigin = {
  captureNode: 'node',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
  site: 'branch',
};
const START = 1_700_000_000_000_000;

const slot = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map((last) => Uint8Array.of(4, 10, 0, 0, last, ...new Uint8Array(12))),
  fc.integer({ min: 1, max: 3 }).map((last) => Uint8Array.of(6, 0xfd, ...new Uint8Array(14), last)),
);
const time = fc.integer({ min: START - 1_000_000, max: START + 400_000_000 });
const count = fc.integer({ min: 0, max: 2 ** 40 });
const port = fc.integer({ min: 0, max: 65_535 });
const text = fc.string({ maxLength: 30 });
const names: fc.Arbitrary<ConversationNames | null> = fc.option(
  fc.record(
    { serverName: text, dnsAnswers: fc.nat(1000), httpHost: text, httpStatus: fc.nat(999) },
    { requiredKeys: ['serverName'] },
  ),
);
const conversations = fc.record({
  event: fc.nat(CONVERSATION_EVENTS.length - 1),
  time,
  start: time,
  last: time,
  originator: slot,
  responder: slot,
  originatorPort: port,
  responderPort: port,
  icmpId: port,
  ipProtocol: fc.nat(255),
  vlan: fc.nat(4095),
  begun: fc.nat(1),
  outcome: fc.nat(OUTCOMES.length - 1),
  state: fc.nat(CONNECTION_STATES.length - 1),
  originatorPackets: count,
  responderPackets: count,
  originatorBytes: count,
  responderBytes: count,
  originatorPayload: count,
  responderPayload: count,
  loginsFailed: port,
  loginsSucceeded: port,
  history: fc.constantFrom('', 'S', 'ShADadFf'),
  service: fc.constantFrom('', 'ssl', 'dns'),
  names,
});
const received = fc.record({
  time,
  last: time,
  target: slot,
  ipProtocol: fc.nat(255),
  port,
  attempts: count,
  answered: count,
  refused: count,
  unasked: count,
  unaskedBytes: count,
  packets: count,
  bytes: count,
  sourceCount: count,
  sources: fc.array(slot, { maxLength: 16 }).map((slots) => Uint8Array.from(slots.flatMap((bytes) => [...bytes]))),
});

function fill<B extends ConversationBlock | ReceivedBlock>(block: B, rows: readonly object[]): B {
  for (const row of rows) {
    block.origins[0] = ORIGIN;
    const at = block.count++;
    for (const [name, value] of Object.entries(row)) {
      const column = (
        block as unknown as Record<string, Record<number, unknown> & { set?: (bytes: Uint8Array, at: number) => void }>
      )[name]!;
      if (value instanceof Uint8Array && name !== 'sources') column.set!(value, at * ADDRESS_SLOT_BYTES);
      else column[at] = value;
    }
  }
  return block;
}

function flushed(accumulator: RecordAccumulator): { key: string; value: Buffer; packets: number }[] {
  const records: { key: string; value: Buffer; packets: number }[] = [];
  accumulator.flush((key, value, packets) => records.push({ key: key.toString(), value, packets }));
  return records;
}

function emptyRows(): BatchRows {
  return { conversations: new ConversationBlock(MAX_BATCH_ROWS), received: new ReceivedBlock(MAX_BATCH_ROWS) };
}

it('go into the record of their host, and come out as they were', () => {
  const accumulator = new RecordAccumulator(new PacketBlock(1));
  fc.assert(
    fc.property(fc.array(conversations, { maxLength: 12 }), fc.array(received, { maxLength: 12 }), (begun, got) => {
      const from = fill(new ConversationBlock(12), begun);
      const of = fill(new ReceivedBlock(12), got);
      for (let row = 0; row < from.count; row++) accumulator.addConversation(from, row);
      for (let row = 0; row < of.count; row++) accumulator.addReceived(of, row);
      const seen: object[] = [];
      for (const { key, value, packets } of flushed(accumulator)) {
        const rows = emptyRows();
        const batch = decodePacketBatch(value, new PacketBlock(1), 0, value.length, rows);
        expect(batch).toMatchObject({ ok: true, packets: 0, source: key, origin: ORIGIN, firstConversation: 0 });
        expect([packets, rows.conversations.count, rows.received.count]).toEqual([
          0,
          (batch as { conversations: number }).conversations,
          (batch as { received: number }).received,
        ]);
        for (let row = 0; row < rows.conversations.count; row++) {
          const { names: read } = rows.conversations;
          seen.push({ ...conversationRow(rows.conversations, row), names: read[row] });
          expect(conversationRow(rows.conversations, row).originator).toBe(key);
        }
        for (let row = 0; row < rows.received.count; row++) seen.push(receivedRow(rows.received, row));
        // avsc reads the same bytes to their end, and writes them again.
        const { schema, batch: objects } = decodePacketBatchObjects(value);
        expect(schema.type.toBuffer(objects)).toEqual(value.subarray(10));
      }
      const given: object[] = [];
      for (let row = 0; row < from.count; row++) given.push({ ...conversationRow(from, row), names: from.names[row] });
      for (let row = 0; row < of.count; row++) given.push(receivedRow(of, row));
      const sorted = (rows: object[]): string[] => rows.map((row) => JSON.stringify(row)).sort();
      expect(sorted(seen)).toEqual(sorted(given));
    }),
    { numRuns: 200 },
  );
});

it('damaged bytes are refused or read, and leave no row behind when refused', () => {
  const accumulator = new RecordAccumulator(new PacketBlock(1));
  fc.assert(
    fc.property(conversations, received, fc.nat(), fc.nat(255), (conversation, got, at, byte) => {
      accumulator.addConversation(fill(new ConversationBlock(1), [conversation]), 0);
      accumulator.addReceived(fill(new ReceivedBlock(1), [{ ...got, target: conversation.originator }]), 0);
      const { value } = flushed(accumulator)[0]!;
      for (let length = 10; length < value.length; length++) {
        const rows = emptyRows();
        expect(decodePacketBatch(value.subarray(0, length), new PacketBlock(1), 0, length, rows)).toMatchObject({
          ok: false,
          reason: 'truncated',
        });
        expect([rows.conversations.count, rows.received.count]).toEqual([0, 0]);
      }
      value[10 + (at % (value.length - 10))] = byte;
      const rows = emptyRows();
      const result = decodePacketBatch(value, new PacketBlock(1), 0, value.length, rows);
      if (!result.ok) expect([rows.conversations.count, rows.received.count]).toEqual([0, 0]);
    }),
    { numRuns: 25 },
  );
});

it('a host with too many for one record has several, and one whose blocks are full is told from one that is wrong', () => {
  const accumulator = new RecordAccumulator(new PacketBlock(1));
  const row = fc.sample(conversations, { numRuns: 1, seed: 1 })[0]!;
  const block = fill(new ConversationBlock(1), [{ ...row, names: null }]);
  for (let index = 0; index < MAX_BATCH_ROWS + 10; index++) accumulator.addConversation(block, 0);
  const records = flushed(accumulator);
  const counts = records.map(({ value }) => decodePacketBatch(value, new PacketBlock(1), 0, value.length, emptyRows()));
  expect(counts).toMatchObject([{ conversations: MAX_BATCH_ROWS }, { conversations: 10 }]);
  const full = { conversations: new ConversationBlock(9), received: new ReceivedBlock(9) };
  const { value } = records[1]!;
  expect(decodePacketBatch(value, new PacketBlock(1), 0, value.length, full)).toMatchObject({ reason: 'block_full' });
  expect(decodePacketBatch(value, new PacketBlock(1))).toMatchObject({ ok: true, conversations: 0 });
});
