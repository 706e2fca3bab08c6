/** Figures as a table for the terminal, with what each is and what its yardstick does below it. */
import Table from 'cli-table3';
import { type Figure, isReached, ratioOf } from './figure.js';
import { spread } from './statistics.js';

export function formatTable(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'measured', 'unit', 'to reach', 'beside', 'measured', 'ratio'],
    colAligns: ['left', 'right', 'left', 'right', 'left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const figure of figures) {
    const { name, value, unit, against } = figure;
    const ratio = ratioOf(figure);
    table.push([
      name,
      formatValue(value),
      unit,
      formatTarget(figure),
      against?.name ?? '',
      against === undefined ? '' : against.value === null ? 'absent' : formatValue(against.value),
      ratio === null ? '' : `× ${formatValue(ratio)}`,
    ]);
  }
  return `${table.toString()}\n\n${figures.map(describe).join('\n')}`;
}

function describe(figure: Figure): string {
  const { name, note, runs, against } = figure;
  const repeated =
    runs !== undefined && runs.length > 1
      ? ` Median of ${runs.length} runs, ${Math.round(spread(runs) * 100)} % apart.`
      : '';
  const beside = against === undefined ? '' : `\n  ${against.name}: ${against.note}`;
  return `${name}: ${note}${repeated}${beside}`;
}

function formatTarget(figure: Figure): string {
  if (figure.target === undefined) return '';
  const sign = figure.better === 'higher' ? '≥' : '≤';
  return `${sign} ${formatValue(figure.target)} ${isReached(figure) ? 'reached' : 'missed'}`;
}

/** Three significant digits below 100, whole numbers with separators from there. */
export function formatValue(value: number): string {
  if (value !== 0 && Math.abs(value) < 100) return String(Number(value.toPrecision(3)));
  return Math.round(value).toLocaleString('en-US');
}
