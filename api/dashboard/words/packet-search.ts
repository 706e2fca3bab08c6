/** Searches that lead from one thing to the packets of it. */
import type { Conversation } from '../../views/conversation-view.js';
import type { Packet } from '../../views/packet-view.js';

const PORTED = new Set(['tcp', 'udp', 'sctp', 'udplite', 'dccp']);

interface Ends {
  readonly a: string;
  readonly aPort: number | null;
  readonly b: string;
  readonly bPort: number | null;
  readonly protocol: string | number;
}

function between({ a, aPort, b, bPort, protocol }: Ends): string {
  const ports = aPort !== null && bPort !== null;
  const way = (from: string, fromPort: number | null, to: string, toPort: number | null): string =>
    `(src ${from} and dst ${to}${ports ? ` and sport ${fromPort} and dport ${toPort}` : ''})`;
  return `proto ${protocol} and (${way(a, aPort, b, bPort)} or ${way(b, bPort, a, aPort)})`;
}

export function packetsOfConversation(conversation: Conversation): string {
  const isPorted = PORTED.has(conversation.protocol);
  return between({
    a: conversation.originator,
    aPort: isPorted ? conversation.originator_port : null,
    b: conversation.responder,
    bPort: isPorted ? conversation.responder_port : null,
    protocol: conversation.ip_protocol,
  });
}

/** Null for a packet without addresses. */
export function packetsLike(packet: Packet): string | null {
  if (packet.source === null || packet.destination === null || packet.ip_protocol === null) return null;
  return between({
    a: packet.source,
    aPort: packet.source_port,
    b: packet.destination,
    bPort: packet.destination_port,
    protocol: packet.ip_protocol,
  });
}
