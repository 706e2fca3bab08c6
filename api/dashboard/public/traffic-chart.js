/** Traffic over time, stacked by protocol: a bar a bucket, since each value is the mean over its whole bucket. */
import uPlot from '/vendor/uplot.js';
import { element, updateChildren } from './elements.js';
import { formatBitRate, formatCount, formatPacketRate, formatTime } from './format.js';

/** The colour class of a protocol, by its place among the busiest. @param {string} protocol @param {readonly string[]} order */
export function seriesClass(protocol, order) {
  const index = order.indexOf(protocol);
  return protocol === 'other' || index < 0 || index > 5 ? 'series-other' : `series-${index + 1}`;
}

/** @param {string} name */
const color = (name) => {
  const probe = element('span', { class: `swatch ${name}`, hidden: true });
  document.body.append(probe);
  const value = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return value;
};

/**
 * What the server divides totals by for its mean rates. @param {{ totals: { packets: number, packets_per_second: number } }} stats
 */
const meanSeconds = ({ totals }) => (totals.packets_per_second > 0 ? totals.packets / totals.packets_per_second : 0);

/** Resolved, since a canvas knows no custom properties. @param {string} property */
const themeColor = (property) => {
  const probe = element('span', { class: 'hidden' });
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
};

/**
 * @param {HTMLElement} container
 * @param {HTMLElement} legend
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one chart, whose parts share what is drawn
export function createTrafficChart(container, legend) {
  /** @type {any} */
  let plot = null;
  let shape = '';
  /** @type {{ times: number[], names: string[], rates: number[][], means: number[], stacked: number[][], unit: string, seconds: number, order: string[] } | null} */
  let shown = null;

  const width = () => Math.max(200, container.clientWidth - 14);
  const resize = new ResizeObserver(() => plot?.setSize({ width: width(), height: 232 }));
  resize.observe(container);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    shape = '';
    if (shown) draw(shown);
  });

  /** The rates of the bucket under the pointer, else the means of the range. @param {number | null} index */
  function showLegend(index) {
    if (!shown) return;
    const { names, rates, means, unit, order, times } = shown;
    const format = unit === 'bits' ? formatBitRate : formatPacketRate;
    const label = index === null ? 'mean' : formatTime(new Date(times[index] * 1000).toISOString());
    const items = names
      .map((name, series) => ({
        name,
        series: seriesClass(name, order),
        value: format((index === null ? means[series] : rates[series]?.[index]) ?? 0),
      }))
      .toReversed();
    updateChildren(
      legend,
      items.length === 0 ? [] : [{ name: label, series: '', value: '' }, ...items],
      ({ series, name }) => (series === '' ? 'label' : name),
      ({ name, series, value }) =>
        series === ''
          ? element('li', {}, name)
          : element('li', {}, element('span', { class: `swatch ${series}` }), name, element('b', {}, value)),
    );
  }

  /** @param {NonNullable<typeof shown>} data */
  function draw(data) {
    shown = data;
    const data_ = [data.times, ...data.stacked];
    // A protocol or a theme that changed needs a new plot; otherwise the old one takes the new data.
    const wanted = `${data.unit} ${data.seconds} ${data.names.join()}`;
    if (plot && wanted === shape) {
      plot.setData(data_);
    } else {
      plot?.destroy();
      shape = wanted;
      plot = new uPlot(options(data), data_, container);
    }
    showLegend(plot.cursor.idx ?? null);
  }

  /** @param {NonNullable<typeof shown>} data */
  function options({ names, unit, seconds, order, times }) {
    const axis = {
      stroke: themeColor('--muted'),
      grid: { stroke: themeColor('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    return {
      width: width(),
      height: 232,
      legend: { show: false },
      padding: [10, 28, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      // A bar stands to the right of its time: the latest needs a bucket of room.
      scales: {
        x: { time: true, range: (_, min, max) => [min, max + seconds] },
        y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
      },
      axes: [
        {
          ...axis,
          space: 70,
          values: [
            [86400 * 365, '{YYYY}', null, null, null, null, null, null, 1],
            [86400 * 28, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
            [86400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
            [60, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
            [1, '{HH}:{mm}:{ss}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
          ],
        },
        {
          ...axis,
          size: 74,
          values: (_, splits) =>
            splits.map((value) =>
              unit === 'bits'
                ? formatBitRate(value)
                : `${value !== 0 && value < 10 ? Number(value.toPrecision(2)) : formatCount(value)}/s`,
            ),
        },
      ],
      series: [
        {},
        // The highest total is drawn first and the lower ones over it.
        ...names.map((name) => ({
          label: name,
          fill: color(seriesClass(name, order)),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [1, Infinity, 1], align: 1, gap: width() / times.length > 6 ? 1 : 0 }),
        })),
      ],
      hooks: { setCursor: [(self) => showLegend(self.cursor.idx ?? null)] },
    };
  }

  return {
    /** How many bars fit, so that each can be told from the next. */
    buckets: () => Math.min(180, Math.max(30, Math.floor(width() / 5))),
    /**
     * @param {{ from: string | null, to: string | null, bucket_seconds: number, series: { time: string, protocols: Record<string, { packets: number, bytes: number }> }[] }} stats
     * @param {string} unit `packets` or `bits`
     * @param {readonly string[]} order protocols, busiest first
     */
    update(stats, unit, order) {
      container.setAttribute('aria-hidden', 'true');
      const seconds = stats.bucket_seconds;
      const points = new Map(stats.series.map((point) => [Math.floor(Date.parse(point.time) / 1000), point]));
      const start = stats.from ? Math.floor(Date.parse(stats.from) / 1000 / seconds) * seconds : 0;
      const end = stats.to ? Date.parse(stats.to) / 1000 : 0;
      const times = [];
      for (let time = start; time < end && times.length < 2000; time += seconds) times.push(time);
      // A chart needs two ends to have a width.
      if (times.length === 1) times.push(times[0] + seconds);
      const present = new Set(stats.series.flatMap((point) => Object.keys(point.protocols)));
      const names = [
        ...order.filter((name) => present.has(name)).slice(0, 6),
        ...(present.has('other') && !order.slice(0, 6).includes('other') ? ['other'] : []),
      ];
      const now = Date.now() / 1000;
      const rates = names.map((name) =>
        times.map((time) => {
          const volume = points.get(time)?.protocols[name];
          // The bucket that is still running has lasted less than its width.
          const lasted = Math.min(seconds, Math.max(1, now - time), end > time ? end - time : seconds);
          return volume ? (unit === 'bits' ? volume.bytes * 8 : volume.packets) / lasted : 0;
        }),
      );
      const lasting = stats.data_from === null ? 0 : meanSeconds(stats);
      const means = names.map((name) => {
        const volume = stats.protocols.find(({ protocol }) => protocol === name);
        return volume && lasting > 0 ? (unit === 'bits' ? volume.bytes * 8 : volume.packets) / lasting : 0;
      });
      // Series i shows the sum of i and all that follow, so that the busiest stands at the bottom after reversal.
      const stacked = names.map((_, series) =>
        times.map((_time, at) => rates.slice(0, series + 1).reduce((sum, rate) => sum + (rate[at] ?? 0), 0)),
      );
      draw({
        times,
        names: names.toReversed(),
        rates: rates.toReversed(),
        means: means.toReversed(),
        stacked: stacked.toReversed(),
        unit,
        seconds,
        order: [...order],
      });
    },
  };
}
