/**
 * Detectors whose own code fails, as a plug-in's may. The packet is lost for that detector alone and everything else goes
 * on, so it has to be said elsewhere: in a counter, in the log once for each time that it goes on, and in readiness.
 */
import type { Logger } from '../../runtime/process/log.js';
import type { ProcessMetrics } from './process-metrics.js';

/** Without failures for so long, a detector counts as well again, ms. */
const CALM_MS = 60_000;

export class DetectorFailures {
  /** When each detector last failed, and on what. */
  private readonly latest = new Map<string, { at: number; reason: string }>();

  constructor(
    private readonly log: Logger,
    private readonly metrics: ProcessMetrics,
  ) {}

  note(detector: string, failures: number, reason: string): void {
    this.metrics.detectorFailures.inc({ detector }, failures);
    const now = performance.now();
    const before = this.latest.get(detector);
    if (before === undefined || now - before.at > CALM_MS) {
      this.log.error(
        { detector, reason },
        `the detector ${detector} fails: ${reason}; the packet does not count for it and the others go on; mend it or switch it off with --detection-config`,
      );
    }
    this.latest.set(detector, { at: now, reason });
  }

  /** The detectors that fail, or null when none does. */
  readiness(): string | null {
    const now = performance.now();
    const failing = [...this.latest].filter(([, { at }]) => now - at <= CALM_MS);
    if (failing.length === 0) return null;
    return failing.map(([detector, { reason }]) => `the detector ${detector} fails: ${reason}`).join('; ');
  }
}
