/** A conversation as answers show it. */
import { z } from '@hono/zod-openapi';
import { CONNECTION_STATES, type ConversationNames, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { protocolName } from '../../schemas/packets/protocols.js';
import { communityIdOf, HOST_NAME_KEYS } from '../../schemas/tables/conversation-table.js';
import { type Enricher, enrichmentSchema, type ReverseDns } from '../enrichment/enricher.js';
import { timestampSchema } from '../queries/time-range.js';

/** A row of `conversations` with its origin. */
export interface ConversationRow {
  /** A bigint, beyond 2^53. */
  readonly id: string;
  readonly started_at: string;
  readonly last_at: string;
  readonly is_open: boolean;
  readonly duration: number;
  readonly originator: string;
  readonly responder: string;
  readonly originator_port: number;
  readonly responder_port: number;
  readonly ip_protocol: number;
  readonly vlan: number | null;
  readonly begun: boolean;
  readonly state: number;
  readonly outcome: number;
  readonly history: string | null;
  readonly service: string | null;
  readonly originator_packets: number;
  readonly responder_packets: number;
  readonly originator_bytes: number;
  readonly responder_bytes: number;
  readonly originator_payload: number;
  readonly responder_payload: number;
  readonly logins_failed: number | null;
  readonly logins_succeeded: number | null;
  readonly names: ConversationNames | null;
  readonly capture_node: string | null;
  readonly interface: string | null;
  readonly timeline: string | null;
  readonly site: string | null;
}

export const CONVERSATION_SELECT = `conversations.id::text AS id, started_at, coalesce(last_at, ended_at) AS last_at,
  NOT isfinite(ended_at) AS is_open,
  extract(epoch FROM coalesce(last_at, ended_at) - started_at)::double precision AS duration,
  host(originator) AS originator, host(responder) AS responder, originator_port, responder_port, ip_protocol, vlan, begun,
  state, outcome, history, service, originator_packets, responder_packets, originator_bytes, responder_bytes,
  originator_payload, responder_payload, logins_failed, logins_succeeded, names, capture_node, interface, timeline, site`;

const count = (description: string) => z.int().min(0).openapi({ description });

export const conversationSchema = z
  .object({
    id: z.string().openapi({ description: 'Of the conversation as this capture node saw it.' }),
    community_id: z
      .string()
      .openapi({ description: 'Community ID 1.0, seed 0.', example: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=' }),
    started_at: timestampSchema.openapi({ description: 'First packet.' }),
    last_at: timestampSchema.openapi({ description: 'Last packet, of an open one the last that is known.' }),
    open: z.boolean().openapi({ description: 'Whether it had not ended when it was last heard of.' }),
    duration: z.number().openapi({ description: 'Seconds.' }),
    originator: z.string().openapi({ example: '10.0.0.7' }),
    originator_port: z.int().openapi({ description: 'Of ICMP the type.' }),
    responder: z.string().openapi({ example: '198.51.100.1' }),
    responder_port: z.int().openapi({ description: 'Of ICMP the code.' }),
    ip_protocol: z.int(),
    protocol: z.string().openapi({ example: 'tcp' }),
    begun: z.boolean().openapi({ description: 'Whether its begin was seen; otherwise who began is a guess.' }),
    service: z.string().nullable().openapi({ description: 'As Zeek names it, by what was said.', example: 'ssl' }),
    state: z.enum(CONNECTION_STATES).openapi({ description: 'Zeek’s conn_state.' }),
    outcome: z.enum(OUTCOMES).openapi({ description: 'What became of the attempt.' }),
    history: z.string().openapi({ description: 'As Zeek writes it.', example: 'ShADadFf' }),
    originator_packets: count('Packets of the originator.'),
    responder_packets: count('Packets of the responder.'),
    originator_bytes: count('Bytes of the originator on the wire.'),
    responder_bytes: count('Bytes of the responder on the wire.'),
    originator_payload: count('Bytes of the originator above TCP, UDP or ICMP.'),
    responder_payload: count('Bytes of the responder above TCP, UDP or ICMP.'),
    logins_failed: count('Logins seen to fail.'),
    logins_succeeded: count('Logins seen to succeed.'),
    name: z.string().nullable().openapi({ description: 'Name it is found by.', example: 'www.example.com' }),
    names: z.record(z.string(), z.union([z.string(), z.number()])).openapi({
      description:
        'What was said in plain: server_name, alpn, ja4, dns_question, dns_type, dns_response_code, dns_answers, http_host, http_method, http_status, http_user_agent, ssh_client, ssh_server, hassh, hassh_server, dhcp_host_name, greeting, user.',
    }),
    vlan: z.int().nullable(),
    site: z.string().nullable().openapi({ description: 'The address space that the capture node looks into.' }),
    capture_node: z.string().nullable(),
    interface: z.string().nullable(),
    timeline: z.string().nullable(),
    enrichment: z.object({ originator: enrichmentSchema, responder: enrichmentSchema }),
  })
  .openapi('Conversation');

export type Conversation = z.infer<typeof conversationSchema>;

/** "dnsResponseCode" → "dns_response_code"; "ja4" stays. */
function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function hostNameOf(names: ConversationNames | null): string | null {
  for (const key of HOST_NAME_KEYS) if (names?.[key] !== undefined) return names[key].toLowerCase();
  return null;
}

/** @param byDns names by the DNS, where they were asked for. */
export function viewConversation(row: ConversationRow, enricher: Enricher, byDns?: ReverseDns): Conversation {
  const { id, originator, responder, originator_port, responder_port, ip_protocol, names } = row;
  return {
    id,
    community_id: communityIdOf(originator, responder, originator_port, responder_port, ip_protocol),
    started_at: row.started_at,
    last_at: row.last_at,
    open: row.is_open,
    duration: row.duration,
    originator,
    originator_port,
    responder,
    responder_port,
    ip_protocol,
    protocol: protocolName(null, ip_protocol),
    begun: row.begun,
    service: row.service,
    state: CONNECTION_STATES[row.state] ?? 'OTH',
    outcome: OUTCOMES[row.outcome] ?? 'unseen',
    history: row.history ?? '',
    originator_packets: row.originator_packets,
    responder_packets: row.responder_packets,
    originator_bytes: row.originator_bytes,
    responder_bytes: row.responder_bytes,
    originator_payload: row.originator_payload,
    responder_payload: row.responder_payload,
    logins_failed: row.logins_failed ?? 0,
    logins_succeeded: row.logins_succeeded ?? 0,
    name: hostNameOf(names),
    names: Object.fromEntries(Object.entries(names ?? {}).map(([key, value]) => [snakeCase(key), value])),
    vlan: row.vlan,
    site: row.site,
    capture_node: row.capture_node,
    interface: row.interface,
    timeline: row.timeline,
    enrichment: {
      originator: enricher.describe(originator, row.site, byDns),
      responder: enricher.describe(responder, row.site, byDns),
    },
  };
}
