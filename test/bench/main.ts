/** `npm run bench`: runs the benches one after another and reports their figures. */
import { fork } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../runtime/process/failure.js';
import { nodeArguments } from './bench.js';
import type { BenchMessage, BenchOrder } from './bench-process.js';
import { BenchStack } from './bench-stack.js';
import { BENCHES } from './catalogue.js';
import { COMMITTED_RESULTS, readCommittedReport, writeDocuments } from './committed-results.js';
import { formatTable, formatValue } from './figure-table.js';
import { describeMachine } from './machine.js';
import { readRequest } from './options.js';
import { type BenchOutcome, describeRun, outcomesToKeep, writeRecords, writeReport } from './report.js';
import { installYardsticks } from './yardsticks.js';

const BENCH_PROCESS = fileURLToPath(new URL('./bench-process.js', import.meta.url));

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

async function main(): Promise<number> {
  const { settings, scale, names } = readRequest(process.argv.slice(2));
  if (settings.readme) {
    writeDocuments(readCommittedReport());
    return 0;
  }
  if (settings.install) installYardsticks();
  const machine = describeMachine();
  say(describeRun(machine));
  const folder = mkdtempSync(join(tmpdir(), 'nta-bench-'));
  chmodSync(folder, 0o711); // Postgres runs as a user of its own
  const stack = new BenchStack(join(folder, 'servers'), say);
  const outcomes: BenchOutcome[] = [];
  const output = resolve(settings.output);
  const kept = outcomesToKeep(output, machine, names);
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  try {
    for (const bench of BENCHES.filter(({ name }) => names.includes(name))) {
      if (interruption.signal.aborted) break;
      const servers = bench.needsServers ? await stack.servers() : null;
      say(`${bench.name}: ${bench.summary}`);
      const outcome = await runBench({ name: bench.name, scale, folder, servers }, interruption.signal);
      outcomes.push(outcome);
      for (const { name, value, unit } of outcome.figures) say(`${name}: ${formatValue(value)} ${unit}`);
      // After each, so that a run that is interrupted has what was measured before.
      writeReport(output, machine, scale, [...kept, ...outcomes]);
    }
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const figures = outcomes.flatMap((outcome) => outcome.figures);
  process.stdout.write(`${describeRun(machine)}\n${formatTable(figures)}\n`);
  for (const { bench, state, reason } of outcomes) {
    if (state !== 'measured') process.stdout.write(`${bench}: ${state}: ${reason}\n`);
  }
  if (settings.json !== '') writeRecords(resolve(settings.json), outcomes);
  say(`${join(output, 'report.json')} and chart.svg written`);
  if (output === COMMITTED_RESULTS) writeDocuments(readCommittedReport());
  return interruption.signal.aborted || outcomes.some(({ state }) => state === 'failed') ? 1 : 0;
}

async function runBench(order: BenchOrder, signal: AbortSignal): Promise<BenchOutcome> {
  const startedAt = performance.now();
  const loadBefore = loadavg()[0]!;
  let stop = (): void => undefined;
  const message = await new Promise<BenchMessage>((resolveMessage) => {
    const child = fork(BENCH_PROCESS, {
      execArgv: ['--expose-gc', '--enable-source-maps', ...nodeArguments(order.scale)],
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    child.on('message', (received: BenchMessage) => {
      if (received.type === 'say') say(`${order.name}: ${received.line}`);
      else resolveMessage(received);
    });
    child.once('exit', (code, endedBy) => {
      resolveMessage({ type: 'failed', reason: `its process ended with ${endedBy ?? `code ${code}`}` });
    });
    stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop);
    child.send(order);
  });
  signal.removeEventListener('abort', stop);
  const outcome = { bench: order.name, seconds: (performance.now() - startedAt) / 1000, loadBefore };
  if (message.type === 'figures') return { ...outcome, state: 'measured', figures: message.figures };
  const reason = 'reason' in message ? message.reason : '';
  say(`${order.name}: ${message.type}: ${reason}`);
  return { ...outcome, state: message.type === 'absent' ? 'absent' : 'failed', reason, figures: [] };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
