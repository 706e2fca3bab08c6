/** An alert as answers show it: the current state of an episode, and its history. */
import { z } from '@hono/zod-openapi';
import { type AlertEvidence, SEVERITY_NAMES } from '../../schemas/alerts/alert.js';
import { TRIAGE_STATES, type TriageState, VERDICTS, type Verdict } from '../../schemas/alerts/triage.js';
import { type Enricher, enrichmentSchema, type ReverseDns } from '../enrichment/enricher.js';
import { timestampSchema } from '../queries/time-range.js';

/** A row of `alerts`, without the whole document. */
export interface AlertRow {
  readonly id: string;
  readonly rule_id: string;
  readonly rule_name: string;
  readonly rule_version: string;
  readonly severity: number;
  readonly status: 'open' | 'closed';
  readonly close_reason: string | null;
  readonly sequence: number;
  readonly source: string;
  readonly source_ip: string | null;
  readonly source_mac: string | null;
  readonly destination_ip: string | null;
  readonly destination_port: number | null;
  readonly technique_ids: string[];
  readonly capture_nodes: string[];
  readonly message: string;
  readonly crossed_at: string;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly packets: number;
  readonly evidence: AlertEvidence;
  readonly stored_at: string;
  readonly updated_at: string;
  readonly resolved_at: string | null;
  readonly resolved_by: string | null;
  readonly note: string | null;
  readonly stage: Exclude<TriageState, 'resolved'>;
  readonly verdict: Verdict | null;
  readonly assignee: string | null;
  readonly incident_id: string | null;
}

export const ALERT_COLUMNS = `id, rule_id, rule_name, rule_version, severity, status, close_reason, sequence, source,
  host(source_ip) AS source_ip, source_mac, host(destination_ip) AS destination_ip, destination_port, technique_ids,
  capture_nodes, message, crossed_at, first_seen, last_seen, packets, evidence, stored_at, updated_at, resolved_at,
  resolved_by, note, stage, verdict, assignee, incident_id`;

/** A row of `alert_events`. */
export interface AlertEventRow {
  readonly id: string;
  readonly sequence: number | null;
  readonly action: string;
  readonly occurred_at: string;
  readonly stored_at: string;
  readonly actor: string | null;
  readonly note: string | null;
  readonly document: Record<string, unknown> | null;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
  readonly undoes: string | null;
}

const alertShape = {
  id: z.string().openapi({ description: 'Of the episode; the same packets give the same id.' }),
  rule_id: z.string().openapi({ example: 'port-scan' }),
  rule_name: z.string().openapi({ example: 'Port scan' }),
  rule_version: z.string(),
  severity: z.int().min(1).max(5).openapi({ description: '1 informational, 2 low, 3 medium, 4 high, 5 critical.' }),
  severity_name: z.string().openapi({ example: 'high' }),
  status: z.enum(['open', 'closed']).openapi({
    description: 'What the detector says: open while it goes on, closed after a quiet window.',
  }),
  close_reason: z.string().nullable().openapi({ example: 'quiet' }),
  resolved: z.boolean().openapi({ description: 'Whether a person is done with it.' }),
  resolved_at: timestampSchema.nullable(),
  resolved_by: z.string().nullable(),
  note: z.string().nullable().openapi({ description: 'What the person who resolved it wrote.' }),
  triage: z.enum(TRIAGE_STATES).openapi({ description: 'How far people are with it.' }),
  verdict: z.enum(VERDICTS).nullable().openapi({ description: 'What people say it was.' }),
  assignee: z.string().nullable().openapi({ description: 'Who looks after it.' }),
  incident_id: z
    .string()
    .nullable()
    .openapi({ description: 'The incident it is part of; null of alerts of before there were incidents.' }),
  source: z.string().openapi({ description: 'IP address, else MAC address.', example: '192.0.2.7' }),
  source_ip: z.string().nullable(),
  source_mac: z.string().nullable(),
  destination_ip: z.string().nullable(),
  destination_port: z.int().nullable(),
  technique_ids: z.array(z.string()).openapi({ description: 'MITRE ATT&CK.', example: ['T1046'] }),
  capture_nodes: z.array(z.string()).openapi({ description: 'Capture nodes that saw it.' }),
  message: z.string(),
  crossed_at: timestampSchema.openapi({ description: 'Capture time at which the threshold was first crossed.' }),
  first_seen: timestampSchema,
  last_seen: timestampSchema,
  stored_at: timestampSchema.openapi({ description: 'When it was first stored, by the clock of the database.' }),
  updated_at: timestampSchema.openapi({
    description: 'When the detector last changed it, by the clock of the database.',
  }),
  sequence: z.int().openapi({ description: 'Number of the latest event of the episode, from 1.' }),
  packets: z.number().openapi({ description: 'Packets that counted towards the detection so far.' }),
  evidence: z
    .record(z.string(), z.unknown())
    .openapi({ description: 'As in nta.alert.evidence of schemas/alerts/alert.schema.json.' }),
  enrichment: z.object({ source: enrichmentSchema, destination: enrichmentSchema }),
};

export const alertSchema = z.object(alertShape).openapi('Alert');
export type Alert = z.infer<typeof alertSchema>;

const alertEventSchema = z
  .object({
    id: z.string(),
    action: z.string().openapi({
      description: 'open, update, close; of people acknowledge, start, resolve, reopen, verdict, assign, note, undo.',
      example: 'open',
    }),
    sequence: z.int().nullable().openapi({ description: 'Number of a detector’s event; null for what a person did.' }),
    occurred_at: timestampSchema,
    stored_at: timestampSchema,
    actor: z.string().nullable().openapi({ description: 'Who did it; null for the detector.' }),
    note: z.string().nullable(),
    document: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'The detector’s event whole, in Elastic Common Schema.' }),
    before: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'What a person’s event changed, as it was.' }),
    after: z.record(z.string(), z.unknown()).nullable().openapi({ description: 'The same as it was then.' }),
    undoes: z.string().nullable().openapi({ description: 'Id of the event that this one took back.' }),
  })
  .openapi('AlertEvent');

export const alertDetailSchema = z
  .object({
    ...alertShape,
    history: z.array(alertEventSchema).openapi({ description: 'Oldest first, at most 1000.' }),
  })
  .openapi('AlertDetail');
export type AlertDetail = z.infer<typeof alertDetailSchema>;

/** @param byDns names by the DNS, where they were asked for. */
export function viewAlert({ stage, ...row }: AlertRow, enricher: Enricher, byDns?: ReverseDns): Alert {
  return {
    ...row,
    triage: row.resolved_at === null ? stage : 'resolved',
    severity_name: SEVERITY_NAMES[row.severity] ?? '',
    resolved: row.resolved_at !== null,
    evidence: row.evidence as unknown as Record<string, unknown>,
    enrichment: {
      source: enricher.describe(row.source_ip, null, byDns, row.source_mac),
      destination: enricher.describe(row.destination_ip, null, byDns),
    },
  };
}

export function viewAlertEvent(row: AlertEventRow): z.infer<typeof alertEventSchema> {
  return row;
}
