/**
 * The table conversations (sinks/migrations/0011), which sinks write and the API and exports read: a row a conversation, the latest that
 * is known of it. One that is still open has `ended_at` infinity, and lies in the partition conversations_open until it ends.
 */
import ipaddr from 'ipaddr.js';
import { communityId } from '../conversations/community-id.js';
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

/** The name of a conversation in SQL. */
export const HOST_NAME = `lower(coalesce(${HOST_NAME_KEYS.map((key) => `names ->> '${key}'`).join(', ')}))`;

/** The same, reversed as the index has it, so that the names of a domain lie together. */
export const REVERSED_HOST_NAME = `reverse(${HOST_NAME})`;

/** The ten minutes in which one ended, as the indexes of addresses have them; they are in the order of time. */
export const tenMinutesOf = (time: string): string => `date_bin('10 minutes', ${time}, '2000-01-01Z'::timestamptz)`;

/** Of addresses as text. */
export function communityIdOf(
  originator: string,
  responder: string,
  originatorPort: number,
  responderPort: number,
  ipProtocol: number,
): string {
  const bytes = (address: string): Uint8Array => Uint8Array.from(ipaddr.parse(address).toByteArray());
  return communityId(ipProtocol, bytes(originator), bytes(responder), originatorPort, responderPort);
}

/** The first bytes of what a Community ID names: the upper half of the ids of its conversations. */
export function communityHalf(community: string): Buffer {
  return Buffer.from(community.slice(2, 8), 'base64');
}

/**
 * The ids that conversations of a Community ID have: its first 32 bits stand highest in them, so that one index serves both.
 * Others may have them too, one in four thousand million. Null when the text is no Community ID.
 */
export function idsOfCommunity(community: string): { readonly least: bigint; readonly greatest: bigint } | null {
  if (!/^1:[A-Za-z0-9+/]{27}=$/.test(community)) return null;
  const least = BigInt(communityHalf(community).readInt32BE(0)) << 32n;
  return { least, greatest: least | 0xffffffffn };
}
