/** Numbers, sizes and durations as an analyst reads them. Bytes and bits by powers of ten (kB, Mbit/s), everywhere. */

const integers = new Intl.NumberFormat('en-US');
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

export const formatInteger = (value: number): string => integers.format(value);

/** 12,345,678 → "12.3M"; below 10,000 in full. */
export const formatCount = (value: number): string =>
  Math.abs(value) < 10_000 ? integers.format(Math.round(value)) : compact.format(value);

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

const STEPS = ['', 'k', 'M', 'G', 'T', 'P'] as const;

function scaled(value: number, unit: string): string {
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= 1000 && step < STEPS.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits = rest === 0 || Math.abs(rest) >= 100 ? 0 : Math.abs(rest) >= 10 ? 1 : 2;
  return `${Number(rest.toFixed(digits))} ${STEPS[step]}${unit}`;
}

export const formatBytes = (bytes: number): string => scaled(bytes, 'B');
export const formatBitRate = (bitsPerSecond: number): string => scaled(bitsPerSecond, 'bit/s');
export const formatPacketRate = (rate: number): string =>
  rate !== 0 && rate < 10 ? `${Number(rate.toPrecision(2))} packets/s` : `${formatCount(rate)} packets/s`;

export function formatShare(share: number, whole: number): string {
  if (whole === 0) return '0 %';
  const percent = (100 * share) / whole;
  return percent !== 0 && percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** "3 s", "5 min", "2 h", "4 d". */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${integers.format(Math.round(seconds / 86_400))} d`;
}

/** A number of two units, the second left out where it is none. */
const both = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;

/** "0.4 ms", "12.3 s", "4 min 10 s", "2 h 5 min", "1 d". */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return both(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  return minutes < 1440
    ? both(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
    : both(Math.floor(minutes / 1440), 'd', Math.floor((minutes % 1440) / 60), 'h');
}
