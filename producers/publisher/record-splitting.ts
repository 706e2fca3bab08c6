/**
 * A record of several sources as records of one each, for a topic that has other partitions by now than when the record was
 * made: its sources may lie in several then. Rare, so it goes through the same parts that made it.
 */
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { decodePacketBatch, MAX_BATCH_PACKETS, MAX_BATCH_ROWS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { OutgoingRecord } from './lane.js';
import { RecordAccumulator, ROWS_MAX } from './record-accumulator.js';

export function splitRecord({ value, interfaceName }: OutgoingRecord): OutgoingRecord[] {
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  const conversations = new ConversationBlock(MAX_BATCH_ROWS);
  const received = new ReceivedBlock(MAX_BATCH_ROWS);
  const batch = decodePacketBatch(value, block, 0, value.length, { conversations, received, observes: true });
  if (!batch.ok) throw new Error(`a record of ours cannot be read: ${batch.reason}, ${batch.detail}`);
  const accumulator = new RecordAccumulator(block);
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
