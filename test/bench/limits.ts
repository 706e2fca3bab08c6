/**
 * Why a target is missed, from what the same run has measured: for each figure with a target the limit that holds it. A
 * target without a word here cannot be missed silently: the documents are not written then.
 */
import { formatValue } from './figure-table.js';
import type { FigureLookup } from './sizing.js';

/** `value` gives any figure of the run. */
export type Limit = (value: FigureLookup, cores: number) => string;

const WHOLE_PARTS = ['capture', 'process', 'sink', 'kafka', 'postgres'] as const;

const LIMITS: Readonly<Record<string, Limit>> = {
  decode: (value) =>
    `one core. Frames of 64 bytes are decoded at ${rate(value('decode-smallest'))}; a packet of the mix has more headers, IPv6 and names of DNS, TLS and HTTP among them, more bytes to be read from the file, and a conversation that goes on with it. Several files or interfaces can be decoded by several processes.`,
  analyze: () =>
    `the processor time of all its threads, which share the cores: most of it decodes and follows conversations, detection comes next, then V8 compiling what has become hot and the kernel reading the file. The start of Node and the compiling count the more, the shorter the capture is.`,
  publish: (value) =>
    `the processor time of one process, ${formatValue(value('publish-cpu'))} µs a packet: of what is our own a good third follows conversations, three tenths group and encode, a fifth decodes and reads the file; the rest are checksums, copies, what V8 compiles and what the kernel needs to send. It does not wait for the broker, but shares the processor’s cache with it. Several capture processes share the work by interface or by --packet-filter.`,
  detect: (value) =>
    `the processor time of one worker, ${formatValue(value('detect-cpu'))} µs a packet: of what is our own more than a third reads records into columns, a fifth looks at packets, an eighth at observations, a tenth each at what targets receive and at conversations; the rest are checksums, what Node, kafkajs and the kernel need to receive and to commit, and what V8 compiles in the first seconds on other threads. The broker wants the same two cores. Two workers do it at ${rate(value('scaling-workers-2'))} on the same two cores with the broker.`,
  store: (value, cores) =>
    `Postgres: a packet takes ${formatValue(value('store-postgres-cpu'))} µs of its processor time against ${formatValue(value('store-sink-cpu'))} µs of the sink’s: its share of a segment and of both indexes, and their write-ahead log. ${cores} cores cannot do more than ${rate((cores * 1e6) / (value('store-postgres-cpu') + value('store-sink-cpu')))} of that, the broker’s share left out.`,
  'store-beside-copy': (value) =>
    `the yardstick uses one core for Postgres and nothing else; beside our ${formatValue(value('store-postgres-cpu'))} µs of Postgres a packet stand ${formatValue(value('store-sink-cpu'))} µs of the sink, the broker that is read from, rollups and offsets, on the same cores.`,
  whole: (value, cores) => wholeLimit('whole', value, cores),
  'whole-store-alerts': (value, cores) => wholeLimit('whole-store-alerts', value, cores),
  'latency-50000-p99': () =>
    `see the stages in the note of the figure: 50 ms are the flush interval of the capture node, up to 100 ms the interval between transactions that carry alerts, the rest is waiting for one of the cores, which tcpreplay shares.`,
  'latency-webhook-50000-p99': (value) =>
    `see latency-50000-p99, ${formatValue(value('latency-50000-p99'))} ms, for the way to the topic; then the sink’s process has to get one of the cores, which tcpreplay shares, and so has the receiver.`,
  'live-loss-300000': (value) =>
    `the two cores, which the sender, the capture node and Kafka share: trafgen sent ${rate(value('live-rate-300000'))}.`,
  'live-rate-300000': () => `the sender: trafgen has to share the two cores with the capture node and Kafka.`,
  memory: (value) =>
    `before the first packet Node holds what its note says; the rest is the state of the sources, bounded by --state-budget, of which ${formatValue(value('memory-sources-forgotten'))} sources had to go.`,
  'memory-sources-forgotten': (value) =>
    `--state-budget: with the default a worker stays at ${formatValue(value('memory'))} MiB and forgets the least recently active sources; a larger budget holds them all.`,
  recovery: () =>
    `3 s of it are --session-timeout, after which the broker calls a silent worker dead; then the group forms anew and the windows are rebuilt from the topic.`,
  'drop-day': () =>
    `the file system, which takes most of it to remove a gigabyte of files; nobody waits for it: how long a reader waited stands in the note of the figure.`,
  'conversation-share': (value) =>
    `a conversation takes ${formatValue(value('conversation-bytes'))} bytes, half of them of its row and of these a third names; its share is the smaller, the more packets a conversation has.`,
  'query-stats': () =>
    `the rollups of the whole time are read and summed anew at each request; median and largest stand in the note of the figure.`,
};

/** The words for a figure with a target; undefined when there are none. */
export function limitOf(name: string): Limit | undefined {
  // Each filter of the API is a figure of its own, and all read segments by an index.
  if (name.startsWith('workplace-')) return workplaceLimit;
  return LIMITS[name] ?? (name.startsWith('query-') ? queryLimit : undefined);
}

function wholeLimit(name: string, value: FigureLookup, cores: number): string {
  const costs = WHOLE_PARTS.map((part) => [part, value(`${name}-${part}-cpu`)] as const);
  const sum = costs.reduce((total, [, micros]) => total + micros, 0);
  const most = (cores * 1e6) / sum;
  const shares = costs.map(([part, micros]) => `${part} ${formatValue(micros)}`).join(' + ');
  return `the processor: ${shares} = ${formatValue(sum)} µs a packet, so ${cores} cores cannot do more than ${rate(most)}; ${formatValue((100 * value(name)) / most)} % of that was reached, start included.`;
}

function queryLimit(): string {
  return `the newest segments are looked through, or those that the index leads to, and what the page may need of them unpacked and filtered, 0.05 to 0.1 ms each; a page of what is rare but everywhere takes many of them, and each of some three statements a page costs a millisecond besides. Median and largest stand in the note of the figure.`;
}

function workplaceLimit(): string {
  return `one core of Postgres a statement; which question takes longest stands in the note of the figure. What is asked of much is bounded: hosts sum their last 5,000 conversations a side, groups the last 50,000.`;
}

function rate(packetsPerSecond: number): string {
  return `${formatValue(Number(packetsPerSecond.toPrecision(3)))} packets/s`;
}
