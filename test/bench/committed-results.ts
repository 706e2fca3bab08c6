/** The results that are committed, and what the READMEs say of them: `npm run bench -- --readme` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillSections, markdownTable } from '../../deploy/reference/reference.js';
import { Failure } from '../../runtime/process/failure.js';
import { projectRoot } from '../../runtime/process/project.js';
import { isReached } from './figure.js';
import { formatValue } from './figure-table.js';
import { limitOf } from './limits.js';
import { describeRun, type Report } from './report.js';
import { COST_PARTS, type FigureLookup, fitSizing, predict, SIZING_ASSUMPTIONS, type Sizing } from './sizing.js';

export const COMMITTED_RESULTS = join(projectRoot, 'test', 'bench', 'results');

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000] as const;
const TB = 1e12;

/** The documents that speak of figures, each with what stands between its markers. */
export function documentedSections(report: Report): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return {
    'deploy/README.md': { sizing: sizingSection(report) },
    'test/bench/README.md': { targets: targetsSection(report) },
  };
}

export function readCommittedReport(): Report {
  return JSON.parse(readFileSync(join(COMMITTED_RESULTS, 'report.json'), 'utf8')) as Report;
}

export function writeDocuments(report: Report): void {
  for (const [name, sections] of Object.entries(documentedSections(report))) {
    const file = join(projectRoot, name);
    writeFileSync(file, fillSections(readFileSync(file, 'utf8'), sections));
  }
}

/** Every figure that has a target, and why those are missed that are. */
function targetsSection(report: Report): string {
  const targets = report.benches.flatMap(({ figures }) => figures).filter(({ target }) => target !== undefined);
  const rows = targets.map((figure) => [
    `\`${figure.name}\``,
    `${figure.better === 'higher' ? '≥' : '≤'} ${formatValue(figure.target!)} ${figure.unit}`,
    formatValue(figure.value),
    isReached(figure) ? 'reached' : 'missed',
  ]);
  const value = lookupOf(report);
  const missed = targets.filter((figure) => !isReached(figure));
  const reasons = missed.map(({ name }) => {
    const limit = limitOf(name);
    if (limit === undefined) throw new Failure('RESULTS', `${name} is missed and limits.ts does not say why`);
    return `- \`${name}\`: ${limit(value, report.machine.cores)}`;
  });
  const unmeasured = report.benches
    .filter(({ state }) => state !== 'measured')
    .map(({ bench, state, reason }) => `- \`${bench}\` ${state}: ${reason?.split('\n')[0]}`);
  return [
    `${describeRun(report.machine)}${loads(report)}.`,
    markdownTable(['figure', 'to reach', 'measured', ''], rows),
    ...(reasons.length > 0 ? ['What holds those that are missed:', reasons.join('\n')] : []),
    ...(unmeasured.length > 0 ? ['What was not measured:', unmeasured.join('\n')] : []),
  ].join('\n\n');
}

/** So that a run on a machine that others used too can be told. */
function loads({ benches, machine }: Report): string {
  const values = benches.map(({ loadBefore }) => loadBefore);
  const highest = Math.max(...values);
  const range = `; load before each bench ${formatValue(Math.min(...values))} to ${formatValue(highest)}`;
  return highest > 2 * machine.cores ? `${range}, in which the bench before it counts` : range;
}

function lookupOf(report: Report): FigureLookup {
  const values = new Map(report.benches.flatMap(({ figures }) => figures).map(({ name, value }) => [name, value]));
  return (name) => {
    const value = values.get(name);
    if (value === undefined)
      throw new Failure(
        'RESULTS',
        `test/bench/results/report.json has no figure ${name}: run the bench that measures it, at the same commit`,
      );
    return value;
  };
}

function sizingSection(report: Report): string {
  const model = fitSizing(lookupOf(report));
  const sizes = SIZES.map((packetsPerSecond) => predict(model, packetsPerSecond));
  const costs = COST_PARTS.map((part) => [
    part,
    formatValue(model.cost[part].fixed),
    formatValue(model.cost[part].perSource),
  ]);
  return [
    `Measured with ${describeRun(report.machine)}${loads(report)}.`,
    markdownTable(
      ['', ...sizes.map(({ packetsPerSecond }) => `${formatValue(packetsPerSecond)} packets/s`)],
      SIZING_ROWS.map(([label, cell]) => [label, ...sizes.map(cell)]),
    ),
    `The model behind it is linear in packets and in the sources of what a capture node sends at once (${formatValue(1 / model.sources[0]!.sourcesPerPacket)} packets a source where it sees ${formatValue(model.sources[0]!.block)} packets in the 50 ms before it sends, ${formatValue(1 / model.sources.at(-1)!.sourcesPerPacket)} where it sees ${formatValue(model.sources.at(-1)!.block)}). Processor time in µs:`,
    markdownTable(['', 'a packet', 'and a source'], costs),
    `A packet takes ${formatValue(model.kafkaBytes.fixed)} bytes on one replica of the topic and ${formatValue(model.kafkaBytes.perSource)} more a source, and ${formatValue(model.postgresBytes)} bytes in Postgres with its indexes.`,
  ].join('\n\n');
}

const SIZING_ROWS: readonly (readonly [string, (sizing: Sizing) => string])[] = [
  [
    `capture nodes, of at most ${formatValue(SIZING_ASSUMPTIONS.nodePacketsPerSecond)} packets/s`,
    ({ captureNodes }) => formatValue(captureNodes),
  ],
  ['packets a source in 50 ms', ({ packetsPerSource }) => formatValue(packetsPerSource)],
  ['cores for capture', ({ cores }) => coresText(cores.capture)],
  ['cores for Kafka', ({ cores }) => coresText(cores.kafka)],
  ['brokers', ({ brokers }) => formatValue(brokers)],
  [`Kafka’s disks, 24 h, ${SIZING_ASSUMPTIONS.replicas} replicas`, ({ kafkaBytesADay }) => terabytes(kafkaBytesADay)],
  ['cores for detection, so workers', ({ cores }) => coresText(cores.detection)],
  ['cores for sinks and Postgres, `--store alerts`', ({ cores }) => coresText(cores.storeAlerts)],
  ['cores for sinks and Postgres, `--store all`', ({ cores }) => coresText(cores.storeAll)],
  ['Postgres’ disks a day, `--store all`', ({ postgresBytesADay }) => terabytes(postgresBytesADay)],
];

/** Below ten a tenth of a core counts. */
function coresText(cores: number): string {
  return cores < 10 ? (Math.ceil(cores * 10) / 10).toFixed(1) : formatValue(Math.ceil(cores));
}

function terabytes(bytes: number): string {
  return `${formatValue(bytes / TB)} TB`;
}
