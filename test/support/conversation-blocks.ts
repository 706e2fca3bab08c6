/** Conversations as the capture node's table has them, a row at a time. */
import ipaddr from 'ipaddr.js';
import { CONNECTION_STATES, type ConversationNames, EVENT_ENDED } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { TEST_ORIGIN } from './packet-blocks.js';

export interface TestConversation {
  readonly originator?: string;
  readonly responder?: string;
  readonly originatorPort?: number;
  readonly responderPort?: number;
  readonly ipProtocol?: number;
  readonly vlan?: number;
  /** µs since 1970. */
  readonly start: number;
  readonly last?: number;
  readonly event?: number;
  readonly outcome?: number;
  readonly state?: (typeof CONNECTION_STATES)[number];
  readonly packets?: readonly [originator: number, responder: number];
  readonly bytes?: readonly [originator: number, responder: number];
  readonly payload?: readonly [originator: number, responder: number];
  readonly logins?: readonly [failed: number, succeeded: number];
  readonly begun?: boolean;
  readonly history?: string;
  readonly service?: string;
  readonly names?: ConversationNames | null;
  readonly origin?: PacketOrigin;
}

export function addConversation(block: ConversationBlock, given: TestConversation): number {
  const row = block.count++;
  const [packets, responderPackets] = given.packets ?? [5, 4];
  const [bytes, responderBytes] = given.bytes ?? [600, 4_000];
  const [payload, responderPayload] = given.payload ?? [200, 3_600];
  const [failed, succeeded] = given.logins ?? [0, 0];
  const origin = given.origin ?? TEST_ORIGIN;
  if (!block.origins.includes(origin)) block.origins.push(origin);
  block.origin[row] = block.origins.indexOf(origin);
  block.event[row] = given.event ?? EVENT_ENDED;
  block.start[row] = given.start;
  block.last[row] = given.last ?? given.start + 500_000;
  block.time[row] = block.last[row]!;
  setAddress(block.originator, row, given.originator ?? '10.0.0.1');
  setAddress(block.responder, row, given.responder ?? '192.0.2.1');
  block.originatorPort[row] = given.originatorPort ?? 40_000;
  block.responderPort[row] = given.responderPort ?? 443;
  block.ipProtocol[row] = given.ipProtocol ?? 6;
  block.vlan[row] = given.vlan ?? 0;
  block.begun[row] = given.begun === false ? 0 : 1;
  block.outcome[row] = given.outcome ?? 2;
  block.state[row] = CONNECTION_STATES.indexOf(given.state ?? 'SF');
  block.originatorPackets[row] = packets;
  block.responderPackets[row] = responderPackets;
  block.originatorBytes[row] = bytes;
  block.responderBytes[row] = responderBytes;
  block.originatorPayload[row] = payload;
  block.responderPayload[row] = responderPayload;
  block.loginsFailed[row] = failed;
  block.loginsSucceeded[row] = succeeded;
  block.history[row] = given.history ?? 'ShADadFf';
  block.service[row] = given.service ?? 'ssl';
  block.names[row] = given.names ?? null;
  return row;
}

export function conversationBlock(conversations: readonly TestConversation[]): ConversationBlock {
  const block = new ConversationBlock(conversations.length);
  for (const conversation of conversations) addConversation(block, conversation);
  return block;
}

function setAddress(slots: Uint8Array, row: number, text: string): void {
  const bytes = ipaddr.parse(text).toByteArray();
  const at = row * ADDRESS_SLOT_BYTES;
  slots.fill(0, at, at + ADDRESS_SLOT_BYTES);
  slots[at] = bytes.length === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
  slots.set(bytes, at + 1);
}
