/** Settings of `nta run`: those of all its parts, and its own. */
import { huntScheduleOptions } from '../../processors/hunt/hunt-options.js';
import { topicOptions } from '../../runtime/kafka/topic-setup.js';
import { defineOptions, type Settings } from '../../runtime/process/options.js';
import { retentionServiceOptions } from '../../sinks/retention/retention-service.js';
import { apiCommandOptions } from './commands/api.js';
import { captureCommandOptions } from './commands/capture.js';
import { processCommandOptions } from './commands/process.js';
import { sinkCommandOptions } from './commands/sink.js';
import { dataDirOption } from './local-postgres.js';
import { textOrJson } from './output-format.js';

/** What is the run's own; the rest of its options are those of its parts. */
export const runOwnOptions = defineOptions({
  ...dataDirOption,
  enableCapture: { kind: 'boolean', env: 'NTA_ENABLE_CAPTURE', default: false, help: 'run capture' },
  enableProcessors: { kind: 'boolean', env: 'NTA_ENABLE_PROCESSORS', default: false, help: 'run processors' },
  enableHunt: { kind: 'boolean', env: 'NTA_ENABLE_HUNT', default: false, help: 'hunt every --hunt-every' },
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
  ...huntScheduleOptions,
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
