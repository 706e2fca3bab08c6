import { topicOptions } from '../../../runtime/kafka/topic-setup.js';
import { type Command, defineOptions, type Settings } from '../../../runtime/process/options.js';
import { retentionServiceOptions } from '../../../sinks/retention/retention-service.js';
import { defineCommand } from '../command.js';
import { dataDirOption } from '../local-postgres.js';
import { chosenFormat, textOrJson } from '../output-format.js';
import { runPipeline } from '../pipeline.js';
import { apiCommandOptions } from './api.js';
import { captureCommandOptions } from './capture.js';
import { processCommandOptions } from './process.js';
import { sinkCommandOptions } from './sink.js';

/** What is the run's own; the rest of its options are those of its parts. */
export const runOwnOptions = defineOptions({
  ...dataDirOption,
  enableCapture: { kind: 'boolean', env: 'NTA_ENABLE_CAPTURE', default: false, help: 'run capture' },
  enableProcessors: { kind: 'boolean', env: 'NTA_ENABLE_PROCESSORS', default: false, help: 'run processors' },
  enableSinks: {
    kind: 'boolean',
    env: 'NTA_ENABLE_SINKS',
    default: false,
    help: 'run the Postgres sink, and a sink for each receiver of alerts that is named (--webhook-url, --syslog-address)',
  },
  enableApi: { kind: 'boolean', env: 'NTA_ENABLE_API', default: false, help: 'run the API and the dashboard' },
  enableCleanup: {
    kind: 'boolean',
    env: 'NTA_ENABLE_CLEANUP',
    default: false,
    help: 'apply retention every --cleanup-interval',
  },
  once: {
    kind: 'boolean',
    env: null,
    default: false,
    help: 'with --read: end when every packet is processed and stored, and print the balance',
  },
  ...textOrJson('of the summary of --once: json is one JSON object, alone on standard output'),
});

export const runOptions = {
  ...captureCommandOptions,
  ...processCommandOptions,
  ...sinkCommandOptions,
  ...apiCommandOptions,
  ...retentionServiceOptions,
  ...topicOptions,
  ...runOwnOptions,
  spoolDir: { ...captureCommandOptions.spoolDir, default: '', defaultText: 'spool in --data-dir' },
} as const;
export type RunSettings = Settings<typeof runOptions>;

/** `nta run`, which is `npm start`: the whole pipeline on this machine. */
export function runCommand(): Command {
  return defineCommand({
    name: 'run',
    description: [
      'Without any --enable-… all parts run; alerts are delivered to the receivers that are named (--webhook-url, --syslog-address). Without --kafka-brokers or --db-host it brings up its own under --data-dir.',
      '',
      'Examples:',
      '  npm start                                      capture on the interface of the default route',
      '  npm start -- --interface eth1 --packet-filter "not port 22"',
      '  npm start -- --read attack.pcap --once         replay a capture, print its balance and its alerts',
    ].join('\n'),
    options: runOptions,
    run: ({ settings, log, output }) =>
      runPipeline({ ...settings, json: chosenFormat(settings, 'text') === 'json' }, log, output),
  });
}
