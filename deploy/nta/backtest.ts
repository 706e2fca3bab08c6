/** What other rules would have said, beside what was said: the same episode, one that is new, one that would be gone. Pure. */
import { identityOf, microsOf } from '../../processors/hunt/continuation.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { latestEvents } from './alert-table.js';

export type Verdict = 'new' | 'same' | 'gone';

export interface Comparison {
  readonly verdict: Verdict;
  /** As it would be said; of what is gone, as it was said. */
  readonly alert: AlertDocument;
  /** As it was said, where it is the same. */
  readonly before: AlertDocument | null;
}

/** Episodes of one who did the same to the same are one where they overlap: another threshold crosses at another time. */
export function compareAlerts(said: Iterable<AlertDocument>, would: Iterable<AlertDocument>): readonly Comparison[] {
  const left = latestEvents(said);
  const comparisons = latestEvents(would).map((alert): Comparison => {
    const at = left.findIndex((before) => isSame(before, alert));
    if (at < 0) return { verdict: 'new', alert, before: null };
    const [before] = left.splice(at, 1);
    return { verdict: 'same', alert, before: before! };
  });
  const gone = left.map((alert): Comparison => ({ verdict: 'gone', alert, before: null }));
  return [...comparisons, ...gone].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const order = ({ alert: { nta, rule, source } }: Comparison): string =>
  `${nta.alert.crossed} ${rule.id} ${source.address} ${nta.alert.id}`;

function isSame(one: AlertDocument, other: AlertDocument): boolean {
  if (one.nta.alert.id === other.nta.alert.id) return true;
  if (identityOf(one) !== identityOf(other)) return false;
  const [a, b] = [one.nta.alert.evidence, other.nta.alert.evidence];
  return microsOf(a.first_seen) <= microsOf(b.last_seen) && microsOf(b.first_seen) <= microsOf(a.last_seen);
}

const WORDS: Readonly<Record<Verdict, string>> = { new: 'new', same: 'as before', gone: 'no more' };

export async function formatComparison(comparisons: readonly Comparison[]): Promise<string> {
  if (comparisons.length === 0) return 'nothing was said, and nothing would be';
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['would be', 'first crossed (UTC)', 'severity', 'rule', 'source', 'what'],
    style: { head: [], border: [] },
  });
  for (const { verdict, alert, before } of comparisons) {
    const { rule, source, event, message, nta } = alert;
    const rises = before === null || before.event.severity === event.severity ? '' : `, was ${before.event.severity}`;
    table.push([
      WORDS[verdict],
      nta.alert.crossed.replace('T', ' ').replace('Z', ''),
      `${event.severity} ${nta.alert.severity_name}${rises}`,
      rule.id,
      source.address,
      message,
    ]);
  }
  const counts = (Object.keys(WORDS) as Verdict[]).map(
    (verdict) => `${comparisons.filter((each) => each.verdict === verdict).length} ${WORDS[verdict]}`,
  );
  return `${table.toString()}\n${counts.join(', ')}`;
}
