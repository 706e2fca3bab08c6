/** Alerts in short, a line each. */
import type { Alert } from '../../views/alert-view.js';
import { useWorkplace } from '../data/workplace.js';
import { HostLink, Severity, Time } from './links.js';

export function AlertLines({
  alerts,
  hasSource = true,
}: {
  readonly alerts: readonly Alert[];
  /** Whether their sources are told. */
  readonly hasSource?: boolean;
}) {
  const { address } = useWorkplace();
  return (
    <ul class="alert-lines">
      {alerts.map((alert) => (
        <li key={alert.id}>
          <Severity severity={alert.severity} name={alert.severity_name} />
          <a class="message" href={address.href(`/alerts/${encodeURIComponent(alert.id)}`)}>
            {alert.message}
          </a>
          {hasSource && (
            <span class="from">
              <HostLink host={alert.source} />
            </span>
          )}
          <Time iso={alert.last_seen} />
        </li>
      ))}
    </ul>
  );
}
