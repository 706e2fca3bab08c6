/** What records of the topic `packets` say of conversations that are over, in the words of `nta analyze --conversations`. */
import type { KafkaMessage } from 'kafkajs';
import { formatAddressSlot } from '../../schemas/address.js';
import { CONNECTION_STATES, EVENT_ENDED, OUTCOMES } from '../../schemas/conversations/conversation.js';
import {
  ADDRESS_SLOT_BYTES,
  ConversationBlock,
  ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import { decodePacketBatch, MAX_BATCH_PACKETS, MAX_BATCH_ROWS } from '../../schemas/packets/packet-batch.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';

/** A line each, without when: ends, protocol, state, outcome, history, service, packets and bytes each way. */
export function endedConversations(partitions: readonly (readonly KafkaMessage[])[]): string[] {
  const packets = new PacketBlock(MAX_BATCH_PACKETS);
  const conversations = new ConversationBlock(MAX_BATCH_ROWS);
  const received = new ReceivedBlock(MAX_BATCH_ROWS);
  const lines: string[] = [];
  for (const { value } of partitions.flat()) {
    packets.reset();
    conversations.reset();
    received.reset();
    const batch = decodePacketBatch(value!, packets, 0, value!.length, { conversations, received });
    if (!batch.ok) throw new Error(`a record cannot be read: ${batch.reason}: ${batch.detail}`);
    for (let row = 0; row < conversations.count; row++)
      if (conversations.event[row] === EVENT_ENDED) lines.push(lineOf(conversations, row));
  }
  return lines;
}

function lineOf(block: ConversationBlock, row: number): string {
  return [
    formatAddressSlot(block.originator, row * ADDRESS_SLOT_BYTES),
    block.originatorPort[row],
    formatAddressSlot(block.responder, row * ADDRESS_SLOT_BYTES),
    block.responderPort[row],
    block.ipProtocol[row],
    CONNECTION_STATES[block.state[row]!],
    OUTCOMES[block.outcome[row]!],
    block.history[row] || '-',
    block.service[row] || '-',
    block.originatorPackets[row],
    block.responderPackets[row],
    block.originatorBytes[row],
    block.responderBytes[row],
  ].join(' ');
}
