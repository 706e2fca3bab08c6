/** What the receiver of a webhook answered, and what that asks of the sender (Standard Webhooks, RFC 9110, RFC 6585). */

import type { Verdict } from '../output.js';

/** An HTTP status, or why there was none. */
export type WebhookAnswer =
  | { readonly status: number; readonly retryAfterMs: number | null }
  | { readonly status: null; readonly reason: 'timeout' | 'connection'; readonly message: string };

/** Request Timeout, Too Early, Too Many Requests, Bad Gateway, Service Unavailable, Gateway Timeout. */
const AWAY = new Set([408, 425, 429, 502, 503, 504]);
/** Of the address and the sender's rights, not of the event: a person can mend them. */
const MISDIRECTED = new Set([401, 403, 404, 405, 407, 421]);

export function judge({ status }: WebhookAnswer): Verdict['kind'] {
  if (status === null || AWAY.has(status)) return 'away';
  if (status >= 200 && status < 300) return 'delivered';
  if (status === 410) return 'gone';
  // A redirect is not followed, as the standard asks: the new place would get alerts that nobody meant for it.
  return status >= 400 && status < 500 && !MISDIRECTED.has(status) ? 'refused' : 'failing';
}

/** What became of the attempt that was answered so. */
export function verdictOf(answer: WebhookAnswer): Verdict {
  const kind = judge(answer);
  if (kind === 'delivered') return { kind };
  const retryAfterMs = answer.status === null ? null : answer.retryAfterMs;
  return { kind, reason: reasonOf(answer), detail: describeAnswer(answer), retryAfterMs };
}

/** For metrics and logs: `http_503`, `timeout`, `connection`. */
export function reasonOf(answer: WebhookAnswer): string {
  return answer.status === null ? answer.reason : `http_${answer.status}`;
}

/** For people, without the address, which may hold a secret. */
export function describeAnswer(answer: WebhookAnswer): string {
  if (answer.status === null) return answer.message;
  const { status } = answer;
  if (status === 410) return 'it answers 410 Gone: it wants no more alerts';
  if (status >= 300 && status < 400)
    return `it answers ${status}, a redirect, which is not followed; give the new address`;
  if (status === 401 || status === 403)
    return `it answers ${status}; check its address, the secret and the rights there`;
  if (status === 404 || status === 405) return `it answers ${status}; check its address`;
  return `it answers ${status}`;
}

/** Longest pause that a receiver may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000;

/** `Retry-After`, RFC 9110 section 10.2.3: seconds or a date. Null when it is neither. */
export function parseRetryAfter(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  const trimmed = text.trim();
  // A date of any of the three forms begins with the name of a day; Date.parse would take much else for one.
  const isDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(trimmed);
  const ms = /^\d+$/.test(trimmed) ? Number(trimmed) * 1000 : isDate ? Date.parse(trimmed) - now : Number.NaN;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}
