/** Alerts as a table for a terminal: one line an episode, in the state of its last event. */
import Table from 'cli-table3';
import type { AlertDocument } from '../../schemas/alert.js';

/** An episode as the summaries of `nta run --once` and `nta analyze` list it. */
export interface AlertSummary {
  readonly id: string;
  readonly rule: string;
  readonly severity: number;
  readonly severity_name: string;
  readonly source: string;
  readonly crossed: string;
  readonly status: 'open' | 'closed';
  readonly first_seen: string;
  readonly last_seen: string;
  readonly packets: number;
  readonly message: string;
}

/** Folds events into episodes, ordered by the time of crossing, then by rule and source. */
export function summarizeAlerts(documents: Iterable<AlertDocument>): AlertSummary[] {
  const latest = new Map<string, AlertDocument>();
  for (const document of documents) {
    const { id, sequence } = document.nta.alert;
    const known = latest.get(id);
    if (!known || known.nta.alert.sequence <= sequence) latest.set(id, document);
  }
  const text = (alert: AlertSummary): string => `${alert.crossed} ${alert.rule} ${alert.source} ${alert.id}`;
  return [...latest.values()].map(summarize).sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

function summarize({ rule, source, event, message, nta: { alert } }: AlertDocument): AlertSummary {
  return {
    id: alert.id,
    rule: rule.id,
    severity: event.severity,
    severity_name: alert.severity_name,
    source: source.address,
    crossed: alert.crossed,
    status: alert.status,
    first_seen: alert.evidence.first_seen,
    last_seen: alert.evidence.last_seen,
    packets: alert.evidence.packets,
    message,
  };
}

export function formatAlertTable(alerts: readonly AlertSummary[]): string {
  if (alerts.length === 0) return 'no alerts';
  const table = new Table({
    head: ['first crossed (UTC)', 'severity', 'rule', 'source', 'packets', 'status', 'what'],
    style: { head: [], border: [] },
  });
  for (const alert of alerts) {
    table.push([
      alert.crossed.replace('T', ' ').replace('Z', ''),
      `${alert.severity} ${alert.severity_name}`,
      alert.rule,
      alert.source,
      alert.packets.toLocaleString('en-US'),
      alert.status,
      alert.message,
    ]);
  }
  return table.toString();
}
