/**
 * Scans sent over a veth pair to a live capture, and their alerts as a consumer of the topic gets them: the part that all
 * measurements from the wire on share.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureBalance } from '../../producers/balance.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { topicName } from '../../schemas/topics.js';
import { type CaptureWire, createCaptureWire } from '../support/capture-wire.js';
import type { BenchContext } from './bench.js';
import type { Figure } from './figure.js';
import type { Input } from './inputs.js';
import type { OpenedAlert } from './latency-stages.js';
import { Pipeline, type PipelineOptions } from './pipeline.js';
import { provideScans } from './scan-input.js';
import { quantile } from './statistics.js';
import { requireWire } from './wire.js';

/** Sources that scan a second, so many alerts. */
const SCANS_PER_SECOND = 10;
const SECONDS_MAX = 20;
const SETTLE_MS = 3_000;
/** Traffic that goes first and is told apart: Node and the broker's JVM still compile what they run. */
export const WARM_UP_SECONDS = 5;
/** After so long without another one no alert is expected any more: what is slow counts, and is not left out. */
const QUIET_MS = 8_000;
const POLL_MS = 100;

/** Packets/s at which the ways of an alert are measured. */
const RATES = [1_000, 10_000, 50_000] as const;
/** The p99 to reach at the highest of them, where there is one: of the topic, and with a request on top. */
const TARGET_MS = 500;

export interface ScansOnWire {
  /** Ordinary packets, the scans among them. */
  readonly packetsPerSecond: number;
  /** Sent on the same wire from the first scan to the last. */
  readonly flood?: Flood;
}

export interface Flood {
  readonly input: Input;
  readonly packetsPerSecond: number;
  /** How often tcpreplay sends the input before it has to load it again, which is a gap. */
  readonly loops: number;
}

export interface AlertsOnWire {
  readonly scans: number;
  /** By what crossed a threshold in the first seconds and after them. */
  readonly early: readonly OpenedAlert[];
  readonly warm: readonly OpenedAlert[];
  /** What was sent, lost and published, in words. */
  readonly traffic: string;
}

/** Measures at each rate, or at one when it has to be quick; the highest has a target. */
export async function atEachRate(
  context: BenchContext,
  measure: (packetsPerSecond: number, p99Target: number | undefined) => Promise<Figure[]>,
): Promise<Figure[]> {
  requireWire();
  const figures: Figure[] = [];
  for (const rate of context.scale.quick ? RATES.slice(1, 2) : RATES) {
    figures.push(...(await measure(rate, rate === RATES.at(-1) ? TARGET_MS : undefined)));
  }
  return figures;
}

/** A pipeline with workers, and a wire with a live capture on it, for `work`; removed after it. */
export async function onWire<T>(
  context: BenchContext,
  options: PipelineOptions,
  work: (pipeline: Pipeline, wire: CaptureWire) => Promise<T>,
): Promise<T> {
  const wire = createCaptureWire();
  try {
    const pipeline = await Pipeline.create(context, options);
    try {
      await pipeline.start(['process']);
      return await work(pipeline, wire);
    } finally {
      await pipeline.remove();
    }
  } finally {
    wire.remove();
  }
}

