/** Times in the zone that the reader chose: the browser's, with its daylight saving, or UTC. */

export type Zone = 'local' | 'utc';

export interface TimeWords {
  readonly zone: Zone;
  /** "Europe/Berlin" or "UTC". */
  readonly zoneName: string;
  /** "14:03:12", with the date in front unless it is today. */
  time(iso: string): string;
  /** The same with the microseconds that the capture recorded. */
  micros(iso: string): string;
  /** "2026-01-02 14:03". */
  minute(iso: string): string;
  /** For an input of type datetime-local: "2026-01-02T14:03:12". */
  input(iso: string): string;
  /** What such an input says, as ISO 8601 in UTC; null when it says nothing. */
  fromInput(text: string): string | null;
}

const FORMAT: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
};

/** The zone of this browser; what is UTC by another name is called so. */
export function browserZone(name = Intl.DateTimeFormat().resolvedOptions().timeZone): string {
  return /^(Etc\/)?(UTC|UCT|Universal|Zulu|GMT[+-]?0?|Greenwich|Unknown)$/.test(name) ? 'UTC' : name;
}

export function createTimeWords(zone: Zone): TimeWords {
  const format = new Intl.DateTimeFormat('en-US', { ...FORMAT, ...(zone === 'utc' ? { timeZone: 'UTC' } : {}) });
  const partsOf = (time: number): { date: string; clock: string } => {
    const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
    return {
      date: `${parts['year']}-${parts['month']}-${parts['day']}`,
      clock: `${parts['hour']}:${parts['minute']}:${parts['second']}`,
    };
  };
  const time = (iso: string): string => {
    const { date, clock } = partsOf(Date.parse(iso));
    return date === partsOf(Date.now()).date ? clock : `${date} ${clock}`;
  };
  return {
    zone,
    zoneName: zone === 'utc' ? 'UTC' : browserZone(),
    time,
    micros: (iso) => `${time(iso)}.${/\.(\d{6})/.exec(iso)?.[1] ?? '000000'}`,
    minute: (iso) => {
      const { date, clock } = partsOf(Date.parse(iso));
      return `${date} ${clock.slice(0, 5)}`;
    },
    input: (iso) => {
      const { date, clock } = partsOf(Date.parse(iso));
      return `${date}T${clock}`;
    },
    fromInput: (text) => {
      const parsed = Date.parse(zone === 'utc' ? `${text}Z` : text);
      return Number.isNaN(parsed) ? null : new Date(parsed).toISOString();
    },
  };
}
