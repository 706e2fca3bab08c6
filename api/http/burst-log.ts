/** Warnings that come in bursts, a line at once and a line for all that follow: an attack must not fill the disk. */
import type { Logger } from '../../runtime/process/log.js';

const QUIET_MS = 30_000;

export class BurstLog {
  /** Warnings held back, by their kind. */
  private readonly held = new Map<string, number>();

  constructor(
    private readonly log: Logger,
    private readonly quietMs = QUIET_MS,
  ) {}

  /** @param kind of few: of each kind there is a line at most every half minute. */
  warn(kind: string, fields: object, message: string): void {
    const count = this.held.get(kind);
    if (count !== undefined) {
      this.held.set(kind, count + 1);
      return;
    }
    this.log.warn(fields, message);
    this.hold(kind, message);
  }

  private hold(kind: string, message: string): void {
    this.held.set(kind, 0);
    setTimeout(() => {
      const count = this.held.get(kind)!;
      this.held.delete(kind);
      if (count === 0) return;
      this.log.warn({ times: count }, `${message} (again, within ${this.quietMs / 1000} s)`);
      this.hold(kind, message);
    }, this.quietMs).unref();
  }
}
