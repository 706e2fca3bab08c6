/** An incident as answers show it: what its alerts say together. */
import { z } from '@hono/zod-openapi';
import { SEVERITY_NAMES } from '../../schemas/alerts/alert.js';
import type { Enricher } from '../enrichment/enricher.js';
import type { IncidentRow } from '../queries/incident-query.js';
import { timestampSchema } from '../queries/time-range.js';
import { type AlertRow, alertSchema, viewAlert } from './alert-view.js';

/** Addresses that an incident names, at most. */
const ADDRESSES_MAX = 50;

const briefShape = {
  id: z.string(),
  rule_id: z.string().openapi({ example: 'port-scan' }),
  severity: z.int().min(1).max(5),
  status: z.enum(['open', 'closed']),
  resolved: z.boolean(),
  message: z.string(),
  crossed_at: timestampSchema,
};

const incidentShape = {
  id: z.string().openapi({ description: 'The same packets give the same id.' }),
  severity: z.int().min(1).max(5).openapi({ description: 'The highest of its alerts.' }),
  severity_name: z.string().openapi({ example: 'high' }),
  status: z.enum(['open', 'closed']).openapi({ description: 'Open while one of its alerts is.' }),
  resolved: z.boolean().openapi({ description: 'Whether people are done with all of its alerts.' }),
  began_at: timestampSchema.openapi({ description: 'Capture time at which its first alert crossed the threshold.' }),
  first_seen: timestampSchema,
  last_seen: timestampSchema,
  rule_ids: z.array(z.string()).openapi({ example: ['host-sweep', 'port-scan'] }),
  capture_nodes: z.array(z.string()),
  sources: z.array(z.string()).openapi({ description: `At most ${ADDRESSES_MAX}.`, example: ['192.0.2.7'] }),
  targets: z.array(z.string()).openapi({ description: `Those that its alerts name, at most ${ADDRESSES_MAX}.` }),
  alert_count: z.int(),
};

export const incidentSchema = z
  .object({
    ...incidentShape,
    alerts: z.array(z.object(briefShape)).openapi({ description: 'The first crossed first, at most 20.' }),
  })
  .openapi('Incident');
export type Incident = z.infer<typeof incidentSchema>;
export const incidentDetailSchema = z
  .object({
    ...incidentShape,
    alerts: z.array(alertSchema).openapi({ description: 'The first crossed first, at most 1000.' }),
  })
  .openapi('IncidentDetail');
export type IncidentDetail = z.infer<typeof incidentDetailSchema>;

type Shared = Omit<z.infer<typeof incidentSchema>, 'alerts'>;

/** What stands in place of a source where there are many. */
const MANY = 'many';

function viewShared({ open, ...row }: IncidentRow, alerts: readonly AlertRow[]): Shared {
  const sources = new Set<string>();
  const targets = new Set<string>();
  const captureNodes = new Set<string>();
  for (const { source, destination_ip, evidence, capture_nodes } of alerts) {
    // of an alert about a target the sample is of its sources
    const others = source === MANY ? sources : targets;
    if (source !== MANY) sources.add(source);
    if (destination_ip !== null) targets.add(destination_ip);
    if (source === MANY || destination_ip === null)
      for (const other of evidence.targets?.sample ?? []) others.add(other);
    for (const node of capture_nodes) captureNodes.add(node);
  }
  return {
    ...row,
    capture_nodes: [...captureNodes].sort(),
    severity_name: SEVERITY_NAMES[row.severity] ?? '',
    status: open ? 'open' : 'closed',
    sources: [...sources].slice(0, ADDRESSES_MAX),
    targets: [...targets].slice(0, ADDRESSES_MAX),
  };
}

export function viewIncident(row: IncidentRow, alerts: readonly AlertRow[]): z.infer<typeof incidentSchema> {
  return {
    ...viewShared(row, alerts),
    alerts: alerts.map(({ id, rule_id, severity, status, resolved_at, message, crossed_at }) => ({
      id,
      rule_id,
      severity,
      status,
      resolved: resolved_at !== null,
      message,
      crossed_at,
    })),
  };
}

export function viewIncidentDetail(
  row: IncidentRow,
  alerts: readonly AlertRow[],
  enricher: Enricher,
): z.infer<typeof incidentDetailSchema> {
  return { ...viewShared(row, alerts), alerts: alerts.map((alert) => viewAlert(alert, enricher)) };
}
