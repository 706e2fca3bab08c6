/** Attempts and what became of them as a capture node says it: packets of sources, rows about their conversations, record by record. */

import {
  EVENT_ANSWERED,
  EVENT_REFUSED,
  EVENT_UNSEEN,
  OUTCOME_ANSWERED,
  OUTCOME_REFUSED_RST,
  OUTCOME_UNSEEN,
} from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { ADDRESS_IPV4 } from '../../schemas/packets/packet-block.js';
import { ipv4Number } from './address-bytes.js';
import { type BuiltPacket, packetBlock } from './detection.js';

export interface BuiltAttempt {
  readonly time: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** What the row says; none when nothing answers. */
  readonly outcome?: 'answered' | 'refused' | 'unseen';
  /** µs after the attempt. */
  readonly after?: number;
  /** Its sender goes on after the answer. */
  readonly completes?: boolean;
  /** Live when there is none. */
  readonly timeline?: string;
}

export interface OutcomeRecord {
  readonly packets: PacketBlock;
  readonly conversations: ConversationBlock;
  /** Newest packet, µs. */
  readonly newest: number;
}

const EVENTS = { answered: EVENT_ANSWERED, refused: EVENT_REFUSED, unseen: EVENT_UNSEEN };
const OUTCOMES = { answered: OUTCOME_ANSWERED, refused: OUTCOME_REFUSED_RST, unseen: OUTCOME_UNSEEN };

function putAddress(slots: Uint8Array, row: number, text: string): void {
  const at = row * ADDRESS_SLOT_BYTES;
  slots.fill(0, at, at + ADDRESS_SLOT_BYTES);
  slots[at] = ADDRESS_IPV4;
  new DataView(slots.buffer).setUint32(at + 1, ipv4Number(text));
}

function conversationBlock(attempts: readonly BuiltAttempt[], packets: PacketBlock): ConversationBlock {
  const block = new ConversationBlock(Math.max(1, attempts.length));
  block.origins.push(packets.origins[0]!);
  for (const attempt of attempts) {
    const row = block.count++;
    const time = attempt.time + (attempt.after ?? 1000);
    block.event[row] = EVENTS[attempt.outcome!];
    block.outcome[row] = OUTCOMES[attempt.outcome!];
    block.time[row] = time;
    block.start[row] = attempt.time;
    block.last[row] = time;
    putAddress(block.originator, row, attempt.source);
    putAddress(block.responder, row, attempt.destination);
    block.originatorPort[row] = attempt.sourcePort;
    block.responderPort[row] = attempt.destinationPort;
    block.ipProtocol[row] = 6;
    block.begun[row] = 1;
    block.history.push('');
    block.service.push('');
    block.names.push(null);
  }
  return block;
}

const SYN = 0x02;
const ACK = 0x10;

function packetsOf(attempt: BuiltAttempt): BuiltPacket[] {
  const { time, source, destination, sourcePort, destinationPort, timeline = '' } = attempt;
  const common = { source, destination, sourcePort, destinationPort, ipProtocol: 6, timeline };
  const syn: BuiltPacket = { ...common, time, tcpFlags: SYN, opening: true };
  if (attempt.completes !== true) return [syn];
  return [syn, { ...common, time: time + (attempt.after ?? 1000) + 1000, tcpFlags: ACK, role: 2 }];
}

/** The attempts as records of `span` µs of event time each, in the order of time. */
export function outcomeRecords(attempts: readonly BuiltAttempt[], span: number): OutcomeRecord[] {
  const packets = attempts.flatMap(packetsOf).sort((a, b) => a.time - b.time);
  const rows = attempts
    .filter(({ outcome }) => outcome !== undefined)
    .sort((a, b) => a.time + (a.after ?? 1000) - b.time - (b.after ?? 1000));
  const slots = new Map<number, { packets: BuiltPacket[]; rows: BuiltAttempt[] }>();
  const slotOf = (time: number): { packets: BuiltPacket[]; rows: BuiltAttempt[] } => {
    const index = Math.floor(time / span);
    const slot = slots.get(index) ?? { packets: [], rows: [] };
    slots.set(index, slot);
    return slot;
  };
  for (const packet of packets) slotOf(packet.time).packets.push(packet);
  for (const row of rows) slotOf(row.time + (row.after ?? 1000)).rows.push(row);
  let newest = 0;
  return [...slots.entries()]
    .sort(([a], [b]) => a - b)
    .map(([index, slot]) => {
      // a record without packets still has its capture node
      const block = packetBlock(slot.packets);
      if (block.origins.length === 0) block.origins.push(packetBlock(packets.slice(0, 1)).origins[0]!);
      newest = Math.max(newest, ...slot.packets.map(({ time }) => time), Math.min(newest, index * span));
      return { packets: block, conversations: conversationBlock(slot.rows, block), newest };
    });
}
