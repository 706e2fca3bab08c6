/**
 * Something that is to run for as long as nobody stops it: a child process, a server, a capture engine. When it ends by
 * itself it is started again after a pause that grows, and for ever: what keeps it from running may be mended any time.
 */
import { messageOf } from './failure.js';
import { type GrowingDelay, pause } from './growing-delay.js';

/** One run of it. */
export interface Launched {
  /** Resolves when it is ready for use; rejects with the reason when it will not be. */
  readonly ready: Promise<unknown>;
  /** Resolves with how it ended, in words: "ended with exit code 1". */
  readonly exited: Promise<string>;
  /** Ends it and waits for its end. May be called at any time. */
  stop(): Promise<void>;
}

export interface KeptRunningOptions {
  readonly launch: () => Launched;
  readonly delay: GrowingDelay;
  /** It ended although nobody stopped it, or did not start again; it will be started in `pauseMs`. */
  readonly onEnded: (reason: string, pauseMs: number) => void;
  readonly onRestarted?: () => void;
}

export class KeptRunning {
  private readonly stopping = new AbortController();
  private current: Launched | undefined;
  private supervision: Promise<void> = Promise.resolve();

  constructor(private readonly options: KeptRunningOptions) {}

  /** Resolves when it is ready. @throws what `ready` rejects with: the first start is not tried again. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    const first = this.launch();
    await first.ready;
    this.supervision = this.supervise(first, startedAt);
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.current?.stop();
    await this.supervision;
  }

  private launch(): Launched {
    const launched = this.options.launch();
    launched.ready.catch(() => undefined);
    this.current = launched;
    return launched;
  }

  private async supervise(first: Launched, firstStartedAt: number): Promise<void> {
    const { signal } = this.stopping;
    let startedAt = firstStartedAt;
    let reason = await first.exited;
    while (!signal.aborted) {
      const pauseMs = this.options.delay.next(performance.now() - startedAt);
      this.options.onEnded(reason, Math.round(pauseMs));
      await pause(pauseMs, signal);
      if (signal.aborted) return;
      startedAt = performance.now();
      const launched = this.launch();
      try {
        await launched.ready;
      } catch (error) {
        await launched.stop();
        startedAt = performance.now();
        reason = `did not start again: ${messageOf(error)}`;
        continue;
      }
      this.options.onRestarted?.();
      reason = await launched.exited;
    }
  }
}
