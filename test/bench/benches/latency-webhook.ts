/** From the packet on the wire to its alert in the hands of the receiver of a webhook. */
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { accept, type ReceivedRequest, WebhookServer } from '../../support/webhook-server.js';
import {
  atEachRate,
  latencyFigures,
  latencyOf,
  medianAndTail,
  onWire,
  sendScans,
  untilQuiet,
} from '../alerts-on-wire.js';
import type { Bench, BenchContext } from '../bench.js';
import type { Figure } from '../figure.js';
import type { OpenedAlert } from '../latency-stages.js';

export const latencyWebhook: Bench = {
  name: 'latency-webhook',
  summary: 'packet on the wire to alert at the receiver of a webhook, at 1,000, 10,000 and 50,000 packets/s',
  needsServers: true,
  run: (context) => atEachRate(context, (rate, p99Target) => measure(context, rate, p99Target)),
};

function measure(context: BenchContext, packetsPerSecond: number, p99Target: number | undefined): Promise<Figure[]> {
  return onWire(context, {}, async (pipeline, wire) => {
    const receiver = new WebhookServer();
    const receivedAt = new Map<string, number>();
    receiver.answering = (request, response, raw) => {
      accept(request, response, raw);
      noteArrival(receivedAt, request);
    };
    await receiver.start();
    try {
      const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
      await pipeline.start(['sink', 'webhook', `--webhook-url=${receiver.url}`, `--webhook-secret=${secret}`]);
      const { early, warm, traffic } = await sendScans(context, pipeline, wire, { packetsPerSecond });
      await untilQuiet(() => receivedAt.size, early.length + warm.length);
      const received = warm.filter((alert) => receivedAt.has(keyOf(alert)));
      if (received.length < warm.length) throw new Error(`${warm.length - received.length} alerts were not delivered`);
      const after = received.map((alert) => receivedAt.get(keyOf(alert))! - alert.readAt);
      const beside = `beside a consumer of the topic ${medianAndTail(after)} later`;
      context.say(`${traffic}; ${beside}`);
      return latencyFigures(
        `latency-webhook-${packetsPerSecond}`,
        received.map((alert) => latencyOf(alert, receivedAt.get(keyOf(alert))!)),
        `Kernel timestamp of the packet that crosses the threshold to the end of the signed request at a receiver on this machine that answers at once, default settings; p50 / p99 ${beside}. ${traffic}.`,
        p99Target,
      );
    } finally {
      await receiver.stop();
    }
  });
}

function keyOf({ source, crossed }: Pick<OpenedAlert, 'source' | 'crossed'>): string {
  return `${source} ${crossed}`;
}

/** Notes when the `open` of a scan has first arrived, in ms since the epoch. */
function noteArrival(receivedAt: Map<string, number>, { body, at }: ReceivedRequest): void {
  const { event, rule, source, nta } = JSON.parse(body.toString()) as AlertDocument;
  if (event.action !== 'open' || rule.id !== 'port-scan') return;
  const key = keyOf({ source: source.address, crossed: nta.alert.crossed });
  if (!receivedAt.has(key)) receivedAt.set(key, at);
}
