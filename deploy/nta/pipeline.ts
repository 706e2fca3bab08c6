/**
 * `nta run`: brings up the local servers that no flag replaces, creates topics and tables, starts the parts as child
 * processes and keeps them running; with `--once` it ends when a replay is processed and stored.
 */
import { join, resolve } from 'node:path';
import { Failure } from '../../runtime/failure.js';
import { checkKafka, createKafka } from '../../runtime/kafka.js';
import type { Logger } from '../../runtime/log.js';
import { type OptionTable, toArguments } from '../../runtime/options.js';
import { checkPostgres } from '../../runtime/postgres.js';
import { awaitSignal } from '../../runtime/service.js';
import { ensureTopics } from '../../runtime/topic-setup.js';
import { migrate } from '../../sinks/migration.js';
import { watchLauncher } from '../local-stack/launcher.js';
import { type LocalStack, startLocalStack } from '../local-stack/local-stack.js';
import { apiToken } from './api-token.js';
import { planCapture } from './capture-plan.js';
import { apiCommandOptions } from './commands/api.js';
import { captureCommandOptions } from './commands/capture.js';
import { cleanupServiceOptions } from './commands/cleanup.js';
import { processCommandOptions } from './commands/process.js';
import type { RunSettings } from './commands/run.js';
import { sinkCommandOptions } from './commands/sink.js';
import { replayOnce } from './replay-once.js';
import { Part } from './supervisor.js';

export interface PartSelection {
  readonly capture: boolean;
  readonly processors: boolean;
  readonly sinks: boolean;
  readonly api: boolean;
  readonly cleanup: boolean;
}

/** All parts when none is named; a replay that ends needs neither dashboard nor retention unless they are named. */
export function selectParts(settings: RunSettings): PartSelection {
  const { enableCapture, enableProcessors, enableSinks, enableApi, enableCleanup, once } = settings;
  const named = enableCapture || enableProcessors || enableSinks || enableApi || enableCleanup;
  if (named && !once) {
    return {
      capture: enableCapture,
      processors: enableProcessors,
      sinks: enableSinks,
      api: enableApi,
      cleanup: enableCleanup,
    };
  }
  return {
    capture: true,
    processors: true,
    sinks: true,
    api: once ? enableApi : true,
    cleanup: once ? enableCleanup : true,
  };
}

export async function runPipeline(given: RunSettings, log: Logger): Promise<number> {
  if (given.once && given.read.length === 0)
    throw new Failure(
      'CONFIGURATION',
      '--once: there is no end to a live capture; give the files to replay with --read',
    );
  if (given.json && !given.once)
    throw new Failure('CONFIGURATION', '--json: only a run that ends has a summary; add --once and --read FILE');
  const say = (line: string): void => void (given.json ? process.stderr : process.stdout).write(`${line}\n`);
  const select = selectParts(given);
  const signal = awaitSignal();
  // Nothing may go on without its `npm start`, and a killed npm passes on no signal.
  const unwatchLauncher = watchLauncher(() => process.kill(process.pid, 'SIGTERM'));
  const capture = select.capture ? await planCapture(given) : undefined;

  const servers: { stack?: LocalStack } = {};
  const parts: Part[] = [];
  const stopAll = async (): Promise<void> => {
    for (const part of [...parts].reverse()) {
      await part.stop();
      if (!given.once) say(`stopped ${part.name}`);
    }
    await servers.stack?.stop();
  };
  try {
    const started = await startServers(given, select, log, say, (running) => {
      servers.stack = running;
    });
    const settings = { ...started, apiToken: select.api ? await apiToken(started) : started.apiToken };
    const launch = async (
      name: string,
      table: OptionTable,
      extra: readonly string[] = [],
      finite = false,
    ): Promise<Part> => {
      const part = new Part(
        { arguments: [name, ...extra, ...toArguments(table, settings)], environment: secrets(table, settings), finite },
        log,
      );
      parts.push(part);
      await Promise.race([part.start(), signal]);
      return part;
    };
    if (select.sinks) {
      await launch('sink', sinkCommandOptions, ['postgres']);
      say(`sink       packets, alerts and capture nodes into ${describePostgres(settings)}`);
    }
    if (select.processors) {
      await launch('process', processCommandOptions);
      say(`processors ${settings.workers} worker(s) on ${settings.topicPrefix}packets`);
    }
    if (select.cleanup) {
      await launch('cleanup', cleanupServiceOptions, ['--every-interval']);
      say(`cleanup    drops what is older than ${settings.dataRetentionDays} days`);
    }
    if (select.api) {
      await launch('api', apiCommandOptions);
      const address = `http://${settings.apiHost.includes(':') ? `[${settings.apiHost}]` : settings.apiHost}:${settings.apiPort}`;
      say(`api        ${address}/api/openapi.json`);
      say(`dashboard  ${address}`);
      say(`           open ${address}/#token=${settings.apiToken} to resolve alerts there`);
    }
    if (given.once) {
      return await replayOnce({
        settings,
        log,
        say,
        launchCapture: (extra) => launch('capture', captureCommandOptions, extra, true),
        interrupted: signal,
      });
    }
    if (capture) {
      if (capture.notice) say(capture.notice);
      const part = new Part(
        {
          arguments: ['capture', ...toArguments(captureCommandOptions, { ...settings, ...capture.settings })],
          environment: secrets(captureCommandOptions, settings),
          finite: capture.finite,
        },
        log,
      );
      parts.push(part);
      await Promise.race([part.start(), signal]);
      say(`capture    ${capture.description}`);
      if (capture.finite) {
        void part
          .ended()
          .then((code) =>
            say(
              code === 0
                ? 'capture    the replay is over; Ctrl-C ends the rest'
                : `capture    the replay ended with exit code ${code}`,
            ),
          );
      }
    }
    say('running; Ctrl-C stops everything');
    await Promise.race([signal, ...(servers.stack ? [servers.stack.failed] : [])]);
    say('stopping …');
    return 0;
  } finally {
    unwatchLauncher();
    await stopAll();
  }
}

