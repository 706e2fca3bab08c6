/**
 * Entry of one of several workers: a child of `nta process --workers N`. It gets its settings over the IPC channel
 * (a password must not stand on a command line), reports readiness and metrics over it, and stops when it closes, so
 * that no worker outlives its parent.
 */
import { asFailure } from '../../runtime/process/failure.js';
import { createLog } from '../../runtime/process/log.js';
import { Registry } from '../../runtime/process/metrics.js';
import { logFailure, runServices } from '../../runtime/process/service.js';
import { createMember } from '../processor.js';
import type { WorkerMessage, WorkerOrder } from './worker-fleet.js';

const REPORT_MS = 1_000;

process.once('message', (order: WorkerOrder) => {
  run(order).then((exitCode) => process.exit(exitCode));
});

async function run({ settings, logLevel, logFile }: WorkerOrder): Promise<number> {
  const log = createLog({ level: logLevel, file: logFile, part: 'process' });
  const registry = new Registry();
  const processor = createMember(settings, log, registry, (memberId) => tell({ type: 'joined', memberId }));
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  const report = async (): Promise<void> => {
    tell({ type: 'report', readiness: processor.readiness(), metrics: await registry.getMetricsAsJSON() });
  };
  const timer = setInterval(() => void report(), REPORT_MS);
  try {
    return await runServices([processor], log, {
      onReady: () => {
        tell({ type: 'ready' });
        void report();
      },
      onFailure: (error) => {
        const failure = asFailure(error);
        if (failure !== undefined) tell({ type: 'failed', code: failure.code, message: failure.message });
        logFailure(log, error);
      },
    });
  } finally {
    clearInterval(timer);
    await report();
  }
}

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}
