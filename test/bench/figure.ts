/** What a bench measures: a figure, beside the yardstick that was measured on the same machine and input in the same run. */

/** Whether more is better (packets a second) or less is (seconds, bytes). */
export type Direction = 'higher' | 'lower';

export interface Figure {
  /** Unique over all benches: `decode`, `decode-smallest-frames`. */
  readonly name: string;
  readonly value: number;
  /** `packets/s`, `ms`, `bytes/packet` … */
  readonly unit: string;
  readonly better: Direction;
  /** The target, in the same unit. */
  readonly target?: number;
  readonly against?: Yardstick;
  /** Each run that `value` is the median of; absent when there was one. */
  readonly runs?: readonly number[];
  /** What the figure is of: the input, and what the time covers. */
  readonly note: string;
}

export interface Yardstick {
  readonly name: string;
  /** In the unit of the figure; null when it is absent. */
  readonly value: number | null;
  /** What it does and does not do beside ours, or why it is absent. */
  readonly note: string;
}

/** One figure as `--json` writes it. What was not measured or set is null. */
export interface FigureRecord {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly against: string | null;
  readonly againstValue: number | null;
  /** value / againstValue. */
  readonly ratio: number | null;
  readonly target: number | null;
}

export function toRecord(figure: Figure): FigureRecord {
  const againstValue = figure.against?.value ?? null;
  return {
    name: figure.name,
    value: rounded(figure.value),
    unit: figure.unit,
    against: figure.against?.name ?? null,
    againstValue: againstValue === null ? null : rounded(againstValue),
    ratio: ratioOf(figure),
    target: figure.target ?? null,
  };
}

/** value / yardstick, or null when there is no yardstick. */
export function ratioOf({ value, against }: Pick<Figure, 'value' | 'against'>): number | null {
  if (against === undefined || against.value === null || against.value === 0) return null;
  return rounded(value / against.value);
}

/** Whether the target is reached; null when there is none. */
export function isReached({ value, target, better }: Pick<Figure, 'value' | 'target' | 'better'>): boolean | null {
  if (target === undefined) return null;
  return better === 'higher' ? value >= target : value <= target;
}

/** Four significant digits; a measurement has no more. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