/** Sends the scans, waits until all of it has come through, and stops the capture. */
export async function sendScans(
  context: BenchContext,
  pipeline: Pipeline,
  wire: CaptureWire,
  { packetsPerSecond, flood }: ScansOnWire,
): Promise<AlertsOnWire> {
  const seconds = Math.min(context.scale.seconds, SECONDS_MAX);
  const input = provideScans(context, packetsPerSecond, WARM_UP_SECONDS + seconds, SCANS_PER_SECOND);
  const consumer = pipeline.kafka.consumer({ groupId: `${pipeline.prefix}latency`, maxWaitTimeInMs: 5 });
  try {
    const capture = await pipeline.start(['capture', `--interface=${wire.interface}`, '--spool-dir=']);
    const opened: OpenedAlert[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: topicName('alerts', pipeline.prefix), fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const now = performance.timeOrigin + performance.now();
        const alert = JSON.parse(String(message.value)) as AlertDocument;
        if (alert.event.action !== 'open' || alert.rule.id !== 'port-scan') return;
        const { crossed } = alert.nta.alert;
        opened.push({ source: alert.source.address, crossed, sentAt: Number(message.timestamp), readAt: now });
      },
    });
    await sleep(SETTLE_MS); // the workers have their partitions, the consumer its own
    const startedAt = performance.now();
    const warmAt = Date.now() + WARM_UP_SECONDS * 1000;
    let going = true;
    const flooding = flood === undefined ? null : sendFlood(wire, flood, () => going);
    await wire.replay(input.path, { packetsPerSecond });
    const sent = (input.packets * 1000) / (performance.now() - startedAt);
    going = false;
    const flooded = await flooding;
    await untilQuiet(() => opened.length, input.scans);
    await capture.stop();
    const { seen, published, dropped } = capture.result as CaptureBalance;
    const besides = flooded === null ? '' : ` beside a flood of ${Math.round(flooded).toLocaleString('en-US')}/s`;
    const inFirstSeconds = ({ crossed }: OpenedAlert): boolean => Date.parse(crossed) < warmAt;
    return {
      scans: input.scans,
      early: opened.filter(inFirstSeconds),
      warm: opened.filter((alert) => !inFirstSeconds(alert)),
      traffic: `${opened.length} alerts of ${input.scans} scans; ${Math.round(sent).toLocaleString('en-US')} packets/s sent by tcpreplay over a veth pair${besides} for ${WARM_UP_SECONDS} s that do not count and ${seconds} s that do; seen ${seen}, published ${published}, dropped by the kernel ${dropped.kernel_dropped}`,
    };
  } finally {
    await consumer.disconnect().catch(() => undefined);
  }
}

/** Packets a second, while `goesOn`. */
async function sendFlood(
  wire: CaptureWire,
  { input, packetsPerSecond, loops }: Flood,
  goesOn: () => boolean,
): Promise<number> {
  const startedAt = performance.now();
  let packets = 0;
  do {
    await wire.replay(input.path, { packetsPerSecond, loops });
    packets += loops * input.packets;
  } while (goesOn());
  return (packets * 1000) / (performance.now() - startedAt);
}

/** Waits until there are `expected`, or until there has been no other for a while. */
export async function untilQuiet(count: () => number | Promise<number>, expected: number): Promise<void> {
  let last = await count();
  let changedAt = performance.now();
  while (last < expected && performance.now() - changedAt < QUIET_MS) {
    await sleep(POLL_MS);
    const now = await count();
    if (now !== last) changedAt = performance.now();
    last = now;
  }
}

/** Milliseconds from the packet that crossed the threshold to `arrivedAt`. */
export function latencyOf({ crossed }: OpenedAlert, arrivedAt: number): number {
  return arrivedAt - Date.parse(crossed);
}

/** "p50 / p99" of the ms, as notes say it. */
export function medianAndTail(milliseconds: readonly number[]): string {
  return `${Math.round(quantile(milliseconds, 0.5))} / ${Math.round(quantile(milliseconds, 0.99))} ms`;
}

/** NAME-p50, NAME-p99 and NAME-max. @throws Error when no alert came. */
export function latencyFigures(name: string, latencies: readonly number[], note: string, p99Target?: number): Figure[] {
  if (latencies.length === 0) throw new Error(`${name}: no alert came. ${note}`);
  const figure = { unit: 'ms', better: 'lower', note } as const;
  const target = p99Target === undefined ? {} : { target: p99Target };
  return [
    { name: `${name}-p50`, value: quantile(latencies, 0.5), ...figure },
    { name: `${name}-p99`, value: quantile(latencies, 0.99), ...figure, ...target },
    { name: `${name}-max`, value: Math.max(...latencies), ...figure },
  ];
}
