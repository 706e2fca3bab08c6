/** What alerts are worth: whether an attack was found, whether ordinary traffic was left in peace. Pure. */
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import type { Case, LabelledCapture, Requirement } from './labels.js';

/** Rules that are low by nature: naming the thing is all that is asked of them. */
const LOW_BY_NATURE: readonly string[] = ['backscatter', 'traceroute', 'os-fingerprint', 'new-host', 'long-connection'];
/** From here on an alert asks for somebody's attention. */
export const ATTENTION = 2;

/** Every address that an alert names. */
export function addressesOf(alert: AlertDocument): Set<string> {
  const named = [alert.source.ip, alert.source.address, alert.destination?.ip, ...alert.related.ip];
  return new Set(named.filter((address): address is string => address !== undefined));
}

function fulfils(alert: AlertDocument, { rules, actors, severity }: Requirement): boolean {
  if (!rules.includes('*') && !rules.includes(alert.rule.id)) return false;
  const enough = LOW_BY_NATURE.includes(alert.rule.id) ? Math.min(severity, 1) : severity;
  if (alert.event.severity < enough) return false;
  const named = addressesOf(alert);
  return actors.includes('*') || actors.some((actor) => named.has(actor));
}

export function isFound(capture: LabelledCapture, alerts: readonly AlertDocument[]): boolean {
  return alerts.some((alert) => fulfils(alert, { ...capture, severity: ATTENTION }));
}

/** Alerts that nobody should have been shown, a line each. */
export function falseAlerts(alerts: readonly AlertDocument[], severity = ATTENTION): string[] {
  const lines = alerts
    .filter((alert) => alert.event.severity >= severity)
    .map((alert) => `${alert.rule.id} (${alert.event.severity}) ${alert.message}`);
  return [...new Set(lines)];
}

/** What is wrong with the alerts of a case; empty when nothing is. */
export function faultsOf({ must = [], must_not: mustNot }: Case, alerts: readonly AlertDocument[]): string[] {
  const missing = must
    .filter((requirement) => !alerts.some((alert) => fulfils(alert, requirement)))
    .map(
      ({ rules, actors, severity }) =>
        `no ${rules.join(' or ')} of ${actors.join(' or ')}, severity ${severity} or more`,
    );
  if (mustNot === undefined) return missing;
  const { rules } = mustNot;
  const judged = rules === 'any' ? alerts : alerts.filter((alert) => rules.includes(alert.rule.id));
  return [...missing, ...falseAlerts(judged, mustNot.severity).map((line) => `should not be: ${line}`)];
}
