/** What people say about an alert, beside what the detector says. */

/** How far people are with it. Those before `resolved` are `alerts.stage`; resolved is what has `alerts.resolved_at`. */
export const TRIAGE_STATES = ['new', 'acknowledged', 'in_progress', 'resolved'] as const;
export type TriageState = (typeof TRIAGE_STATES)[number];

/** What it turned out to be. */
export const VERDICTS = ['true_positive', 'false_positive', 'benign', 'duplicate'] as const;
export type Verdict = (typeof VERDICTS)[number];