/** Local Kafka and Postgres where no flag names others, then topics and tables; returns the settings that lead to them. */
async function startServers(
  given: RunSettings,
  select: PartSelection,
  log: Logger,
  say: (line: string) => void,
  onStack: (stack: LocalStack) => void,
): Promise<RunSettings> {
  const needsKafka = select.capture || select.processors || select.sinks;
  const needsPostgres = select.sinks || select.api || select.cleanup;
  const local = {
    kafka: needsKafka && given.kafkaBrokers.length === 0,
    postgres: needsPostgres && given.dbHost === '',
  };
  if (needsKafka && !local.kafka) await checkKafka(given, log);
  if (needsPostgres && !local.postgres) await checkPostgres(given);
  let settings = given;
  if (local.kafka || local.postgres) {
    const stack = await startLocalStack({
      dataDir: resolve(given.dataDir),
      ...local,
      log,
      onProgress: (line) => process.stderr.write(`nta: ${line}\n`),
    });
    onStack(stack);
    if (stack.kafka) settings = { ...settings, kafkaBrokers: stack.kafka.brokers };
    if (stack.postgres) {
      const { host, port, user, password, database } = stack.postgres;
      settings = { ...settings, dbHost: host, dbPort: port, dbUser: user, dbPassword: password, dbName: database };
    }
  }
  if (needsKafka) {
    say(`kafka      ${settings.kafkaBrokers.join(', ')}${local.kafka ? `, data in ${given.dataDir}` : ''}`);
    await ensureTopics(createKafka(settings, 'nta-setup', log), settings);
  }
  if (needsPostgres) {
    say(`postgres   ${describePostgres(settings)}${local.postgres ? `, data in ${given.dataDir}` : ''}`);
    await migrate(settings, log);
  }
  return settings.spoolDir === '' ? { ...settings, spoolDir: join(resolve(given.dataDir), 'spool') } : settings;
}

function describePostgres(settings: RunSettings): string {
  return `${settings.dbHost}:${settings.dbPort}/${settings.dbName}`;
}

/** Secrets travel by environment, which other users cannot see. */
function secrets(table: OptionTable, settings: object): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [key, definition] of Object.entries(table)) {
    const value = (settings as Record<string, unknown>)[key];
    if (definition.secret && definition.env !== null && typeof value === 'string' && value !== '')
      environment[definition.env] = value;
  }
  return environment;
}
