/** From the packet on the wire to its alert on the screen: the dashboard, open in Chromium, over the whole pipeline. */
import { chromium } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, findChromium } from '../../browser/chromium.js';
import {
  atEachRate,
  latencyFigures,
  latencyOf,
  medianAndTail,
  onWire,
  sendScans,
  untilQuiet,
} from '../alerts-on-wire.js';
import { type Bench, type BenchContext, NotHere } from '../bench.js';
import type { Figure } from '../figure.js';
import { freePort } from '../metrics.js';

/** Notes when each source first has a row in the table of alerts. A text, because it runs inside the page. */
const WATCH_ROWS = `(() => {
  const shownAt = new Map();
  globalThis.ntaShownAt = shownAt;
  const look = () => {
    for (const cell of document.querySelectorAll('#alert-rows .source')) {
      const source = cell.textContent.trim();
      if (!shownAt.has(source)) shownAt.set(source, performance.timeOrigin + performance.now());
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
})()`;
const SHOWN_ROWS = '[...globalThis.ntaShownAt]';

export const latencyDashboard: Bench = {
  name: 'latency-dashboard',
  summary: 'packet on the wire to alert on the dashboard in Chromium, at 1,000, 10,000 and 50,000 packets/s',
  needsServers: true,
  async run(context) {
    const executablePath = findChromium();
    if (executablePath === undefined) throw new NotHere('not installed: chromium');
    return atEachRate(context, (rate) => measure(context, rate, executablePath));
  },
};

function measure(context: BenchContext, packetsPerSecond: number, executablePath: string): Promise<Figure[]> {
  return onWire(context, { database: true }, async (pipeline, wire) => {
    const port = await freePort();
    await pipeline.start(['sink', 'postgres']);
    await pipeline.start(['api', `--api-port=${port}`]);
    const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      await page.goto(`http://127.0.0.1:${port}/alerts`);
      await page.evaluate(WATCH_ROWS);
      const { early, warm, traffic } = await sendScans(context, pipeline, wire, { packetsPerSecond });
      await untilQuiet(() => page.evaluate<number>('globalThis.ntaShownAt.size'), early.length + warm.length);
      const shownAt = new Map(await page.evaluate<[string, number][]>(SHOWN_ROWS));
      const shown = warm.filter(({ source }) => shownAt.has(source));
      const after = shown.map((alert) => shownAt.get(alert.source)! - alert.readAt);
      const beside = shown.length === 0 ? '' : `; p50 / p99 ${medianAndTail(after)} later than a consumer of the topic`;
      context.say(`${traffic}; ${shown.length} of ${warm.length} alerts on the dashboard${beside}`);
      return latencyFigures(
        `latency-dashboard-${packetsPerSecond}`,
        shown.map((alert) => latencyOf(alert, shownAt.get(alert.source)!)),
        `Kernel timestamp of the packet that crosses the threshold to the row of its alert in the page, to which the API pushes it. Capture, detection, the Postgres sink with every packet, the API and Chromium share the cores. ${shown.length} of ${warm.length} alerts were shown${beside}. ${traffic}.`,
      );
    } finally {
      await browser.close();
    }
  });
}
