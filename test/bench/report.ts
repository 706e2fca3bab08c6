/** What a run leaves behind: report.json, chart.svg and, when asked for, an array of figures for other programs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchScale } from './bench.js';
import { renderChart } from './chart.js';
import { type Figure, isReached, ratioOf, toRecord } from './figure.js';
import type { MachineDescription } from './machine.js';

export interface BenchOutcome {
  readonly bench: string;
  readonly state: 'measured' | 'absent' | 'failed';
  /** Why it is absent or has failed. */
  readonly reason?: string;
  readonly figures: readonly Figure[];
  readonly seconds: number;
  /** Load of the machine when it began, one minute's average: beyond the number of cores others disturbed it. */
  readonly loadBefore: number;
}

/** The content of report.json. */
export interface Report {
  readonly machine: MachineDescription;
  readonly scale: BenchScale;
  readonly benches: readonly (Omit<BenchOutcome, 'figures'> & { readonly figures: readonly ReportedFigure[] })[];
}

/** With what follows from the others, for whoever reads the file without this code. */
export interface ReportedFigure extends Figure {
  readonly ratio: number | null;
  readonly reached: boolean | null;
}

export function writeReport(
  folder: string,
  machine: MachineDescription,
  scale: BenchScale,
  outcomes: readonly BenchOutcome[],
): void {
  mkdirSync(folder, { recursive: true });
  const figures = outcomes.flatMap((outcome) => outcome.figures);
  const report: Report = {
    machine,
    scale,
    benches: outcomes.map(({ figures: measured, ...outcome }) => ({
      ...outcome,
      figures: measured.map((figure) => ({ ...figure, ratio: ratioOf(figure), reached: isReached(figure) })),
    })),
  };
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, 'chart.svg'), renderChart(figures, describeRun(machine)));
}

/**
 * What the folder has of benches that are not measured now: kept when it is of the same commit on the same machine, so that
 * a run of some benches can complete a run of the others.
 */
export function outcomesToKeep(
  folder: string,
  machine: MachineDescription,
  measured: readonly string[],
): readonly BenchOutcome[] {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report;
  } catch {
    return [];
  }
  const identity = ({ commit, cpu, cores }: MachineDescription): string =>
    `${commit?.replace('+', '')} ${cpu} ${cores}`;
  if (identity(report.machine) !== identity(machine)) return [];
  return report.benches.filter(({ bench }) => !measured.includes(bench));
}

export function writeRecords(file: string, outcomes: readonly BenchOutcome[]): void {
  mkdirSync(dirname(file), { recursive: true });
  const records = outcomes.flatMap(({ figures }) => figures.map(toRecord));
  writeFileSync(file, `${JSON.stringify(records, null, 2)}\n`);
}

export function describeRun(machine: MachineDescription): string {
  const gigabytes = Math.round(machine.memoryBytes / 2 ** 30);
  return `nta ${machine.commit ?? machine.version}, ${machine.cores} cores of ${machine.cpu}, ${gigabytes} GiB, Node ${machine.node}, ${machine.time.slice(0, 10)}`;
}
