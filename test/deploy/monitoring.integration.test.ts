/** A real Prometheus scrapes a real run, and answers what the dashboard and the alerting rules ask. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort, { portNumbers } from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import { projectRoot } from '../../runtime/process/project.js';
import { createTestDatabase, createTestTopics, stackEnvironment, type TestDatabase } from '../support/local-stack.js';
import {
  dashboardExpressions,
  type MonitoringExpression,
  PROMETHEUS_FILE,
  RULES_FILE,
  ruleExpressions,
} from '../support/monitoring.js';
import { type RunningCommand, startNta } from '../support/nta-command.js';
import { findTool, requireTool } from '../support/requirement.js';

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

/** Panels that stay empty in a run of some seconds in which nothing goes wrong. */
const QUIET = new Set(['Decode failures', 'Interfaces and engines', 'What needs a look', 'Alerts opened']);
/** No series before the first event; and this run has no webhook. */
const EVENTS = /nta_delivery|nta_sink_(refused_rows|postgres_failures)|nta_api_refused/;

const folder = mkdtempSync(join(tmpdir(), 'nta-test-prometheus-'));
let database: TestDatabase | undefined;
let run: RunningCommand | undefined;
let prometheus: ChildProcess | undefined;
let url = '';
/** Where the run says that metrics are. */
let announced: string[] = [];

const hasPrometheus = findTool('prometheus') !== undefined && findTool('promtool') !== undefined;

describe('Prometheus', () => {
  beforeAll(async () => {
    if (!hasPrometheus) return;
    database = await createTestDatabase();
    const [metricsPort, apiPort, port] = [await sixPorts(), await getPort(), await getPort()];
    run = startNta(
      [
        'run',
        '--read',
        DEMONSTRATION,
        '--pace',
        '--rebase-time',
        `--metrics-port=${metricsPort}`,
        `--api-port=${apiPort}`,
      ],
      { env: stackEnvironment(createTestTopics(), database) },
    );
    const printed = await run.printed(/^metrics +(.*)$/m);
    announced = [...printed[1]!.matchAll(/http:\S+/g)].map(([address]) => address);
    const targets = announced.map((address) => new URL(address).host);
    writeFileSync(
      join(folder, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [RULES_FILE],
        scrape_configs: [{ job_name: 'nta', static_configs: [{ targets }] }],
      }),
    );
    prometheus = spawn(
      findTool('prometheus')!,
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    url = `http://127.0.0.1:${port}`;
    await until(async () => (await fetch(`${url}/-/ready`)).ok);
    await until(async () => {
      await fetch(`http://127.0.0.1:${apiPort}/api/stats`);
      return (
        firstValue(
          await ask('min(rate(nta_sink_packets_total[10s])) * min(rate(nta_api_request_duration_seconds_count[10s]))'),
        ) > 0
      );
    });
  });

  afterAll(async () => {
    prometheus?.kill('SIGKILL');
    await run?.interrupt();
    await database?.remove();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('finds nothing wrong with the rules and the example', (context) => {
    requireTool(context, 'prometheus', 'promtool');
    const check = (...args: string[]): string =>
      execFileSync(findTool('promtool')!, ['check', ...args], { encoding: 'utf8' });
    expect(check('rules', '--lint=all', '--lint-fatal', RULES_FILE)).toContain(
      `${ruleExpressions().length} rules found`,
    );
    expect(check('config', PROMETHEUS_FILE)).toContain('SUCCESS');
    // The files that it names are where a cluster has them, and Debian's Prometheus knows no Kubernetes.
    const ofKubernetes = readFileSync(join(projectRoot, 'deploy', 'kubernetes', 'prometheus.yaml'), 'utf8');
    const discovery = /kubernetes_sd_configs:\n +- role: pod\n +namespaces: { names: \[nta, nta-capture\] }/;
    expect(ofKubernetes).toMatch(discovery);
    const elsewhere = join(folder, 'kubernetes.yml');
    writeFileSync(elsewhere, ofKubernetes.replace(discovery, 'static_configs: [{ targets: ["192.0.2.1:9090"] }]'));
    expect(check('config', '--syntax-only', elsewhere)).toContain('SUCCESS');
  });

  it('reaches every part', async (context) => {
    requireTool(context, 'prometheus', 'promtool');
    expect(announced).toHaveLength(6); // capture, process, sink, hunt, api and cleanup
    expect(firstValue(await ask('sum(up{job="nta"})'))).toBe(6);
  });

  it.for(dashboardExpressions())('answers $of: $expression', async ({ of, expression, shown }, context) => {
    requireTool(context, 'prometheus', 'promtool');
    const answer = await ask(forPrometheus(expression));
    expect(answer.error).toBeUndefined();
    const series = answer.data!.result;
    if (!QUIET.has(of) && !EVENTS.test(expression)) expect(series.length).toBeGreaterThan(0);
    for (const { metric } of series) for (const label of shown) expect(metric[label], label).toBeTruthy();
  });

  it('has no alert firing or pending for a run that is well', async (context) => {
    requireTool(context, 'prometheus', 'promtool');
    expect((await ask('ALERTS')).data!.result).toEqual([]);
  });
});

/** Grafana's variables, as it would fill them in. */
function forPrometheus(expression: MonitoringExpression['expression']): string {
  return expression.replaceAll('$__rate_interval', '10s').replaceAll('$instance', '.*');
}

async function ask(expression: string): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return (await response.json()) as Answer;
}

function firstValue({ data }: Answer): number {
  return Number(data?.result[0]?.value[1] ?? 0);
}

/** The first of four free ports in a row. */
async function sixPorts(): Promise<number> {
  for (;;) {
    const first = await getPort({ port: portNumbers(20_000, 30_000) });
    const rest = await Promise.all([1, 2, 3, 4, 5].map((offset) => getPort({ port: first + offset })));
    if (rest.every((port, at) => port === first + 1 + at)) return first;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('waited a minute in vain');
    await sleep(250);
  }
}
