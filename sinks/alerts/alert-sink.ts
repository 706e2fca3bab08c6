/** Stores the events of the topic `alerts`: the history in alert_events, the state of each episode in alerts. */
import type { KafkaMessage } from 'kafkajs';
import type pg from 'pg';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { ALERT_CHANNEL, alertPayloads } from '../../schemas/alerts/alert-channel.js';
import { furtherSql } from '../../schemas/alerts/episode-progress.js';
import { storableJson } from '../packets/packet-details.js';

/** An event as it is read: what the table needs is checked, the rest is kept as it came. */
export type AlertReading =
  | { readonly ok: true; readonly document: AlertDocument }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

export function readAlert(value: Buffer | null): AlertReading {
  if (value === null) return { ok: false, reason: 'not_json', detail: 'the record has no value' };
  let document: AlertDocument;
  try {
    document = JSON.parse(value.toString('utf8')) as AlertDocument;
  } catch (error) {
    return { ok: false, reason: 'not_json', detail: (error as Error).message };
  }
  const missing = missingField(document);
  return missing === null
    ? { ok: true, document }
    : { ok: false, reason: 'invalid_alert', detail: `${missing} is missing or of the wrong type` };
}

function missingField(document: AlertDocument): string | null {
  const alert = document?.nta?.alert;
  const checks: readonly [string, unknown, string][] = [
    ['nta.alert.id', alert?.id, 'string'],
    ['nta.alert.sequence', alert?.sequence, 'number'],
    ['nta.alert.status', alert?.status, 'string'],
    ['nta.alert.crossed', alert?.crossed, 'string'],
    ['nta.alert.evidence.first_seen', alert?.evidence?.first_seen, 'string'],
    ['nta.alert.evidence.last_seen', alert?.evidence?.last_seen, 'string'],
    ['nta.alert.evidence.packets', alert?.evidence?.packets, 'number'],
    ['event.id', document?.event?.id, 'string'],
    ['event.action', document?.event?.action, 'string'],
    ['event.severity', document?.event?.severity, 'number'],
    ['rule.id', document?.rule?.id, 'string'],
    ['source.address', document?.source?.address, 'string'],
    ['@timestamp', document?.['@timestamp'], 'string'],
    ['message', document?.message, 'string'],
  ];
  const wrong = checks.find(([, value, type]) => typeof value !== type);
  return wrong === undefined ? null : wrong[0];
}

const EVENT_SQL = `INSERT INTO alert_events (id, alert_id, sequence, action, occurred_at, document)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`;

/**
 * An event by which the episode had come further replaces the state; any other (a record delivered again, a capture replayed
 * again) changes nothing. What people have done (resolved_at, resolved_by, note) is left alone.
 */
const STATE_COLUMNS = [
  'rule_id',
  'rule_name',
  'rule_version',
  'severity',
  'status',
  'close_reason',
  'sequence',
  'source',
  'source_ip',
  'source_mac',
  'destination_ip',
  'destination_port',
  'technique_ids',
  'capture_nodes',
  'message',
  'crossed_at',
  'first_seen',
  'last_seen',
  'packets',
  'evidence',
  'document',
  'incident_id',
] as const;
const STATE_SQL = `INSERT INTO alerts (id, ${STATE_COLUMNS.join(', ')})
  VALUES ($1, ${STATE_COLUMNS.map((_, index) => `$${index + 2}`).join(', ')})
  ON CONFLICT (id) DO UPDATE SET
    ${STATE_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}, updated_at = now()
  WHERE ${furtherSql('alerts', 'excluded')}`;

/** Documents are what somebody put on a topic: an id that is no text is none. */
function incidentOf({ nta }: AlertDocument): string | null {
  const id: unknown = nta.incident?.id;
  return typeof id === 'string' && !id.includes('\0') ? id : null;
}

/** Stores one event, within the transaction of `client`. */
export async function storeAlert(client: pg.ClientBase, document: AlertDocument): Promise<void> {
  const { alert } = document.nta;
  const { evidence } = alert;
  await client.query({
    name: 'nta-alert-state',
    text: STATE_SQL,
    values: [
      alert.id,
      document.rule.id,
      document.rule.name ?? document.rule.id,
      document.rule.version ?? '',
      document.event.severity,
      alert.status,
      alert.close_reason ?? null,
      alert.sequence,
      document.source.address,
      document.source.ip ?? null,
      document.source.mac ?? null,
      document.destination?.ip ?? null,
      document.destination?.port ?? null,
      document.threat?.technique?.id ?? [],
      document.observer?.name ?? [],
      document.message,
      alert.crossed,
      evidence.first_seen,
      evidence.last_seen,
      evidence.packets,
      storableJson(evidence),
      storableJson(document),
      incidentOf(document),
    ],
  });
  await client.query({
    name: 'nta-alert-event',
    text: EVENT_SQL,
    values: [
      document.event.id,
      alert.id,
      alert.sequence,
      document.event.action,
      document['@timestamp'],
      storableJson(document),
    ],
  });
}

/**
 * Stores the events that can be read, and announces them to whoever listens; the others are given back with the reason.
 */
export async function storeAlerts(
  client: pg.ClientBase,
  messages: readonly KafkaMessage[],
): Promise<readonly { readonly message: KafkaMessage; readonly reason: string; readonly detail: string }[]> {
  const unreadable: { message: KafkaMessage; reason: string; detail: string }[] = [];
  const stored: string[] = [];
  for (const message of messages) {
    const reading = readAlert(message.value);
    if (reading.ok) {
      await storeAlert(client, reading.document);
      stored.push(reading.document.nta.alert.id);
    } else unreadable.push({ message, reason: reading.reason, detail: reading.detail });
  }
  for (const payload of alertPayloads(stored)) {
    await client.query('SELECT pg_notify($1, $2)', [ALERT_CHANNEL, payload]);
  }
  return unreadable;
}
