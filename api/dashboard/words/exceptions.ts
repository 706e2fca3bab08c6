/** Exceptions as they are typed, asked for and told. Pure. */
import type { Weekday } from '../../../schemas/exceptions/alert-exception.js';
import type { ExceptionProposal, ExceptionView, NewExceptionRequest } from '../../views/exception-view.js';
import type { TimeWords } from './times.js';

/** Parts that are lists, in the order in which they are asked for. */
export const LIST_PARTS = ['rules', 'sources', 'targets', 'ports', 'capture_nodes', 'sites'] as const;
export type ListPart = (typeof LIST_PARTS)[number];

export const PART_NAMES: Readonly<Record<ListPart, string>> = {
  rules: 'Rules',
  sources: 'Sources',
  targets: 'Targets',
  ports: 'Ports',
  capture_nodes: 'Nodes',
  sites: 'Sites',
};

/** From Monday, as people speak of weeks. */
export const WEEK: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** What stands in the fields of the dialog. */
export interface ExceptionDraft extends Readonly<Record<ListPart, string>> {
  readonly from: string;
  readonly to: string;
  readonly days: readonly Weekday[];
  readonly zone: string;
  /** Of an input of type datetime-local; empty where it never ends. */
  readonly expires: string;
  readonly note: string;
}

const DAY_MS = 86_400_000;
const DAYS_PROPOSED = 30;

/** One that is not made from an alert. */
export const emptyProposal = (now: number): ExceptionProposal => ({
  expires_at: new Date(now + DAYS_PROPOSED * DAY_MS).toISOString(),
  note: '',
});

export function draftOf(proposal: ExceptionProposal, times: TimeWords, zone: string): ExceptionDraft {
  const { hours, expires_at: expires, note } = proposal;
  const lists = Object.fromEntries(LIST_PARTS.map((part) => [part, (proposal[part] ?? []).join(', ')]));
  return {
    ...(lists as Record<ListPart, string>),
    from: hours?.from ?? '',
    to: hours?.to ?? '',
    days: hours?.days ?? [],
    zone: hours?.zone ?? zone,
    expires: expires === undefined ? '' : times.input(expires),
    note,
  };
}

const entriesOf = (text: string): string[] =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** What is asked for; fields that are empty are left out, and what is wrong in the others is for the API to say. */
export function requestOf(draft: ExceptionDraft, times: TimeWords): NewExceptionRequest {
  const { from, to, days, zone, expires, note } = draft;
  const lists = LIST_PARTS.map((part) => [part, entriesOf(draft[part])] as const).filter(([, list]) => list.length > 0);
  const isPartOfDay = from !== '' || to !== '' || days.length > 0;
  return {
    ...(Object.fromEntries(lists) as Partial<Record<ListPart, string[]>>),
    ...(isPartOfDay ? { hours: { from, to, zone, ...(days.length > 0 ? { days: [...days] } : {}) } } : {}),
    ...(expires === '' ? {} : { expires_at: times.fromInput(expires) ?? expires }),
    note: note.trim(),
  };
}

/** Names and values of what it is about: "Rules": "port-scan". */
export function exceptionParts(exception: ExceptionView): readonly (readonly [name: string, value: string])[] {
  const { hours } = exception;
  return [
    ...LIST_PARTS.flatMap((part) => {
      const list = exception[part];
      return list === undefined ? [] : [[PART_NAMES[part], list.join(', ')] as const];
    }),
    ...(hours === undefined ? [] : [['Hours', hoursWords(hours)] as const]),
  ];
}

/** "sat, sun 22:00 to 05:00 (Europe/Berlin)" */
export function hoursWords({ from, to, days, zone }: NonNullable<ExceptionView['hours']>): string {
  const on = days === undefined ? '' : `${WEEK.filter((day) => days.includes(day)).join(', ')} `;
  return `${on}${from} to ${to} (${zone})`;
}
