/** The `nta` command: its sub-commands, in the order in which a newcomer meets them. */
import { Command, CommanderError } from '../../runtime/options.js';
import { projectVersion } from '../../runtime/project.js';
import { EXIT_USAGE } from './command.js';
import { analyzeCommand } from './commands/analyze.js';
import { apiCommand } from './commands/api.js';
import { captureCommand } from './commands/capture.js';
import { cleanupCommand } from './commands/cleanup.js';
import { decodeCommand } from './commands/decode.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { interfacesCommand } from './commands/interfaces.js';
import { processCommand } from './commands/process.js';
import { runCommand } from './commands/run.js';
import { setupCommand } from './commands/setup.js';
import { sinkCommand } from './commands/sink.js';

const program = new Command('nta')
  .description('Network traffic analyzer: capture, detection on Kafka, storage in Postgres, API and dashboard.')
  .version(projectVersion, '-V, --version')
  .showSuggestionAfterError(true)
  .exitOverride();

for (const command of [
  runCommand(),
  captureCommand(),
  processCommand(),
  sinkCommand(),
  apiCommand(),
  analyzeCommand(),
  decodeCommand(),
  exportCommand(),
  interfacesCommand(),
  setupCommand(),
  cleanupCommand(),
  doctorCommand(),
]) {
  program.addCommand(command.exitOverride());
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
