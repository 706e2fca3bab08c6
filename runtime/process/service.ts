/**
 * Start and stop. A service's constructor is inert; `start` does the work and `stop` undoes it. A process starts its
 * services in order and stops them in reverse, and ends with a non-zero code as soon as one of them fails: a supervisor
 * starts it again.
 */
import { asFailure, Failure, messageOf } from './failure.js';
import type { Logger } from './log.js';

export interface Service {
  readonly name: string;
  /** Resolves when the service is ready for use. */
  start(): Promise<void>;
  /** Finishes what was accepted, then releases everything. Called once, also after a failed start. */
  stop(): Promise<void>;
  /** Resolves when the service has nothing more to do (a file was read to its end); rejects when it breaks. */
  readonly done?: Promise<void>;
}

/** How long a graceful stop may take before the process ends anyway, milliseconds. */
export const STOP_TIMEOUT_MS = 30_000;

export interface RunHooks {
  /** Every service has started. */
  readonly onReady?: () => void;
  /** A service failed to start, broke or did not stop; logs it by default. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Runs services until one is done, one breaks or a signal arrives, then stops all of them in reverse order.
 *
 * @returns the exit code: 0 after `done` or a signal, 1 after a failure.
 */
export async function runServices(services: readonly Service[], log: Logger, hooks: RunHooks = {}): Promise<number> {
  const onFailure = hooks.onFailure ?? ((error: unknown) => logFailure(log, error));
  const started: Service[] = [];
  let exitCode = 0;
  const signal = awaitSignal();
  try {
    for (const service of services) {
      started.push(service);
      const interrupted = await Promise.race([service.start().then(() => false), signal.then(() => true)]);
      if (interrupted) break;
      log.debug({ service: service.name }, 'started');
    }
    if (started.length === services.length) {
      hooks.onReady?.();
      const endings = started.flatMap((service) => (service.done ? [service.done] : []));
      const reason = await Promise.race([signal, ...endings.map((done) => done.then(() => 'done'))]);
      if (reason !== 'done') log.info({ signal: reason }, 'stopping');
    }
  } catch (error) {
    exitCode = 1;
    onFailure(error);
  }
  for (const service of started.reverse()) {
    try {
      await withTimeout(service.stop(), STOP_TIMEOUT_MS, `${service.name} did not stop in ${STOP_TIMEOUT_MS / 1000} s`);
      log.debug({ service: service.name }, 'stopped');
    } catch (error) {
      exitCode = 1;
      onFailure(error);
    }
  }
  return exitCode;
}

/** A mendable failure is one line; a defect keeps its stack. */
export function logFailure(log: Logger, error: unknown): void {
  const failure = asFailure(error);
  if (failure !== undefined) {
    log.fatal(
      { code: failure.code, cause: failure.cause === undefined ? undefined : messageOf(failure.cause) },
      failure.message,
    );
  } else {
    log.fatal({ err: error }, messageOf(error));
  }
}

/** Resolves with the first SIGINT or SIGTERM; a second one ends the process at once. */
export function awaitSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (seen) process.exit(130);
      seen = true;
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

/** Rejects with `message` when the promise has not settled after `milliseconds`. */
export async function withTimeout<T>(promise: Promise<T>, milliseconds: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Failure('TIMEOUT', message)), milliseconds);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
