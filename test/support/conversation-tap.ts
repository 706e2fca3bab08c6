/** A capture node's tracker of conversations, fed packet by packet, with its rows as objects. */
import {
  ConversationTracker,
  type ConversationTrackerOptions,
} from '../../producers/conversations/conversation-tracker.js';
import { Dissection, decodeFrame } from '../../producers/decoding/decoder.js';
import { Payloads } from '../../producers/decoding/payloads.js';
import { formatAddressBytes } from '../../schemas/address.js';
import {
  CONNECTION_STATES,
  CONVERSATION_EVENTS,
  type ConversationNames,
  OUTCOMES,
} from '../../schemas/conversations/conversation.js';
import {
  ADDRESS_SLOT_BYTES,
  type ConversationBlock,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, PacketBlock, type PacketOrigin, ROLE_NAMES } from '../../schemas/packets/packet-block.js';
import { LINK_TYPE, rawIp } from './frames.js';
import type { NetworkPacket } from './ip-packets.js';

export interface ConversationRow {
  readonly event: string;
  readonly time: number;
  readonly start: number;
  readonly last: number;
  readonly originator: string;
  readonly originatorPort: number;
  readonly responder: string;
  readonly responderPort: number;
  readonly icmpId: number;
  readonly protocol: number;
  readonly begun: boolean;
  readonly outcome: string;
  readonly state: string;
  readonly history: string;
  readonly packets: readonly [number, number];
  readonly bytes: readonly [number, number];
  readonly payload: readonly [number, number];
  readonly loginsFailed: number;
  readonly loginsSucceeded: number;
  readonly service: string;
  readonly names: ConversationNames | null;
}

export interface ReceivedRow {
  readonly time: number;
  readonly target: string;
  readonly protocol: number;
  readonly port: number;
  readonly attempts: number;
  readonly answered: number;
  readonly refused: number;
  readonly unasked: number;
  readonly packets: number;
  readonly sourceCount: number;
  readonly sources: readonly string[];
}

export function conversationRow(block: ConversationBlock, row: number): ConversationRow {
  return {
    event: CONVERSATION_EVENTS[block.event[row]!]!,
    time: block.time[row]!,
    start: block.start[row]!,
    last: block.last[row]!,
    originator: addressAt(block.originator, row),
    originatorPort: block.originatorPort[row]!,
    responder: addressAt(block.responder, row),
    responderPort: block.responderPort[row]!,
    icmpId: block.icmpId[row]!,
    protocol: block.ipProtocol[row]!,
    begun: block.begun[row] === 1,
    outcome: OUTCOMES[block.outcome[row]!]!,
    state: CONNECTION_STATES[block.state[row]!]!,
    history: block.history[row]!,
    packets: [block.originatorPackets[row]!, block.responderPackets[row]!],
    bytes: [block.originatorBytes[row]!, block.responderBytes[row]!],
    payload: [block.originatorPayload[row]!, block.responderPayload[row]!],
    loginsFailed: block.loginsFailed[row]!,
    loginsSucceeded: block.loginsSucceeded[row]!,
    service: block.service[row]!,
    names: block.names[row]!,
  };
}

export function receivedRow(block: ReceivedBlock, row: number): ReceivedRow {
  const sources = block.sources[row]!;
  return {
    time: block.time[row]!,
    target: addressAt(block.target, row),
    protocol: block.ipProtocol[row]!,
    port: block.port[row]!,
    attempts: block.attempts[row]!,
    answered: block.answered[row]!,
    refused: block.refused[row]!,
    unasked: block.unasked[row]!,
    packets: block.packets[row]!,
    sourceCount: block.sourceCount[row]!,
    sources: Array.from({ length: sources.length / ADDRESS_SLOT_BYTES }, (_, index) => addressAt(sources, index)),
  };
}

function addressAt(slots: Uint8Array, row: number): string {
  const start = row * ADDRESS_SLOT_BYTES;
  return formatAddressBytes(slots.subarray(start + 1, start + (slots[start] === ADDRESS_IPV4 ? 5 : 17)));
}

const ORIGIN: PacketOrigin = {
  captureNode: 'node',
  interface: 'eth0',
  linkType: LINK_TYPE.raw,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};

export class ConversationTap {
  readonly conversations: ConversationRow[] = [];
  readonly received: ReceivedRow[] = [];
  readonly tracker: ConversationTracker;
  private readonly block = new PacketBlock(4);
  private readonly dissection = new Dissection();
  private readonly payloads = new Payloads();

  constructor(options: ConversationTrackerOptions = {}) {
    this.tracker = new ConversationTracker({
      ...options,
      deliver: (conversations, received) => {
        for (let row = 0; row < conversations.count; row++)
          this.conversations.push(conversationRow(conversations, row));
        for (let row = 0; row < received.count; row++) this.received.push(receivedRow(received, row));
      },
    });
  }

  /** Sees a packet and gives its role. */
  see(packet: NetworkPacket, time: number): string {
    const { block } = this;
    block.reset();
    const bytes = rawIp(packet);
    const origin = block.originIndex(ORIGIN);
    const row = decodeFrame(block, LINK_TYPE.raw, bytes, 0, bytes.length, bytes.length, time, origin, this.dissection);
    this.payloads.keep(0, block, row, this.dissection, bytes);
    this.tracker.classify(block, row, row + 1, this.payloads);
    this.tracker.flush();
    return ROLE_NAMES[block.role[row]!]!;
  }

  finish(): void {
    this.tracker.finish();
  }

  /** "event outcome state" of each row so far. */
  get told(): string[] {
    return this.conversations.map(({ event, outcome, state }) => `${event} ${outcome} ${state}`);
  }
}
