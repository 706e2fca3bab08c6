/**
 * A record of several sources as records of one each, for a topic that has other partitions by now than when the record was
 * made: its sources may lie in several then. Rare, so it goes through the same parts that made it.
 */
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { decodePacketBatch, MAX_BATCH_PACKETS, MAX_BATCH_ROWS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { OutgoingRecord } from './lane.js';
import { RecordAccumulator, ROWS_MAX } from './record-accumulator.js';

/** Made when first needed, and used again: some tens of megabytes. */
let parts: {
  block: PacketBlock;
  conversations: ConversationBlock;
  received: ReceivedBlock;
  accumulator: RecordAccumulator;
} | null = null;

function createParts(): NonNullable<typeof parts> {
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  return {
    block,
    conversations: new ConversationBlock(MAX_BATCH_ROWS),
    received: new ReceivedBlock(MAX_BATCH_ROWS),
    accumulator: new RecordAccumulator(block),
  };
}

export function splitRecord({ value, interfaceName }: OutgoingRecord): OutgoingRecord[] {
  parts ??= createParts();
  const { block, conversations, received, accumulator } = parts;
  block.reset();
  conversations.reset();
  received.reset();
  const batch = decodePacketBatch(value, block, 0, value.length, { conversations, received, observes: true });
  if (!batch.ok) throw new Error(`a record of ours cannot be read: ${batch.reason}, ${batch.detail}`);
  const records: OutgoingRecord[] = [];
  const flush = (): void =>
    accumulator.flush((key, bytes, packets) => {
      const copies = { key: Buffer.from(key), value: Buffer.from(bytes) };
      records.push({ ...copies, packets, interfaceName, memory: null });
    });
  const makeRoom = (): void => {
    if (accumulator.isFull) flush();
  };
  for (let row = 0; row < block.count; row += ROWS_MAX) {
    makeRoom();
    accumulator.add(row, Math.min(row + ROWS_MAX, block.count));
  }
  for (let row = 0; row < conversations.count; row++) {
    makeRoom();
    accumulator.addConversation(conversations, row);
  }
  for (let row = 0; row < received.count; row++) {
    makeRoom();
    accumulator.addReceived(received, row);
  }
  for (const observation of block.observations) {
    makeRoom();
    accumulator.addObservation(observation, batch.origin);
  }
  flush();
  return records;
}
