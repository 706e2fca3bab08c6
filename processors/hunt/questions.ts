/**
 * Which stored conversations a hunted rule has to see. Postgres leaves out all that cannot matter, pair by pair, so that a hunt through
 * millions reads thousands: each condition gives at least what the detector counts, and the detector decides. A rule without a question
 * here (one of somebody's own) sees all.
 */
import { OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import { readConversationSearch } from '../../schemas/tables/conversation-search.js';
import type { Condition, SqlValues } from '../../schemas/tables/sql-values.js';
import type { DetectionRule } from '../contract/rule.js';

/** Pairs that are read whole: the ones with fewest conversations, since a beacon is slow. */
const PAIRS_MAX = 20_000;
/** More conversations of a pair in the time are no beacon: one a second. */
const CALLS_A_SECOND_MAX = 1;

const PRIVATE = [
  '10.0.0.0/8',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
  'fe80::/10',
];
/** Of inside hosts, as detectors have it (detectors/conversation-rows.ts). */
export const isPrivate = (column: string): string =>
  `(${PRIVATE.map((network) => `${column} <<= '${network}'`).join(' OR ')})`;

/** What a question is asked of: rows of one site and timeline in a time. */
export interface Window {
  /** A condition on the rows of conversations. */
  readonly rows: string;
  readonly seconds: number;
}

type Question = (rule: DetectionRule, window: Window, values: SqlValues) => string;

const QUESTIONS: Readonly<Record<string, Question>> = {
  beacon: ({ threshold, options }, { rows, seconds }, values) => {
    const most = Math.max(threshold, Math.ceil(seconds * CALLS_A_SECOND_MAX));
    return `(originator, responder, responder_port) IN (
      SELECT originator, responder, responder_port FROM (
        SELECT originator, responder, responder_port, calls, count(*) OVER (PARTITION BY responder, responder_port) AS callers FROM (
          SELECT originator, responder, responder_port, count(*) AS calls FROM conversations
          WHERE ${rows} AND outcome = ${OUTCOME_ANSWERED} AND isfinite(ended_at) AND NOT ${isPrivate('responder')}
            AND responder_port <> ALL(${values.add(options['ports'], 'integer[]')})
          GROUP BY 1, 2, 3
        ) AS pairs
      ) AS popular
      WHERE calls BETWEEN ${values.add(threshold, 'bigint')} AND ${values.add(most, 'bigint')}
        AND callers < ${values.add(options['popular'], 'bigint')}
      ORDER BY calls, originator, responder LIMIT ${PAIRS_MAX}
    ) AND outcome = ${OUTCOME_ANSWERED} AND isfinite(ended_at)`;
  },
  exfiltration: ({ threshold }, { rows }, values) => `originator IN (
      SELECT originator FROM conversations WHERE ${rows} AND NOT ${isPrivate('responder')}
      GROUP BY originator, responder HAVING sum(originator_bytes) >= ${values.add(threshold * 1e6, 'bigint')}
      ORDER BY sum(originator_bytes) DESC LIMIT ${PAIRS_MAX}
    ) AND NOT ${isPrivate('responder')}`,
  'long-connection': () =>
    `coalesce(last_at, ended_at) - started_at >= interval '1 hour' AND outcome = ${OUTCOME_ANSWERED} AND NOT ${isPrivate('responder')}`,
  'lateral-movement': ({ options }, _, values) =>
    `ip_protocol = 6 AND outcome = ${OUTCOME_ANSWERED} AND isfinite(ended_at) AND responder_port = ANY(${values.add(options['ports'], 'integer[]')})`,
};

/** What a rule of a file searches for; all conversations for one that says nothing. */
const searched: Question = ({ detector: { conversationSearch = '' } }, _, values) =>
  conversationSearch.trim() === '' ? 'true' : readConversationSearch(conversationSearch)(values);

/** These read the table first_seen instead. */
export const FIRST_SEEN_RULES: ReadonlySet<string> = new Set(['new-host', 'new-service']);

/** What any of the rules has to see. */
export function questionOf(rules: readonly DetectionRule[], window: Window): Condition {
  const asking = rules.filter(({ detector }) => !FIRST_SEEN_RULES.has(detector.id));
  return (values) =>
    asking.length === 0
      ? 'false'
      : asking.map((rule) => `(${(QUESTIONS[rule.detector.id] ?? searched)(rule, window, values)})`).join('\n OR ');
}
