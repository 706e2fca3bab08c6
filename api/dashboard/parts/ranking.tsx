/** The most of something, each with its part of the whole as a bar. */
import type { ComponentChildren } from 'preact';
import { formatBytes, formatCount, formatShare } from '../words/numbers.js';
import { Empty } from './states.js';

export type Unit = 'bytes' | 'packets';

export interface Ranked {
  readonly key: string;
  readonly label: ComponentChildren;
  readonly bytes: number;
  readonly packets: number;
  readonly hint?: string;
  readonly color?: string;
}

export const formatAmount = (value: number, unit: Unit): string =>
  unit === 'bytes' ? formatBytes(value) : formatCount(value);

export function Ranking({
  rows,
  unit,
  empty,
  limit = 10,
}: {
  readonly rows: readonly Ranked[];
  readonly unit: Unit;
  readonly empty: string;
  readonly limit?: number;
}) {
  if (rows.length === 0) return <Empty title={empty} />;
  const sorted = rows.toSorted((a, b) => b[unit] - a[unit]).slice(0, limit);
  const whole = rows.reduce((sum, row) => sum + row[unit], 0);
  const most = Math.max(...sorted.map((row) => row[unit]), 1);
  return (
    <ol class="ranking">
      {sorted.map(({ key, label, hint, color, ...row }) => (
        <li key={key} title={hint}>
          <span class="ranked">{label}</span>
          <span class="amount">{formatAmount(row[unit], unit)}</span>
          <span class="share">{formatShare(row[unit], whole)}</span>
          <span class="bar" aria-hidden="true">
            <span style={{ width: `${(100 * row[unit]) / most}%`, background: color && `var(${color})` }} />
          </span>
        </li>
      ))}
    </ol>
  );
}
