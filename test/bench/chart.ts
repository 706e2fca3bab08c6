/**
 * Figures as an SVG chart: for each figure with a yardstick or a target a bar of what was measured, on a logarithmic
 * axis, because they lie up to four orders of magnitude apart. No script, no font, no colour that a dark page would swallow.
 */
import { type Figure, isReached, ratioOf } from './figure.js';
import { formatValue } from './figure-table.js';

const WIDTH = 960;
const LABEL_WIDTH = 250;
const VALUE_WIDTH = 190;
const ROW_HEIGHT = 46;
const BAR_HEIGHT = 14;
const TITLE_HEIGHT = 64;
const COLOURS = { ours: '#2f7ed8', missed: '#d9822b', theirs: '#9aa5b1', target: '#c0392b', text: '#6b7785' } as const;

/** Figures of one unit share an axis; others would compare what cannot be compared. */
export function renderChart(figures: readonly Figure[], caption: string): string {
  const shown = figures.filter(
    ({ unit, against, target }) => unit === 'packets/s' && (against ?? target) !== undefined,
  );
  const values = shown.flatMap(({ value, against, target }) =>
    [value, against?.value, target].filter((number): number is number => typeof number === 'number' && number > 0),
  );
  const lowest = values.length === 0 ? 1 : 10 ** Math.floor(Math.log10(Math.min(...values)));
  const highest = values.length === 0 ? 10 : 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.0001));
  const plotWidth = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const x = (value: number): number =>
    value <= lowest ? 0 : (plotWidth * Math.log10(value / lowest)) / Math.log10(highest / lowest);
  const height = TITLE_HEIGHT + shown.length * ROW_HEIGHT + 30;
  const grid: string[] = [];
  for (let tick = lowest; tick <= highest; tick *= 10) {
    const at = LABEL_WIDTH + x(tick);
    grid.push(
      `<line x1="${at}" x2="${at}" y1="${TITLE_HEIGHT - 8}" y2="${height - 24}" stroke="${COLOURS.theirs}" stroke-opacity="0.3"/>`,
      text(at, height - 8, formatValue(tick), 'middle'),
    );
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${escapeText(caption)}</title>`,
    text(
      0,
      18,
      'Packets a second, logarithmic: nta (blue; orange below its target), its yardstick (grey), target (red)',
    ),
    text(0, 38, caption),
    ...grid,
    ...shown.map((figure, index) => row(figure, TITLE_HEIGHT + index * ROW_HEIGHT, x)),
    '</svg>',
    '',
  ].join('\n');
}

function row(figure: Figure, top: number, x: (value: number) => number): string {
  const { name, value, against, target } = figure;
  const ratio = ratioOf(figure);
  const colour = isReached(figure) === false ? COLOURS.missed : COLOURS.ours;
  const parts = [
    text(LABEL_WIDTH - 10, top + 12, name, 'end'),
    bar(top, x(value), colour),
    text(
      LABEL_WIDTH + x(value) + 8,
      top + 12,
      formatValue(value) + (ratio === null ? '' : `  (× ${formatValue(ratio)})`),
    ),
  ];
  if (against !== undefined) {
    const label = `${against.name}: ${against.value === null ? 'absent' : formatValue(against.value)}`;
    const width = against.value === null ? 0 : x(against.value);
    parts.push(bar(top + BAR_HEIGHT + 2, width, COLOURS.theirs), text(LABEL_WIDTH + width + 8, top + 28, label));
  }
  if (target !== undefined) {
    const at = LABEL_WIDTH + x(target);
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${top - 3}" y2="${top + BAR_HEIGHT + 3}" stroke="${COLOURS.target}" stroke-width="2"/>`,
    );
  }
  return parts.join('\n');
}

function bar(top: number, width: number, colour: string): string {
  return `<rect x="${LABEL_WIDTH}" y="${top}" width="${Math.max(0, width).toFixed(1)}" height="${BAR_HEIGHT}" fill="${colour}"/>`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="${COLOURS.text}">${escapeText(content)}</text>`;
}

function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
