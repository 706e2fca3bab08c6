/** Words about alerts. */
import type { Alert, AlertDetail } from '../../views/alert-view.js';

export const SEVERITIES = [
  { value: 5, name: 'critical' },
  { value: 4, name: 'high' },
  { value: 3, name: 'medium' },
  { value: 2, name: 'low' },
  { value: 1, name: 'informational' },
] as const;

export const TRIAGE_NAMES: Readonly<Record<Alert['triage'], string>> = {
  new: 'new',
  acknowledged: 'acknowledged',
  in_progress: 'in progress',
  resolved: 'resolved',
};

export type Verdict = NonNullable<Alert['verdict']>;
export const VERDICT_NAMES: Readonly<Record<Verdict, string>> = {
  true_positive: 'true positive',
  false_positive: 'false positive',
  benign: 'benign',
  duplicate: 'duplicate',
};
export const VERDICT_CHOICES = Object.keys(VERDICT_NAMES) as Verdict[];

/** What the detector says, in words that are not those of triage. */
export const episodeWords = ({ status }: Pick<Alert, 'status'>): string => (status === 'open' ? 'going on' : 'ended');

const ACTIONS: Readonly<Record<string, string>> = {
  open: 'threshold crossed',
  update: 'goes on, doubled',
  close: 'ended',
  acknowledge: 'acknowledged',
  start: 'taken up',
  resolve: 'resolved',
  reopen: 'reopened',
  verdict: 'judged',
  assign: 'assigned',
  note: 'noted',
  undo: 'taken back',
};
export const actionWords = (action: string): string => ACTIONS[action] ?? action;

/** What the word for the action, or the note below it, says already. */
const SAID_BY_ACTION = new Set(['note', 'stage']);

export function changeWords({ before, after }: AlertDetail['history'][number]): string {
  if (after === null) return '';
  const word = (value: unknown): string =>
    value === null || value === undefined ? 'none' : String(value).replaceAll('_', ' ');
  return Object.entries(after)
    .filter(
      ([name, value]) =>
        !SAID_BY_ACTION.has(name) && !name.endsWith('_at') && !name.endsWith('_by') && before?.[name] !== value,
    )
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${word(value)}`)
    .join(', ');
}

export const techniqueAddress = (id: string): string => `https://attack.mitre.org/techniques/${id.replace('.', '/')}/`;

export const severityName = (severity: number): string =>
  SEVERITIES.find(({ value }) => value === severity)?.name ?? String(severity);
