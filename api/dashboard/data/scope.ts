/** What every page looks at, as the address says it: a time, a search, capture nodes. */
import type { Query } from './calls.js';

export type Range =
  /** The last hour, or everything when that hour has nothing (a replayed capture of long ago). */
  | { readonly kind: 'auto' }
  | { readonly kind: 'all' }
  | { readonly kind: 'last'; readonly text: string; readonly hours: number }
  | { readonly kind: 'between'; readonly from: string; readonly to: string };

export interface Scope {
  readonly range: Range;
  readonly search: string;
  readonly site: string;
  readonly node: string;
}

export const PRESETS = [
  { text: '15m', label: 'Last 15 min' },
  { text: '1h', label: 'Last hour' },
  { text: '6h', label: 'Last 6 hours' },
  { text: '24h', label: 'Last 24 hours' },
  { text: '7d', label: 'Last 7 days' },
  { text: '30d', label: 'Last 30 days' },
] as const;

/** Parameters that links between pages carry on. */
export const SCOPE_PARAMETERS = ['range', 'from', 'to', 'q', 'site', 'node'] as const;

const HOURS: Readonly<Record<string, number>> = { m: 1 / 60, h: 1, d: 24 };
const HOURS_MAX = 87_600;

/** "90m", "1h", "7d"; null for what is none. */
export function readLast(text: string): Range | null {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text.trim()) ?? [];
  const hours = Number(count) * (HOURS[unit ?? ''] ?? Number.NaN);
  return hours > 0 && hours <= HOURS_MAX ? { kind: 'last', text: text.trim(), hours } : null;
}

function readRange(query: URLSearchParams): Range {
  const [from, to] = [query.get('from'), query.get('to')];
  if (from && to && Date.parse(from) < Date.parse(to)) return { kind: 'between', from, to };
  const range = query.get('range') ?? '';
  return range === 'all' ? { kind: 'all' } : (readLast(range) ?? { kind: 'auto' });
}

export function readScope(query: URLSearchParams): Scope {
  return {
    range: readRange(query),
    search: query.get('q') ?? '',
    site: query.get('site') ?? '',
    node: query.get('node') ?? '',
  };
}

/** The parameters of an address that looks at a range. */
export function rangeParameters(range: Range): Record<'range' | 'from' | 'to', string> {
  if (range.kind === 'between') return { range: '', from: range.from, to: range.to };
  return { range: range.kind === 'last' ? range.text : range.kind === 'all' ? 'all' : '', from: '', to: '' };
}

/** The range as the API takes it. */
export function timeQuery(range: Range): Query {
  if (range.kind === 'between') return { from: range.from, to: range.to };
  if (range.kind === 'last') return { hours: range.hours };
  return range.kind === 'auto' ? { hours: 1 } : {};
}

/** How often what is shown of a range may have changed enough to be asked for again, milliseconds; null for never. */
export function refreshEvery(range: Range): number | null {
  if (range.kind === 'between') return Date.parse(range.to) < Date.now() ? null : 15_000;
  if (range.kind === 'all') return 15_000;
  return range.kind === 'last' && range.hours > 6 ? 30_000 : 5_000;
}

export function rangeWords(range: Range): string {
  if (range.kind === 'auto') return 'in the last hour';
  if (range.kind === 'all') return 'in all data';
  if (range.kind === 'between') return 'in this time';
  const unit = { m: 'minutes', h: 'hours', d: 'days' }[range.text.slice(-1)] ?? '';
  const count = range.text.slice(0, -1);
  return count === '1' ? `in the last ${unit.slice(0, -1)}` : `in the last ${count} ${unit}`;
}

/** A range around two times with some room, for what led to them and what followed. */
export function around(from: string, to: string, roomSeconds = 60): Range {
  const start = new Date(Date.parse(from) - roomSeconds * 1000);
  const end = new Date(Date.parse(to) + roomSeconds * 1000);
  return { kind: 'between', from: start.toISOString(), to: end.toISOString() };
}
