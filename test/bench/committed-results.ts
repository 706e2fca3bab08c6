/** The results that are committed, and what the READMEs say of them: `npm run bench -- --readme` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillSections, markdownTable } from '../../deploy/reference/reference.js';
import { Failure } from '../../runtime/failure.js';
import { projectRoot } from '../../runtime/project.js';
import { type Figure, isReached } from './figure.js';
import { formatValue } from './figure-table.js';
import { describeRun, type Report } from './report.js';
import { COST_PARTS, fitSizing, predict, SIZING_ASSUMPTIONS, type Sizing } from './sizing.js';

export const COMMITTED_RESULTS = join(projectRoot, 'test', 'bench', 'results');

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000] as const;
const TB = 1e12;

/** The documents that speak of figures, each with what stands between its markers. */
export function documentedSections(report: Report): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return {
    'README.md': { sizing: sizingSection(report) },
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

function figuresOf(report: Report): readonly Figure[] {
  return report.benches.flatMap(({ figures }) => figures);
}

/** Every figure that has a target. */
function targetsSection(report: Report): string {
  const rows = figuresOf(report)
    .filter(({ target }) => target !== undefined)
    .map((figure) => [
      `\`${figure.name}\``,
      `${figure.better === 'higher' ? '≥' : '≤'} ${formatValue(figure.target!)} ${figure.unit}`,
      formatValue(figure.value),
      isReached(figure) ? 'reached' : 'missed',
    ]);
  return `${describeRun(report.machine)}.\n\n${markdownTable(['figure', 'to reach', 'measured', ''], rows)}`;
}

function sizingSection(report: Report): string {
  const values = new Map(figuresOf(report).map(({ name, value }) => [name, value]));
  const model = fitSizing((name) => {
    const value = values.get(name);
    if (value === undefined)
      throw new Failure(
        'RESULTS',
        `test/bench/results/report.json has no figure ${name}: run the bench that measures it`,
      );
    return value;
  });
  const sizes = SIZES.map((packetsPerSecond) => predict(model, packetsPerSecond));
  const costs = COST_PARTS.map((part) => [
    part,
    formatValue(model.cost[part].fixed),
    formatValue(model.cost[part].perRecord),
  ]);
  return [
    `Measured with ${describeRun(report.machine)}.`,
    markdownTable(
      ['', ...sizes.map(({ packetsPerSecond }) => `${formatValue(packetsPerSecond)} packets/s`)],
      SIZING_ROWS.map(([label, cell]) => [label, ...sizes.map(cell)]),
    ),
    `The model behind it is linear in packets and in records, the runs of packets of one source that travel together (${formatValue(1 / model.records[0]!.recordsPerPacket)} packets a record where a capture node sees ${formatValue(model.records[0]!.block)} packets in the 50 ms before it sends, ${formatValue(1 / model.records.at(-1)!.recordsPerPacket)} where it sees ${formatValue(model.records.at(-1)!.block)}). Processor time in µs:`,
    markdownTable(['', 'a packet', 'and a record'], costs),
    `A packet takes ${formatValue(model.kafkaBytes.fixed)} bytes on one replica of the topic and ${formatValue(model.kafkaBytes.perRecord)} more a record, and ${formatValue(model.postgresBytes)} bytes in Postgres with its indexes.`,
  ].join('\n\n');
}

const SIZING_ROWS: readonly (readonly [string, (sizing: Sizing) => string])[] = [
  [
    `capture nodes, of at most ${formatValue(SIZING_ASSUMPTIONS.nodePacketsPerSecond)} packets/s`,
    ({ captureNodes }) => formatValue(captureNodes),
  ],
  ['packets a record', ({ packetsPerRecord }) => formatValue(packetsPerRecord)],
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
