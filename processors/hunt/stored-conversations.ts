/** Rows of the table conversations as the engine takes conversations, and the columns that it takes. */
import { type ConversationNames, EVENT_ENDED, EVENT_UPDATED } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { ipAddresses } from '../contract/ip-addresses.js';

const micros = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint::text`;

/** What a statement on conversations selects for `StoredConversation`. */
export const STORED_COLUMNS = `origin_id, isfinite(ended_at) AS ended, ${micros('started_at')} AS start,
  ${micros('coalesce(last_at, ended_at)')} AS last, host(originator) AS originator, host(responder) AS responder, originator_port,
  responder_port, ip_protocol, vlan, begun, outcome, state, originator_packets, responder_packets,
  originator_bytes::text, responder_bytes::text, originator_payload::text, responder_payload::text, coalesce(logins_failed, 0) AS logins_failed,
  coalesce(logins_succeeded, 0) AS logins_succeeded, coalesce(history, '') AS history, coalesce(service, '') AS service, names`;

/** As pg gives it: bigint as text. */
export interface StoredConversation {
  readonly origin_id: number;
  readonly ended: boolean;
  readonly start: string;
  readonly last: string;
  readonly originator: string;
  readonly responder: string;
  readonly originator_port: number;
  readonly responder_port: number;
  readonly ip_protocol: number;
  readonly vlan: number | null;
  readonly begun: boolean;
  readonly outcome: number;
  readonly state: number;
  readonly originator_packets: number;
  readonly responder_packets: number;
  readonly originator_bytes: string;
  readonly responder_bytes: string;
  readonly originator_payload: string;
  readonly responder_payload: string;
  readonly logins_failed: number;
  readonly logins_succeeded: number;
  readonly history: string;
  readonly service: string;
  readonly names: ConversationNames | null;
}

/** A block of the one row. */
export class ConversationRow {
  readonly block = new ConversationBlock(1);

  set(stored: StoredConversation, origin: PacketOrigin): ConversationBlock {
    const { block } = this;
    block.reset();
    block.origins[0] = origin;
    block.origin[0] = 0;
    block.count = 1;
    block.event[0] = stored.ended ? EVENT_ENDED : EVENT_UPDATED;
    block.start[0] = Number(stored.start);
    block.last[0] = Number(stored.last);
    block.time[0] = block.last[0]!;
    setAddress(block.originator, stored.originator);
    setAddress(block.responder, stored.responder);
    const isIcmp = stored.ip_protocol === 1 || stored.ip_protocol === 58;
    block.originatorPort[0] = stored.originator_port;
    block.responderPort[0] = stored.responder_port;
    block.icmpId[0] = isIcmp ? stored.originator_port : 0;
    block.ipProtocol[0] = stored.ip_protocol;
    block.vlan[0] = stored.vlan ?? 0;
    block.begun[0] = stored.begun ? 1 : 0;
    block.outcome[0] = stored.outcome;
    block.state[0] = stored.state;
    block.originatorPackets[0] = stored.originator_packets;
    block.responderPackets[0] = stored.responder_packets;
    block.originatorBytes[0] = Number(stored.originator_bytes);
    block.responderBytes[0] = Number(stored.responder_bytes);
    block.originatorPayload[0] = Number(stored.originator_payload);
    block.responderPayload[0] = Number(stored.responder_payload);
    block.loginsFailed[0] = stored.logins_failed;
    block.loginsSucceeded[0] = stored.logins_succeeded;
    block.history[0] = stored.history;
    block.service[0] = stored.service;
    block.names[0] = stored.names;
    return block;
  }
}

function setAddress(slots: Uint8Array, text: string): void {
  const bytes = ipAddresses().parse(text).toByteArray();
  slots.fill(0, 0, ADDRESS_SLOT_BYTES);
  slots[0] = bytes.length === 4 ? ADDRESS_IPV4 : ADDRESS_IPV6;
  slots.set(bytes, 1);
}
