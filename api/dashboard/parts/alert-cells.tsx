/** Cells of tables of alerts and incidents. */
import type { ComponentChildren } from 'preact';
import type { Alert } from '../../views/alert-view.js';
import { useWorkplace } from '../data/workplace.js';
import { episodeWords, TRIAGE_NAMES } from '../words/alerts.js';

/** What happened, as the way to its page, and a line of what it is below. */
export function Headline({
  path,
  message,
  children,
}: {
  readonly path: string;
  readonly message: string;
  readonly children: ComponentChildren;
}) {
  const { address } = useWorkplace();
  return (
    <>
      <a class="message" href={address.href(path)}>
        {message}
      </a>
      <span class="rule muted">{children}</span>
    </>
  );
}

export function AlertHeadline({ alert }: { readonly alert: Alert }) {
  return (
    <Headline path={`/alerts/${encodeURIComponent(alert.id)}`} message={alert.message}>
      {alert.rule_name}
    </Headline>
  );
}

/** Whether it goes on, as the detector says. */
export function EpisodeState({ status }: Pick<Alert, 'status'>) {
  return (
    <span class="state" data-state={status}>
      {episodeWords({ status })}
    </span>
  );
}

/** The same, and how far people are with it. */
export function AlertState({ alert }: { readonly alert: Alert }) {
  return (
    <>
      <EpisodeState status={alert.status} />
      {alert.triage !== 'new' && <span class="triage">{TRIAGE_NAMES[alert.triage]}</span>}
    </>
  );
}
