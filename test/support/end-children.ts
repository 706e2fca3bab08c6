/** Set up in front of every file of integration tests: what its tests have left running, because one timed out, ends with it. */
import { afterAll } from 'vitest';
import { descendantsOf, killAll } from './left-processes.js';

// Registered before the file's own, so it is the last to run.
afterAll(() => {
  const left = descendantsOf(process.pid);
  for (const { pid, command } of left) process.stderr.write(`left running by a test, ended now: ${pid} ${command}\n`);
  killAll(left);
});
