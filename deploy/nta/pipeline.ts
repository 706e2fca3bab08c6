/**
 * `nta run`: brings up the local servers that no flag replaces, creates topics and tables, starts the parts as child
 * processes and keeps them running; with `--once` it ends when a replay is processed and stored.
 */
import { Failure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { formatDuration } from '../../runtime/process/options.js';
import { awaitSignal } from '../../runtime/process/service.js';
import type { StandardOutput } from '../../runtime/process/standard-output.js';
import { ALERT_OUTPUTS } from '../../sinks/deliveries/catalogue.js';
import { watchLauncher } from '../local-stack/launcher.js';
import type { LocalStack } from '../local-stack/local-stack.js';
import { apiToken } from './api-token.js';
import { type CapturePlan, planCapture } from './capture-plan.js';
import { apiCommandOptions } from './commands/api.js';
import { captureCommandOptions } from './commands/capture.js';
import { cleanupServiceOptions } from './commands/cleanup.js';
import { huntCommandOptions } from './commands/hunt.js';
import { processCommandOptions } from './commands/process.js';
import { deliverySinkOptions, postgresSinkOptions } from './commands/sink.js';
import { PartLauncher } from './part-launcher.js';
import { replayOnce } from './replay-once.js';
import type { RunSettings } from './run-settings.js';
import { describePostgres, startServers } from './servers.js';

export interface PartSelection {
  readonly capture: boolean;
  readonly processors: boolean;
  readonly sinks: boolean;
  readonly api: boolean;
  readonly cleanup: boolean;
  readonly hunt: boolean;
}

/** All parts when none is named; a replay that ends needs neither dashboard nor retention unless they are named. */
export function selectParts(settings: RunSettings): PartSelection {
  const { enableCapture, enableProcessors, enableSinks, enableApi, enableCleanup, enableHunt, once } = settings;
  const named = enableCapture || enableProcessors || enableSinks || enableApi || enableCleanup || enableHunt;
  if (named && !once) {
    return {
      capture: enableCapture,
      processors: enableProcessors,
      sinks: enableSinks,
      api: enableApi,
      cleanup: enableCleanup,
      hunt: enableHunt && settings.huntEvery > 0,
    };
  }
  return {
    capture: true,
    processors: true,
    sinks: true,
    api: once ? enableApi : true,
    cleanup: once ? enableCleanup : true,
    hunt: settings.huntEvery > 0,
  };
}

type Say = (line: string) => void;

export async function runPipeline(given: RunSettings, log: Logger, output: StandardOutput): Promise<number> {
  checkReplay(given);
  const say: Say = (line) => {
    if (given.json) process.stderr.write(`${line}\n`);
    else output.offer(`${line}\n`);
  };
  const select = selectParts(given);
  const plan = select.capture ? await planCapture(given) : null;
  const signal = awaitSignal();
  // Nothing may go on without its `npm start`, and a killed npm passes on no signal.
  const unwatchLauncher = watchLauncher(() => process.kill(process.pid, 'SIGTERM'));
  const launcher = new PartLauncher(log);
  const servers: { stack?: LocalStack } = {};
  const work = async (): Promise<number> => {
    const settings = await startServers(given, serverNeeds(select), log, say, (stack) => {
      servers.stack = stack;
    });
    const token = select.api ? await apiToken(settings) : null;
    await startParts({ ...settings, apiToken: token ?? '' }, select, launcher, say);
    if (given.once) {
      const launchCapture = (extra: readonly string[]) =>
        launcher.launch('capture', {
          table: captureCommandOptions,
          settings: { ...settings, ...plan?.settings },
          extra,
          finite: true,
        });
      const launchHunt = () =>
        launcher.launch('hunt', {
          table: huntCommandOptions,
          settings: { ...settings, hours: settings.huntHours, every: 0 },
          extra: ['--once'],
          finite: true,
        });
      return replayOnce({ settings, log, output, launchCapture, launchHunt, interrupted: signal });
    }
    if (plan !== null) await startCapture(settings, plan, launcher, say);
    if (launcher.metricsPorts.size > 0)
      say(`metrics    ${describeMetrics(settings.metricsHost, launcher.metricsPorts)}`);
    say('running; Ctrl-C stops everything');
    await signal;
    return 0;
  };
  try {
    const running = work();
    running.catch(() => undefined); // after a signal nobody waits for it any more
    return await Promise.race([running, signal.then(() => (given.once ? running : 0))]);
  } finally {
    unwatchLauncher();
    if (!given.once) say('stopping …');
    await launcher.stop((name) => {
      if (!given.once) say(`stopped ${name}`);
    });
    await servers.stack?.stop();
  }
}

/** "http://127.0.0.1:9464/metrics of capture, …". */
function describeMetrics(host: string, ports: ReadonlyMap<string, number>): string {
  return [...ports]
    .sort((a, b) => a[1] - b[1])
    .map(([part, port]) => `${urlOf(host, port)}/metrics of ${part}`)
    .join(', ');
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function checkReplay({ once, read, json }: RunSettings): void {
  if (once && read.length === 0) {
    throw new Failure('CONFIGURATION', '--once: a live capture has no end; name the files to replay with --read');
  }
  if (json && !once) {
    throw new Failure('CONFIGURATION', '--json: only a run that ends has a summary; add --once and --read FILE');
  }
}

function serverNeeds({ capture, processors, sinks, api, cleanup, hunt }: PartSelection): {
  kafka: boolean;
  postgres: boolean;
} {
  return { kafka: capture || processors || sinks || hunt, postgres: sinks || api || cleanup || hunt };
}

/** Everything but capture, all at once: each waits for nothing but the servers. */
async function startParts(
  settings: RunSettings,
  select: PartSelection,
  launcher: PartLauncher,
  say: Say,
): Promise<void> {
  const starts: Promise<unknown>[] = [];
  if (select.sinks) {
    const started = launcher.launch('sink', { table: postgresSinkOptions, settings, extra: ['postgres'] });
    starts.push(
      started.then(() => say(`sink       packets, alerts and capture nodes into ${describePostgres(settings)}`)),
    );
  }
  for (const output of select.sinks ? ALERT_OUTPUTS : []) {
    const address = output.addressOf(settings);
    if (address === null) continue;
    const { name } = output;
    const options = { table: deliverySinkOptions(output), settings, command: 'sink', extra: [name] };
    starts.push(launcher.launch(name, options).then(() => say(`${name.padEnd(10)} alerts to ${address}`)));
  }
  if (select.processors) {
    const started = launcher.launch('process', { table: processCommandOptions, settings });
    starts.push(started.then(() => say(`processors ${settings.workers} worker(s) on ${settings.topicPrefix}packets`)));
  }
  if (select.hunt && !settings.once) {
    const { huntHours, huntEvery } = settings;
    const own = { ...settings, hours: huntHours, every: huntEvery };
    const started = launcher.launch('hunt', { table: huntCommandOptions, settings: own });
    starts.push(
      started.then(() => say(`hunt       every ${formatDuration(huntEvery)} over ${huntHours} h of conversations`)),
    );
  }
  if (select.cleanup) {
    const started = launcher.launch('cleanup', { table: cleanupServiceOptions, settings, extra: ['--every-interval'] });
    starts.push(started.then(() => say(`cleanup    drops what is older than ${settings.dataRetentionDays} days`)));
  }
  if (select.api) {
    const address = urlOf(settings.apiHost, settings.apiPort).replace(
      /^http:/,
      settings.apiTlsCert === '' ? 'http:' : 'https:',
    );
    const started = launcher.launch('api', { table: apiCommandOptions, settings });
    starts.push(
      started.then(() => {
        say(`api        ${address}/api/docs`);
        say(`dashboard  ${address}`);
        if (settings.apiToken !== '') say(`           with its token: ${address}/#token=${settings.apiToken}`);
        say(`           ${describeReads(settings)}`);
      }),
    );
  }
  await Promise.all(starts);
}

/** Who may read without the token; the API refuses what is beyond this machine. */
function describeReads({ apiOpenReads }: RunSettings): string {
  return apiOpenReads
    ? 'reads without the token are on (--api-open-reads): whoever can reach this address on this machine reads packets and alerts'
    : 'reads and writes need the token; --api-open-reads lets reads on this machine do without';
}

async function startCapture(settings: RunSettings, plan: CapturePlan, launcher: PartLauncher, say: Say): Promise<void> {
  if (plan.notice !== null) say(plan.notice);
  const captureSettings = { ...settings, ...plan.settings };
  const part = await launcher.launch('capture', {
    table: captureCommandOptions,
    settings: captureSettings,
    finite: plan.finite,
  });
  say(`capture    ${plan.description}`);
  if (!plan.finite) return;
  void part.ended().then((exitCode) => {
    const how = exitCode === 0 ? 'is over' : `ended with exit code ${exitCode}`;
    say(`capture    the replay ${how}; Ctrl-C ends the rest`);
  });
}
