/**
 * Syslog messages of alerts: the header of RFC 5424, and as message the alert itself, as Elastic Common Schema JSON or as CEF
 * (ArcSight Common Event Format, version 0, implementation standard 1.2).
 */
import { isIPv6 } from 'node:net';
import type { AlertDocument, Severity } from '../../../schemas/alerts/alert.js';

/** RFC 5424, table 1. */
export const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  audit: 13,
  alert: 14,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type Facility = keyof typeof FACILITIES;

export type SyslogFormat = 'ecs' | 'cef';

/** Of RFC 5424, table 2, by the severity of the alert: informational, notice, warning, error, critical. */
const SYSLOG_SEVERITIES: Readonly<Record<Severity, number>> = { 1: 6, 2: 5, 3: 4, 4: 3, 5: 2 };

const APP_NAME = 'nta';
/** Lengths that RFC 5424 allows, characters. */
const HOST_NAME_MAX = 255;
const MESSAGE_ID_MAX = 32;

export interface SyslogHeader {
  readonly facility: Facility;
  /** Of this machine. */
  readonly hostName: string;
  /** Of nta, for CEF. */
  readonly version: string;
}

/** The whole message, one line. */
export function syslogMessage(document: AlertDocument, format: SyslogFormat, header: SyslogHeader): Buffer {
  const severity = SYSLOG_SEVERITIES[document.event.severity] ?? SYSLOG_SEVERITIES[3];
  const priority = FACILITIES[header.facility] * 8 + severity;
  const host = printable(header.hostName, HOST_NAME_MAX);
  const id = printable(document.rule.id, MESSAGE_ID_MAX);
  // JSON of the document rather than the record as it came: this has no line ends.
  const text = format === 'cef' ? cefOf(document, header.version) : JSON.stringify(document);
  return Buffer.from(`<${priority}>1 ${document['@timestamp']} ${host} ${APP_NAME} - ${id} - ${text}`);
}

/** PRINTUSASCII of RFC 5424; "-" where nothing is left. */
function printable(text: string, longest: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, longest) || '-';
}

function cefOf(document: AlertDocument, version: string): string {
  const { rule, event, message } = document;
  // CEF has 0 to 10: low to 3, medium to 6, high to 8, very high above.
  const head = ['CEF:0', 'nta', 'nta', version, rule.id, message, String(event.severity * 2)];
  const extension = Object.entries(extensionOf(document))
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined && entry[1] !== '')
    .map(([key, value]) => `${key}=${escapeValue(String(value))}`);
  return `${head.map(escapeHead).join('|')}|${extension.join(' ')}`;
}

/** Keys of CEF's dictionary; addresses of version 6 have custom fields of their own. */
function extensionOf({
  '@timestamp': time,
  event,
  source,
  destination,
  observer,
  threat,
  nta,
}: AlertDocument): Record<string, string | number | undefined> {
  const { alert } = nta;
  return {
    rt: Date.parse(time),
    start: Date.parse(event.start),
    end: Date.parse(event.end),
    externalId: event.id,
    cat: 'nta.alerts',
    act: event.action,
    reason: event.reason,
    cnt: alert.evidence.packets,
    ...addressOf('src', 'c6a2', 'Source IPv6 Address', source.ip),
    ...addressOf('dst', 'c6a3', 'Destination IPv6 Address', destination?.ip),
    smac: source.mac,
    dpt: destination?.port,
    dvchost: observer?.name?.join(','),
    cs1Label: 'alertId',
    cs1: alert.id,
    cs2Label: 'technique',
    cs2: threat?.technique?.id?.join(','),
    cs3Label: 'status',
    cs3: alert.status,
    cn1Label: 'sequence',
    cn1: alert.sequence,
  };
}

function addressOf(key: string, key6: string, label: string, address: string | undefined): Record<string, string> {
  if (address === undefined) return {};
  return isIPv6(address) ? { [`${key6}Label`]: label, [key6]: address } : { [key]: address };
}

function escapeHead(text: string): string {
  return text.replace(/[\\|]/g, '\\$&').replace(/[\r\n]+/g, ' ');
}

function escapeValue(text: string): string {
  return text.replace(/[\\=]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n');
}
