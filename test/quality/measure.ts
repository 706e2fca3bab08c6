/** Runs `nta analyze` and `nta decode`, as a user would, over the labelled captures and the cases, and scores what they say. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../runtime/process/project.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { sharedCaptureFolder } from '../support/shared-captures.js';
import { type Case, cases, type LabelledCapture, labelledCaptures } from './labels.js';
import { falseAlerts, faultsOf, isFound } from './score.js';

const run = promisify(execFile);
const MAIN = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');
const OUTPUT_MAX = 512 * 1024 * 1024;
const TOGETHER = 2;

export interface CaptureResult {
  readonly capture: LabelledCapture;
  readonly found: boolean;
  readonly alerts: readonly string[];
}
export interface CaseResult {
  readonly name: string;
  readonly why: string;
  readonly faults: readonly string[];
}
export interface Quality {
  readonly captures: readonly CaptureResult[];
  readonly cases: readonly CaseResult[];
}

/** The lines of JSON that a command prints; a capture that ends early (exit code 1) gives what came before. */
async function jsonLines(args: readonly string[]): Promise<unknown[]> {
  const { stdout } = await run(process.execPath, [MAIN, ...args], { maxBuffer: OUTPUT_MAX }).catch(
    (error: { code?: unknown; stdout?: string; message: string }) => {
      if (error.code !== 1 || error.stdout === undefined) throw error;
      return { stdout: error.stdout };
    },
  );
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

export async function analyze(files: readonly string[], args: readonly string[] = []): Promise<AlertDocument[]> {
  return (await jsonLines(['analyze', '--format', 'json', ...args, ...files])) as AlertDocument[];
}

/** A field of a decoded packet by its path, "application.dnsQuery". */
function fieldOf(packet: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | null)?.[name], packet) ?? null;
}

async function decodeFaults({ files, args = [], decode = [] }: Case): Promise<string[]> {
  if (decode.length === 0) return [];
  const packets = await jsonLines(['decode', ...args, join(sharedCaptureFolder, 'cases', files[0]!)]);
  return decode.flatMap(({ frame, expect }) => {
    const candidates = frame === 0 ? packets : [packets[frame - 1]];
    const wrong = (packet: unknown): string[] =>
      Object.entries(expect)
        .filter(([path, value]) => JSON.stringify(fieldOf(packet, path)) !== JSON.stringify(value))
        .map(([path, value]) => `frame ${frame}: ${path} is ${JSON.stringify(fieldOf(packet, path))}, not ${value}`);
    return candidates.some((packet) => wrong(packet).length === 0) ? [] : wrong(candidates[0]);
  });
}

async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const turn = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!);
  };
  await Promise.all(Array.from({ length: TOGETHER }, turn));
  return results;
}

export async function measureQuality(): Promise<Quality> {
  const captures = await inTurns(labelledCaptures(), async (capture) => {
    const alerts = await analyze([capture.path]);
    return { capture, found: isFound(capture, alerts), alerts: falseAlerts(alerts) };
  });
  const judged = await inTurns(cases(), async (one) => {
    const alerts = await analyze(
      one.files.map((file) => join(sharedCaptureFolder, 'cases', file)),
      one.args,
    );
    return { name: one.name, why: one.why, faults: [...faultsOf(one, alerts), ...(await decodeFaults(one))] };
  });
  return { captures, cases: judged };
}

export interface Summary {
  readonly attacks: number;
  readonly attacksFound: number;
  readonly benign: number;
  readonly benignDisturbed: number;
  /** Alerts of severity 2 or more an hour of ordinary traffic. */
  readonly falseAlertsAnHour: number;
  readonly cases: number;
  readonly casesRight: number;
}

export function summarize({ captures, cases: judged }: Quality): Summary {
  const attacks = captures.filter(({ capture }) => capture.kind === 'behavioural');
  const benign = captures.filter(({ capture }) => capture.kind === 'benign');
  const hours = benign.reduce((sum, { capture }) => sum + capture.seconds, 0) / 3600;
  return {
    attacks: attacks.length,
    attacksFound: attacks.filter(({ found }) => found).length,
    benign: benign.length,
    benignDisturbed: benign.filter(({ alerts }) => alerts.length > 0).length,
    falseAlertsAnHour: benign.reduce((sum, { alerts }) => sum + alerts.length, 0) / hours,
    cases: judged.length,
    casesRight: judged.filter(({ faults }) => faults.length === 0).length,
  };
}
