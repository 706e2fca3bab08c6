/** From the packet on the wire to its alert in the hands of the receiver of a webhook. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AlertDocument } from '../../../schemas/alert.js';
import { latencyFigures, latencyOf, onWire, sendScans, untilQuiet } from '../alerts-on-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import type { OpenedAlert } from '../latency-stages.js';
import { quantile } from '../statistics.js';
import { requireWire } from '../wire.js';

const RATES = [1_000, 10_000, 50_000] as const;
/** The p99 to reach at the highest of them: that of the topic, and a request on top. */
const TARGET_MS = 500;

export const latencyWebhook: Bench = {
  name: 'latency-webhook',
  summary: 'packet on the wire to alert at the receiver of a webhook, at 1,000, 10,000 and 50,000 packets/s',
  needsServers: true,
  async run(context) {
    requireWire();
    const figures: Figure[] = [];
    for (const rate of context.scale.quick ? RATES.slice(1, 2) : RATES) figures.push(...(await measure(context, rate)));
    return figures;
  },
};

function measure(context: BenchContext, packetsPerSecond: number): Promise<Figure[]> {
  return onWire(context, {}, async (pipeline, wire) => {
    const { server, receivedAt } = await startReceiver();
    try {
      const { port } = server.address() as AddressInfo;
      const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
      await pipeline.start([
        'sink',
        'webhook',
        `--webhook-url=http://127.0.0.1:${port}/`,
        `--webhook-secret=${secret}`,
      ]);
      const { early, warm, traffic } = await sendScans(context, pipeline, wire, { packetsPerSecond });
      await untilQuiet(() => receivedAt.size, early.length + warm.length);
      const received = warm.filter((alert) => receivedAt.has(keyOf(alert)));
      if (received.length < warm.length) throw new Error(`${warm.length - received.length} alerts were not delivered`);
      const after = received.map((alert) => receivedAt.get(keyOf(alert))! - alert.readAt);
      const beside = `beside a consumer of the topic ${Math.round(quantile(after, 0.5))} / ${Math.round(quantile(after, 0.99))} ms later`;
      context.say(`${traffic}; ${beside}`);
      return latencyFigures(
        `latency-webhook-${packetsPerSecond}`,
        received.map((alert) => latencyOf(alert, receivedAt.get(keyOf(alert))!)),
        `Kernel timestamp of the packet that crosses the threshold to the end of the signed request at a receiver on this machine that answers at once, default settings; p50 / p99 ${beside}. ${traffic}.`,
        packetsPerSecond === RATES.at(-1) ? TARGET_MS : undefined,
      );
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

function keyOf({ source, crossed }: Pick<OpenedAlert, 'source' | 'crossed'>): string {
  return `${source} ${crossed}`;
}

/** Notes when the `open` of each scan has first arrived, in ms since the epoch. */
async function startReceiver(): Promise<{ server: Server; receivedAt: ReadonlyMap<string, number> }> {
  const receivedAt = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const now = performance.timeOrigin + performance.now();
      response.writeHead(204).end();
      const { event, rule, source, nta } = JSON.parse(Buffer.concat(chunks).toString()) as AlertDocument;
      if (event.action !== 'open' || rule.id !== 'port-scan') return;
      const key = keyOf({ source: source.address, crossed: nta.alert.crossed });
      if (!receivedAt.has(key)) receivedAt.set(key, now);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, receivedAt };
}
