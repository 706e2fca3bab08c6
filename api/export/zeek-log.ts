/**
 * A conn.log as Zeek writes it (https://docs.zeek.org/en/master/logs/conn.html), which zeek-cut, RITA and others read. Where the tables do
 * not have what a field says it is unset: `local_orig` and `local_resp`. `…_ip_bytes` are the bytes on the wire without the
 * link's header, so padding of short frames is in them.
 */
import { CONNECTION_STATES } from '../../schemas/conversations/conversation.js';
import { communityIdOf } from '../../schemas/tables/conversation-table.js';

const FIELDS = [
  ['ts', 'time'],
  ['uid', 'string'],
  ['id.orig_h', 'addr'],
  ['id.orig_p', 'port'],
  ['id.resp_h', 'addr'],
  ['id.resp_p', 'port'],
  ['proto', 'enum'],
  ['service', 'string'],
  ['duration', 'interval'],
  ['orig_bytes', 'count'],
  ['resp_bytes', 'count'],
  ['conn_state', 'string'],
  ['local_orig', 'bool'],
  ['local_resp', 'bool'],
  ['missed_bytes', 'count'],
  ['history', 'string'],
  ['orig_pkts', 'count'],
  ['orig_ip_bytes', 'count'],
  ['resp_pkts', 'count'],
  ['resp_ip_bytes', 'count'],
  ['tunnel_parents', 'set[string]'],
  ['community_id', 'string'],
] as const;

const UNSET = '-';
const ETHERNET = 1;
const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
/** Zeek calls every other protocol unknown. */
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp' };

/** What the log needs of a row; bigints as text. */
export interface ZeekRow {
  readonly id: string;
  /** Seconds since 1970 and of duration, with six decimals. */
  readonly started: string;
  readonly duration: string;
  readonly originator: string;
  readonly responder: string;
  readonly originator_port: number;
  readonly responder_port: number;
  readonly ip_protocol: number;
  readonly vlan: number | null;
  readonly state: number;
  readonly history: string | null;
  readonly service: string | null;
  readonly originator_packets: number;
  readonly responder_packets: number;
  readonly originator_bytes: string;
  readonly responder_bytes: string;
  readonly originator_payload: string;
  readonly responder_payload: string;
  readonly link_type: number | null;
}

export const ZEEK_COLUMNS = `conversations.id::text AS id, extract(epoch FROM started_at)::numeric(20, 6)::text AS started,
  extract(epoch FROM coalesce(last_at, ended_at) - started_at)::numeric(20, 6)::text AS duration,
  host(originator) AS originator, host(responder) AS responder, originator_port, responder_port, ip_protocol, vlan, state, history,
  service, originator_packets, responder_packets, originator_bytes::text AS originator_bytes,
  responder_bytes::text AS responder_bytes, originator_payload::text AS originator_payload,
  responder_payload::text AS responder_payload, link_type`;

/** "2026-01-31-09-30-00", UTC. */
function zeekTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace(/[T:]/g, '-');
}

export function zeekHead(now: Date): string {
  return [
    '#separator \\x09',
    '#set_separator\t,',
    '#empty_field\t(empty)',
    `#unset_field\t${UNSET}`,
    '#path\tconn',
    `#open\t${zeekTime(now)}`,
    `#fields\t${FIELDS.map(([name]) => name).join('\t')}`,
    `#types\t${FIELDS.map(([, type]) => type).join('\t')}`,
    '',
  ].join('\n');
}

export function zeekTail(now: Date): string {
  return `#close\t${zeekTime(now)}\n`;
}

export function zeekLine(row: ZeekRow): string {
  const { originator, responder, originator_port: from, responder_port: to, ip_protocol: protocol } = row;
  // Of a packet alone Zeek says neither how long it took nor what it carried.
  const isOne = row.originator_packets + row.responder_packets === 1;
  return `${[
    row.started,
    `C${BigInt.asUintN(64, BigInt(row.id)).toString(36)}`,
    originator,
    from,
    responder,
    to,
    PROTOCOLS[protocol] ?? 'unknown_transport',
    text(row.service),
    isOne ? UNSET : row.duration,
    isOne ? UNSET : row.originator_payload,
    isOne ? UNSET : row.responder_payload,
    CONNECTION_STATES[row.state] ?? 'OTH',
    UNSET,
    UNSET,
    0,
    text(row.history),
    row.originator_packets,
    ipBytes(row.originator_bytes, row.originator_packets, row),
    row.responder_packets,
    ipBytes(row.responder_bytes, row.responder_packets, row),
    UNSET,
    communityIdOf(originator, responder, from, to, protocol),
  ].join('\t')}\n`;
}

function ipBytes(bytes: string, packets: number, { link_type, vlan }: ZeekRow): number {
  const header = link_type === ETHERNET ? ETHERNET_HEADER + (vlan === null ? 0 : VLAN_TAG) : 0;
  return Math.max(0, Number(bytes) - packets * header);
}

/** Bytes that would end a field or a line are escaped, as Zeek does. */
function text(value: string | null): string {
  if (value === null || value === '') return UNSET;
  if (value === UNSET) return '\\x2d';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return value.replace(/[\x00-\x1f\x7f\\]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
