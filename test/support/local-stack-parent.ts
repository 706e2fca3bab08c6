/**
 * A process with a local stack, for tests that kill it: `node local-stack-parent.js DATA_DIR`. Prints the ids of the
 * servers' processes as one JSON line when they are ready.
 */
import pino from 'pino';
import { watchLauncher } from '../../deploy/local-stack/launcher.js';
import { startLocalStack } from '../../deploy/local-stack/local-stack.js';

const stack = await startLocalStack({
  dataDir: process.argv[2] ?? '',
  kafka: true,
  postgres: true,
  log: pino({ level: 'silent' }),
});
watchLauncher(() => void stack.stop().then(() => process.exit(1)));
process.stdout.write(`${JSON.stringify({ kafka: stack.kafka?.control.pid, postgres: stack.postgres?.control.pid })}\n`);
setInterval(() => undefined, 60_000);
