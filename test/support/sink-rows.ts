/** Waiting for, and comparing, what the sink has stored. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when the condition holds; fails after `timeoutMs`. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not reached within ${timeoutMs / 1000} s`);
    await sleep(50);
  }
}
