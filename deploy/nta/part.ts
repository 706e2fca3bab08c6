/**
 * One part of the pipeline as a process of its own: `nta capture`, `process`, `sink`, `api`. Under `nta run` the
 * supervisor holds an IPC channel to it: the part reports over it, and stops when it closes, so that no part outlives
 * its supervisor, however that ended.
 */
import { asFailure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { logFailure, runServices, type Service } from '../../runtime/process/service.js';
import { printRefusal } from './command.js';

/** What a part tells its supervisor. `result` is the part's own summary: the balance of a finite capture. */
export type PartMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'result'; readonly result: unknown };

export function tellSupervisor(message: PartMessage): void {
  if (process.connected) process.send?.(message);
}

export async function runPart(services: readonly Service[], log: Logger): Promise<number> {
  process.once('disconnect', () => {
    log.warn('the supervisor is gone; stopping');
    process.kill(process.pid, 'SIGTERM');
  });
  return runServices(services, log, {
    onReady: () => tellSupervisor({ type: 'ready' }),
    onFailure: (error) => {
      const failure = asFailure(error);
      if (failure !== undefined) {
        tellSupervisor({ type: 'failed', code: failure.code, message: failure.message });
        printRefusal(failure.message);
      } else {
        logFailure(log, error);
      }
    },
  });
}
