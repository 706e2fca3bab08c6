/** What a search may go on with at the place of the cursor. Pure. */
import type { SearchFields } from '../../routes/fields.js';

export interface Suggestion {
  readonly text: string;
  readonly description: string;
}

export interface Completion {
  /** Characters that a suggestion takes the place of. */
  readonly start: number;
  readonly end: number;
  readonly suggestions: readonly Suggestion[];
}

const SUGGESTIONS_MAX = 8;

const VALUES: Readonly<Record<string, readonly string[]>> = {
  protocol: ['tcp', 'udp', 'icmp', 'icmpv6', 'arp', 'dns', 'tls', 'http'],
  service: ['ssl', 'http', 'dns', 'ssh', 'ftp', 'smb', 'rdp', 'unknown'],
  outcome: ['answered', 'unanswered', 'refused', 'unseen'],
  severity: ['critical', 'high', 'medium', 'low', 'informational'],
  min_severity: ['critical', 'high', 'medium', 'low'],
  triage: ['new', 'acknowledged', 'in_progress', 'resolved'],
  verdict: ['true_positive', 'false_positive', 'benign', 'duplicate'],
  status: ['open', 'closed'],
  resolved: ['true', 'false'],
  open: ['true', 'false'],
  tcp_flags: ['syn', 'syn,ack', 'rst', 'fin', 'syn,!ack'],
  state: ['S0', 'S1', 'SF', 'REJ', 'RSTO', 'RSTR', 'OTH'],
};

const KEYWORDS: readonly Suggestion[] = [
  { text: 'and', description: 'both hold' },
  { text: 'or', description: 'either holds' },
  { text: 'not', description: 'does not hold' },
];

interface Field extends Suggestion {
  readonly name: string;
}

/** Every name and word of a field once, with where it is known. */
export function fieldsOf(fields: SearchFields): readonly Field[] {
  const found = new Map<string, Field>();
  for (const what of ['packets', 'conversations', 'alerts'] as const) {
    for (const { name, words, description } of fields[what]) {
      for (const text of [name, ...words]) {
        if (!found.has(text)) found.set(text, { text, name, description: description.split(/[.:]/)[0] ?? '' });
      }
    }
  }
  return [...found.values()];
}

/** @param nodes names that `capture_node` may have */
export function complete(
  text: string,
  cursor: number,
  fields: readonly Field[],
  nodes: readonly string[] = [],
): Completion {
  const before = text.slice(0, cursor);
  const [word] = /[^\s()]*$/.exec(before) ?? [''];
  const start = cursor - word.length;
  const [rest] = /^[^\s()]*/.exec(text.slice(cursor)) ?? [''];
  const place = { start, end: cursor + rest.length };
  const previous = /([\w.]+)\s*(?:=|!=|~)?\s*$/.exec(before.slice(0, start))?.[1]?.toLowerCase() ?? '';
  const field = fields.find((known) => known.text === previous.replaceAll('.', '_'));
  if (field !== undefined) {
    const typed = word.split(',').at(-1)?.toLowerCase() ?? '';
    const values = field.name === 'capture_node' ? nodes : (VALUES[field.name] ?? []);
    const suggestions = values
      .filter((value) => value.toLowerCase().startsWith(typed) && value.toLowerCase() !== typed)
      .map((value) => ({ text: word.slice(0, word.length - typed.length) + quoted(value), description: field.name }));
    return { ...place, suggestions: suggestions.slice(0, SUGGESTIONS_MAX) };
  }
  const typed = word.toLowerCase().replaceAll('.', '_');
  if (typed === '') return { ...place, suggestions: [] };
  const suggestions = [...KEYWORDS, ...fields]
    .filter((known) => known.text.startsWith(typed) && known.text !== typed)
    .map(({ text: name, description }) => ({ text: name, description }));
  return { ...place, suggestions: suggestions.slice(0, SUGGESTIONS_MAX) };
}

/** A value as the search language reads it whole. */
export const quoted = (value: string): string =>
  /^[\w.:/*-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
