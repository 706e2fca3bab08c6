/**
 * An exception: alerts that are not to be published, because somebody knows what they are. People make them through the API; the
 * topic `exceptions` holds the latest of each by its id, and no value once it is deleted; workers read all of it before they begin.
 *
 * An alert is excepted when it meets all parts of one exception; a part that is absent is met by all.
 */

/** A part of the day, in a time zone. From after to it passes midnight. */
export interface ExceptionHours {
  /** "22:00" */
  readonly from: string;
  readonly to: string;
  /** Of the day on which it begins; all days where they are left out. */
  readonly days?: readonly Weekday[] | undefined;
  /** IANA's name: "Europe/Berlin", "UTC". */
  readonly zone: string;
}

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface AlertException {
  readonly id: string;
  readonly rules?: readonly string[] | undefined;
  /** Addresses, networks or MACs of who does it. */
  readonly sources?: readonly string[] | undefined;
  /** Of whom it is done to: each one that the alert names must be among them. */
  readonly targets?: readonly string[] | undefined;
  /** Destination ports, or ranges "8000-8100": each one that the alert names must be among them. */
  readonly ports?: readonly (number | string)[] | undefined;
  /** Each capture node that saw it must be among them. */
  readonly capture_nodes?: readonly string[] | undefined;
  readonly sites?: readonly string[] | undefined;
  /** When it happens, by the time of capture. */
  readonly hours?: ExceptionHours | undefined;
  /** Not for what happens from then on, by the time of capture; never expires where it is left out. */
  readonly expires_at?: string | undefined;
}

/** What of an exception says which alerts it is about. */
export const EXCEPTION_PARTS = ['rules', 'sources', 'targets', 'ports', 'capture_nodes', 'sites', 'hours'] as const;
export type ExceptionParts = Pick<AlertException, (typeof EXCEPTION_PARTS)[number]>;

/** Exceptions at once, and entries of one list of theirs: each alert is compared with all. */
export const EXCEPTIONS_MAX = 1000;
export const EXCEPTION_LIST_MAX = 100;

const isTexts = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'));

/** An exception of the topic; the reason when it is none. */
export function readAlertException(text: string): AlertException | { readonly reason: string } {
  let value: Partial<AlertException> | null;
  try {
    value = JSON.parse(text) as Partial<AlertException> | null;
  } catch {
    return { reason: 'it is not JSON' };
  }
  if (typeof value !== 'object' || value === null || typeof value.id !== 'string') return { reason: 'it has no id' };
  const { rules, sources, targets, ports, capture_nodes, sites, hours, expires_at } = value;
  const lists = { rules, sources, targets, capture_nodes, sites };
  for (const [name, list] of Object.entries(lists))
    if (!isTexts(list)) return { reason: `${name} is no list of texts` };
  if (ports !== undefined && !Array.isArray(ports)) return { reason: 'ports is no list' };
  if (hours !== undefined && [hours?.from, hours?.to, hours?.zone].some((part) => typeof part !== 'string')) {
    return { reason: 'hours has no from, to and zone' };
  }
  if (expires_at !== undefined && Number.isNaN(Date.parse(expires_at))) return { reason: 'expires_at is no time' };
  if (EXCEPTION_PARTS.every((part) => value[part] === undefined)) return { reason: 'it would except everything' };
  return value as AlertException;
}
