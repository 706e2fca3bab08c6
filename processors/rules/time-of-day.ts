/** A part of the day in a time zone: whether a moment lies in it, and when it ends. */
import { type ExceptionHours, WEEKDAYS } from '../../schemas/exceptions/alert-exception.js';

/** Zones change their offset at whole quarters of an hour. */
const QUARTER_MICROS = 900e6;
const DAY_MINUTES = 1440;
const MINUTE_MICROS = 60e6;

interface LocalQuarter {
  readonly quarter: number;
  /** Minutes since midnight, and the day, at its begin. */
  readonly minutes: number;
  readonly day: number;
}

export class TimeOfDay {
  private readonly from: number;
  private readonly to: number;
  private readonly days: ReadonlySet<number> | null;
  private readonly format: Intl.DateTimeFormat;
  private last: LocalQuarter = { quarter: Number.NaN, minutes: 0, day: 0 };

  /** @throws Error with the reason when the hours are none */
  constructor(hours: ExceptionHours) {
    this.from = minutesOf(hours.from);
    this.to = minutesOf(hours.to);
    if (this.from === this.to) throw new Error(`from ${hours.from} to ${hours.to} is no part of a day`);
    this.days = hours.days === undefined ? null : new Set(hours.days.map((day) => WEEKDAYS.indexOf(day)));
    if (this.days?.has(-1)) throw new Error(`days must be some of ${WEEKDAYS.join(', ')}`);
    try {
      this.format = new Intl.DateTimeFormat('en-US', {
        timeZone: hours.zone,
        hourCycle: 'h23',
        weekday: 'short',
        hour: 'numeric',
        minute: 'numeric',
      });
    } catch {
      throw new Error(`${JSON.stringify(hours.zone)} is no time zone, such as Europe/Berlin or UTC`);
    }
  }

  /** When the part of the day that holds `micros` ends, µs; null when none does. */
  endOf(micros: number): number | null {
    const { quarter, minutes, day } = this.localOf(micros);
    const now = minutes + (micros - quarter * QUARTER_MICROS) / MINUTE_MICROS;
    const passesMidnight = this.from > this.to;
    const isEvening = now >= this.from && (passesMidnight || now < this.to);
    const isMorning = passesMidnight && now < this.to;
    if (isEvening && this.isDay(day)) {
      const left = this.to - now + (passesMidnight ? DAY_MINUTES : 0);
      return micros + left * MINUTE_MICROS;
    }
    return isMorning && this.isDay((day + 6) % 7) ? micros + (this.to - now) * MINUTE_MICROS : null;
  }

  private isDay(day: number): boolean {
    return this.days === null || this.days.has(day);
  }

  private localOf(micros: number): LocalQuarter {
    const quarter = Math.floor(micros / QUARTER_MICROS);
    if (quarter === this.last.quarter) return this.last;
    const parts = this.format.formatToParts((quarter * QUARTER_MICROS) / 1000);
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((found) => found.type === type)!.value;
    const day = WEEKDAYS.indexOf(part('weekday').toLowerCase() as (typeof WEEKDAYS)[number]);
    this.last = { quarter, minutes: Number(part('hour')) * 60 + Number(part('minute')), day };
    return this.last;
  }
}

function minutesOf(text: string): number {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hours === undefined) throw new Error(`${JSON.stringify(text)} is no time of day, such as 08:30`);
  return Number(hours) * 60 + Number(minutes);
}
