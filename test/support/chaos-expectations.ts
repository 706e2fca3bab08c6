/** What must be there after a round of chaos, from sources that know nothing of the fleet: what `nta decode` and `nta analyze` say. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { compareProgress } from '../../schemas/alerts/episode-progress.js';
import { CONNECTION_STATES, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { runNta } from './nta-command.js';

/** What is in the captures of a round. */
export interface ChaosTruth {
  /** By the capture's file: sorted, a line each. */
  readonly packets: ReadonlyMap<string, readonly string[]>;
  readonly conversations: ReadonlyMap<string, readonly string[]>;
  /** The end of each episode, by its id. */
  readonly alerts: ReadonlyMap<string, AlertDocument>;
}

export async function truthOf(files: readonly string[]): Promise<ChaosTruth> {
  const folder = mkdtempSync(join(tmpdir(), 'nta-truth-'));
  const conversations = join(folder, 'conversations.json');
  try {
    const [decoded, analyzed] = await Promise.all([
      runNta(['decode', ...files]),
      runNta(['analyze', ...files, '--format=json', `--conversations=${conversations}`]),
    ]);
    for (const { code, stderr } of [decoded, analyzed]) if (code !== 0) throw new Error(stderr);
    return {
      packets: linesByFile(decoded.stdout, packetLine),
      conversations: linesByFile(readFileSync(conversations, 'utf8'), conversationLine),
      alerts: furthest(linesOf(analyzed.stdout).map((line) => JSON.parse(line) as AlertDocument)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function linesByFile(text: string, lineOf: (fields: Fields) => string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const line of linesOf(text)) {
    const fields = JSON.parse(line) as Fields;
    const file = String(fields['interface']);
    const ofFile = lines.get(file);
    if (ofFile === undefined) lines.set(file, [lineOf(fields)]);
    else ofFile.push(lineOf(fields));
  }
  return lines;
}

/** Of each episode the event by which it had come furthest. */
export function furthest(events: Iterable<AlertDocument>): Map<string, AlertDocument> {
  const states = new Map<string, AlertDocument>();
  for (const event of events) {
    const { id } = event.nta.alert;
    const known = states.get(id);
    if (known === undefined || compareProgress(known, event) < 0) states.set(id, event);
  }
  return states;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

type Fields = Readonly<Record<string, unknown>>;

const PACKET_FIELDS = [
  'timestamp',
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'ipProtocol',
  'tcpFlags',
  'tcpSequence',
  'ipId',
  'frameLength',
  'capturedLength',
  'sourceMac',
  'destinationMac',
] as const;

function packetLine(packet: Fields): string {
  return PACKET_FIELDS.map((field) => packet[field] ?? '-').join(' ');
}

/** The same of what is stored. */
export const STORED_PACKETS = `SELECT timeline, concat_ws(' ',
    to_char(captured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), coalesce(host(source), source_mac::text), coalesce(host(destination), '-'),
    coalesce(source_port::text, '-'), coalesce(destination_port::text, '-'), coalesce(ip_protocol::text, '-'),
    coalesce(tcp_flags::text, '-'), coalesce(tcp_sequence::text, '-'), coalesce(ip_id::text, '-'), frame_length, captured_length,
    coalesce(source_mac::text, '-'), coalesce(destination_mac::text, '-')) AS line
  FROM packets JOIN origins ON origins.id = origin_id`;

const CONVERSATION_FIELDS = [
  'start',
  'last',
  'originator',
  'originator_port',
  'responder',
  'responder_port',
  'ip_protocol',
  'state',
  'outcome',
  'history',
  'service',
  'originator_packets',
  'responder_packets',
  'originator_bytes',
  'responder_bytes',
] as const;

function conversationLine(conversation: Fields): string {
  return CONVERSATION_FIELDS.map((field) => {
    const value = conversation[field];
    return value === undefined || value === '' ? '-' : value;
  }).join(' ');
}

/** The same of what is stored. Of ICMP the table has type and code where `nta analyze` has the type and an id: neither is compared. */
export const STORED_CONVERSATIONS = `SELECT timeline, concat_ws(' ',
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(coalesce(last_at, ended_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), host(originator),
    CASE WHEN ip_protocol IN (1, 58) THEN '-' ELSE originator_port::text END, host(responder),
    CASE WHEN ip_protocol IN (1, 58) THEN '-' ELSE responder_port::text END, ip_protocol,
    (ARRAY[${CONNECTION_STATES.map((state) => `'${state}'`).join(', ')}])[state + 1],
    (ARRAY[${OUTCOMES.map((outcome) => `'${outcome}'`).join(', ')}])[outcome + 1], coalesce(history, '-'), coalesce(service, '-'),
    originator_packets, responder_packets, originator_bytes, responder_bytes) AS line
  FROM conversations JOIN origins ON origins.id = origin_id`;
