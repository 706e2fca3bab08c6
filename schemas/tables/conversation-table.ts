/**
 * The table conversations (sinks/migrations/0011), which sinks write and the API and exports read: a row a conversation, the latest that
 * is known of it. One that is still open has `ended_at` infinity, and lies in the partition conversations_open until it ends.
 */
import { hash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { ConversationNames } from '../conversations/conversation.js';

/** In the order in which COPY has them: by falling alignment, so that no row carries padding. */
export const CONVERSATION_COLUMNS = [
  'ended_at',
  'started_at',
  'last_at',
  'heard_at',
  'id',
  'originator_bytes',
  'responder_bytes',
  'originator_payload',
  'responder_payload',
  'originator_packets',
  'responder_packets',
  'origin_id',
  'originator_port',
  'responder_port',
  'vlan',
  'ip_protocol',
  'state',
  'outcome',
  'logins_failed',
  'logins_succeeded',
  'begun',
  'originator',
  'responder',
  'history',
  'service',
  'names',
] as const;
export type ConversationColumn = (typeof CONVERSATION_COLUMNS)[number];

/** Names that a conversation is found by, in the order in which the first that is there is taken. */
export const HOST_NAME_KEYS = [
  'serverName',
  'httpHost',
  'dnsQuestion',
  'dhcpHostName',
] as const satisfies readonly (keyof ConversationNames)[];

/** The name of a conversation in SQL, reversed as the index has it, so that the names of a domain lie together. */
export const REVERSED_HOST_NAME = `reverse(lower(coalesce(${HOST_NAME_KEYS.map((key) => `names ->> '${key}'`).join(', ')})))`;

/** An end of a conversation as bytes: 4 of IPv4, 16 of IPv6. */
export interface ConversationTuple {
  readonly originator: Uint8Array;
  readonly responder: Uint8Array;
  /** Of ICMP the type and the code. */
  readonly originatorPort: number;
  readonly responderPort: number;
  readonly ipProtocol: number;
}

const ICMP = 1;
const ICMPV6 = 58;
const TUPLE_BYTES_MAX = 2 + 16 + 16 + 2 + 4;
const tupleBytes = Buffer.alloc(TUPLE_BYTES_MAX);

/** ICMP types that answer each other, by Community ID 1.0: https://github.com/corelight/community-id-spec */
const ICMP_COUNTERPARTS: Readonly<Record<number, number>> = {
  0: 8,
  8: 0,
  9: 10,
  10: 9,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
};
const ICMPV6_COUNTERPARTS: Readonly<Record<number, number>> = {
  128: 129,
  129: 128,
  130: 131,
  131: 130,
  133: 134,
  134: 133,
  135: 136,
  136: 135,
  139: 140,
  140: 139,
  144: 145,
  145: 144,
};

/** SHA-1 of the tuple as Community ID 1.0 orders and writes it, with seed 0. */
export function communityHash(tuple: ConversationTuple): Buffer {
  const { originator, responder, ipProtocol } = tuple;
  let { originatorPort, responderPort } = tuple;
  let ordered = false;
  if (ipProtocol === ICMP || ipProtocol === ICMPV6) {
    const counterpart = (ipProtocol === ICMP ? ICMP_COUNTERPARTS : ICMPV6_COUNTERPARTS)[originatorPort];
    if (counterpart === undefined) ordered = true;
    else responderPort = counterpart;
  }
  const order = Buffer.compare(originator, responder);
  let first = originator;
  let second = responder;
  if (!ordered && (order > 0 || (order === 0 && originatorPort > responderPort))) {
    [first, second] = [responder, originator];
    [originatorPort, responderPort] = [responderPort, originatorPort];
  }
  let at = tupleBytes.writeUInt16BE(0, 0);
  tupleBytes.set(first, at);
  at += first.length;
  tupleBytes.set(second, at);
  at += second.length;
  at = tupleBytes.writeUInt8(ipProtocol, at);
  at = tupleBytes.writeUInt8(0, at);
  at = tupleBytes.writeUInt16BE(originatorPort, at);
  at = tupleBytes.writeUInt16BE(responderPort, at);
  return hash('sha1', tupleBytes.subarray(0, at), 'buffer');
}

/** "1:" and the hash in base64. */
export function communityIdText(tuple: ConversationTuple): string {
  return `1:${communityHash(tuple).toString('base64')}`;
}

/** Of addresses as text. */
export function communityIdOf(
  originator: string,
  responder: string,
  originatorPort: number,
  responderPort: number,
  ipProtocol: number,
): string {
  const bytes = (address: string): Uint8Array => Uint8Array.from(ipaddr.parse(address).toByteArray());
  return communityIdText({
    originator: bytes(originator),
    responder: bytes(responder),
    originatorPort,
    responderPort,
    ipProtocol,
  });
}

/**
 * The ids that conversations of a Community ID have: its first 32 bits stand highest in them, so that one index serves both.
 * Others may have them too, one in four thousand million. Null when the text is no Community ID.
 */
export function idsOfCommunity(communityId: string): { readonly least: bigint; readonly greatest: bigint } | null {
  const bytes = /^1:[A-Za-z0-9+/]{27}=$/.test(communityId) ? Buffer.from(communityId.slice(2), 'base64') : null;
  if (bytes?.length !== 20) return null;
  const least = BigInt(bytes.readInt32BE(0)) << 32n;
  return { least, greatest: least | 0xffffffffn };
}
