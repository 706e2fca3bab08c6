/** What the readers of services say of every packet of a capture, with a table of conversations as plain as can be. */

import { readCapture } from '../../producers/capture-file/reader.js';
import { Dissection, decodeFrame } from '../../producers/decoding/decoder.js';
import { ServiceReader } from '../../producers/protocols/service/service.js';
import type { ServiceFacts, ServiceName, ServicePayload } from '../../producers/protocols/service/service-facts.js';
import { formatDestination, formatSource } from '../../schemas/address.js';
import { HAS_PORTS, PacketBlock, TCP_ACK, TCP_SYN } from '../../schemas/packets/packet-block.js';

export interface PacketFacts {
  /** Number of the frame, from 1. */
  readonly frame: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly fromOriginator: boolean;
  readonly facts: ServiceFacts;
}

interface Conversation {
  readonly originator: string;
  readonly originatorPort: number;
  readonly responderPort: number;
  service: ServiceName | null;
  state: number;
}

const TCP = 6;

/** Facts in the order of the capture. Who is heard first is the originator, unless it answers with SYN and ACK. */
export async function conversationServices(path: string): Promise<PacketFacts[]> {
  const all: PacketFacts[] = [];
  const conversations = new Map<string, Conversation>();
  const block = new PacketBlock(1);
  const dissection = new Dissection();
  const reader = new ServiceReader();
  const payload: ServicePayload = {
    buffer: Buffer.alloc(0),
    start: 0,
    end: 0,
    time: 0,
    transport: 0,
    fromOriginator: true,
    originatorPort: 0,
    responderPort: 0,
    service: null,
    state: 0,
  };
  const linkTypes: number[] = [];
  let frame = 0;
  await readCapture(path, () => ({
    onInterface: ({ linkType }) => void linkTypes.push(linkType),
    onFrame(buffer, offset, capturedLength, frameLength, timestamp, index) {
      frame++;
      block.reset();
      decodeFrame(block, linkTypes[index]!, buffer, offset, capturedLength, frameLength, timestamp, 0, dissection);
      if ((block.present[0]! & HAS_PORTS) === 0) return;
      const conversation = conversationOf(conversations, block);
      const { payloadBuffer, payloadStart, payloadEnd } = dissection;
      if (payloadEnd === payloadStart) return;
      payload.buffer = payloadBuffer;
      payload.start = payloadStart;
      payload.end = payloadEnd;
      payload.time = timestamp;
      payload.transport = block.ipProtocol[0]!;
      payload.fromOriginator = conversation.originator === senderOf(block);
      payload.originatorPort = conversation.originatorPort;
      payload.responderPort = conversation.responderPort;
      payload.service = conversation.service;
      payload.state = conversation.state;
      const facts = reader.read(payload);
      if (facts === null) return;
      conversation.service = facts.service;
      conversation.state = facts.state;
      const [sourcePort, destinationPort] = [block.sourcePort[0]!, block.destinationPort[0]!];
      all.push({ frame, sourcePort, destinationPort, fromOriginator: payload.fromOriginator, facts });
    },
  }));
  return all;
}

function senderOf(block: PacketBlock): string {
  return `${formatSource(block, 0)} ${block.sourcePort[0]}`;
}

function conversationOf(conversations: Map<string, Conversation>, block: PacketBlock): Conversation {
  const sender = senderOf(block);
  const receiver = `${formatDestination(block, 0)} ${block.destinationPort[0]}`;
  const protocol = block.ipProtocol[0]!;
  const key = [protocol, ...[sender, receiver].sort()].join(' ');
  const flags = protocol === TCP ? block.tcpFlags[0]! : 0;
  const opens = (flags & TCP_SYN) !== 0 && (flags & TCP_ACK) === 0;
  const known = conversations.get(key);
  if (known !== undefined && !opens) return known;
  const answers = (flags & TCP_SYN) !== 0 && (flags & TCP_ACK) !== 0;
  const ports = [block.sourcePort[0]!, block.destinationPort[0]!] as const;
  const [originatorPort, responderPort] = answers ? [ports[1], ports[0]] : ports;
  const originator = answers ? receiver : sender;
  const conversation = { originator, originatorPort, responderPort, service: null, state: 0 };
  conversations.set(key, conversation);
  return conversation;
}
