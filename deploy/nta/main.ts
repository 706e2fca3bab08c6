/** The `nta` command: its sub-commands, in the order in which a newcomer meets them. */
import { inlineHotPaths } from '../../runtime/compiler.js';
import { Command, CommanderError } from '../../runtime/options.js';
import { projectVersion } from '../../runtime/project.js';
import { EXIT_USAGE } from './command.js';

/** Each loads its own modules alone: all together take half a second and 30 MB more than one. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.js')).runCommand(),
  capture: async () => (await import('./commands/capture.js')).captureCommand(),
  process: async () => (await import('./commands/process.js')).processCommand(),
  sink: async () => (await import('./commands/sink.js')).sinkCommand(),
  api: async () => (await import('./commands/api.js')).apiCommand(),
  analyze: async () => (await import('./commands/analyze.js')).analyzeCommand(),
  decode: async () => (await import('./commands/decode.js')).decodeCommand(),
  export: async () => (await import('./commands/export.js')).exportCommand(),
  interfaces: async () => (await import('./commands/interfaces.js')).interfacesCommand(),
  setup: async () => (await import('./commands/setup.js')).setupCommand(),
  cleanup: async () => (await import('./commands/cleanup.js')).cleanupCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
};

// `nta analyze` decodes no faster for it and compiles for longer: an eighth more processor time for 2,000,000 packets.
if (process.argv[2] !== 'analyze') inlineHotPaths();

const program = new Command('nta')
  .description('Network traffic analyzer: capture, detection on Kafka, storage in Postgres, API and dashboard.')
  .version(projectVersion, '-V, --version')
  .showSuggestionAfterError(true)
  .exitOverride();

const named = process.argv[2] ?? '';
// Without a known name it is help or a mistake, for which all are needed.
for (const name of Object.hasOwn(COMMANDS, named) ? [named] : Object.keys(COMMANDS)) {
  program.addCommand((await COMMANDS[name]!()).exitOverride());
}

// A reader that has seen enough (`nta decode … | head`) ends the command, not with a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
// What is left open now (a socket in a driver's pool) must not keep a finished command alive.
process.exit();
