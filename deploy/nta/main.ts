/** The `nta` command: its sub-commands, in the order in which a newcomer meets them. */
import { inlineHotPaths } from '../../runtime/process/compiler.js';
import { provideNavigator } from '../../runtime/process/navigator.js';
import { Command, CommanderError } from '../../runtime/process/options.js';
import { projectVersion } from '../../runtime/process/project.js';
import { COMMAND_OUTPUT, EXIT_USAGE, finishOutput, reportFailure } from './command.js';

interface CommandEntry {
  readonly summary: string;
  /** Each loads its own modules alone: all together take half a second and 30 MB more than one. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: {
    summary: 'run the whole pipeline: Kafka, Postgres, processors, sinks, API with dashboard, capture',
    load: async () => (await import('./commands/run.js')).runCommand(),
  },
  capture: {
    summary: 'capture packets and publish them to Kafka',
    load: async () => (await import('./commands/capture.js')).captureCommand(),
  },
  process: {
    summary: 'detect: read packets from Kafka, keep the windows, publish alerts',
    load: async () => (await import('./commands/process.js')).processCommand(),
  },
  sink: {
    summary: 'store packets, alerts and capture nodes: nta sink postgres; deliver alerts: nta sink webhook, syslog',
    load: async () => (await import('./commands/sink.js')).sinkCommand(),
  },
  hunt: {
    summary: 'find in stored conversations what takes hours to show, and publish alerts: nta hunt --every 10m',
    load: async () => (await import('./commands/hunt.js')).huntCommand(),
  },
  api: {
    summary: 'serve the REST API and the dashboard',
    load: async () => (await import('./commands/api.js')).apiCommand(),
  },
  analyze: {
    summary: 'read captures and print alerts, without Kafka and Postgres',
    load: async () => (await import('./commands/analyze.js')).analyzeCommand(),
  },
  backtest: {
    summary: 'show what other rules would have said of captures or of stored conversations, beside what was said',
    load: async () => (await import('./commands/backtest.js')).backtestCommand(),
  },
  decode: {
    summary: 'print the packets of captures as JSON lines, or their counts',
    load: async () => (await import('./commands/decode.js')).decodeCommand(),
  },
  export: {
    summary: 'write stored packets or alerts as CSV, JSON, Parquet or pcap: nta export packets',
    load: async () => (await import('./commands/export.js')).exportCommand(),
  },
  token: {
    summary: 'make, list and revoke tokens of people and programs for the API: nta token create --name ada',
    load: async () => (await import('./commands/token.js')).tokenCommand(),
  },
  interfaces: {
    summary: 'list the interfaces: addresses, state, link type, and whether capturing is allowed now',
    load: async () => (await import('./commands/interfaces.js')).interfacesCommand(),
  },
  setup: {
    summary: 'create topics and tables',
    load: async () => (await import('./commands/setup.js')).setupCommand(),
  },
  cleanup: {
    summary: 'drop what is older than the retention, now',
    load: async () => (await import('./commands/cleanup.js')).cleanupCommand(),
  },
  doctor: {
    summary: 'check every prerequisite and say how to mend it',
    load: async () => (await import('./commands/doctor.js')).doctorCommand(),
  },
};

/** The command that this line is for: of `nta help capture` the one that is asked about. */
const named = process.argv.slice(2).find((word) => Object.hasOwn(COMMANDS, word));
// `nta analyze` decodes no faster for it and compiles for longer: an eighth more processor time for 2,000,000 packets.
if (named !== 'analyze') inlineHotPaths();
provideNavigator();

const program = new Command('nta')
  .description('Network traffic analyzer: capture, detection on Kafka, storage in Postgres, API and dashboard.')
  .configureOutput(COMMAND_OUTPUT)
  .version(projectVersion, '-V, --version')
  .showSuggestionAfterError(true)
  .exitOverride();

for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
  // Of the others help and a suggestion for a mistyped name need no more than this.
  const command = name === named ? await load() : new Command(name).configureOutput(COMMAND_OUTPUT);
  program.addCommand(command.summary(summary).description(summary).exitOverride());
}

// Whoever read the log has gone: what is still said of it reaches nobody, and that is no reason to end.
process.stderr.on('error', () => undefined);
// A disk that fills up under a file that is written in passing.
process.on('uncaughtException', (error) => process.exit(reportFailure(error)));

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
await finishOutput();
// What is left open now (a socket in a driver's pool) must not keep a finished command alive.
process.exit();
