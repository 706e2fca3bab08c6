/** A process with a local stack, for tests that kill it: `node local-stack-parent.js DATA_DIR`. Prints one JSON line. */
import pino from 'pino';
import { startLocalStack } from '../../deploy/local-stack/local-stack.js';

const stack = await startLocalStack({
  dataDir: process.argv[2] ?? '',
  kafka: true,
  postgres: true,
  log: pino({ level: 'silent' }),
});
process.stdout.write(`${JSON.stringify({ kafka: stack.kafka?.control.pid, postgres: stack.postgres?.control.pid })}\n`);
setInterval(() => undefined, 60_000);
