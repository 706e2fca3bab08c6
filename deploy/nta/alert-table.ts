/** Alerts as a table for a terminal: one line an episode, in the state of its last event. */
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { compareProgress } from '../../schemas/alerts/episode-progress.js';

/** The event of each episode that had come furthest, ordered by the time of crossing, then by rule and source. */
export function latestEvents(documents: Iterable<AlertDocument>): AlertDocument[] {
  const latest = new Map<string, AlertDocument>();
  for (const document of documents) {
    const { id } = document.nta.alert;
    const known = latest.get(id);
    if (!known || compareProgress(known, document) <= 0) latest.set(id, document);
  }
  const order = ({ rule, source, nta: { alert } }: AlertDocument): string =>
    `${alert.crossed} ${rule.id} ${source.address} ${alert.id}`;
  return [...latest.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** What draws tables takes 30 ms to load, so it is not loaded for none. */
export async function formatAlertTable(alerts: readonly AlertDocument[]): Promise<string> {
  if (alerts.length === 0) return 'no alerts';
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['first crossed (UTC)', 'severity', 'rule', 'source', 'packets', 'status', 'what'],
    style: { head: [], border: [] },
  });
  for (const { rule, source, event, message, nta } of alerts) {
    table.push([
      nta.alert.crossed.replace('T', ' ').replace('Z', ''),
      `${event.severity} ${nta.alert.severity_name}`,
      rule.id,
      source.address,
      nta.alert.evidence.packets.toLocaleString('en-US'),
      nta.alert.status,
      message,
    ]);
  }
  return table.toString();
}
