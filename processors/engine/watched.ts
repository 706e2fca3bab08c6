/** States of watchers by their window, and what they take. */
import type { CompiledRule } from './compiled-rule.js';

export interface Watched {
  state: unknown;
  /** First row measured in the present run of rows less than a window apart, and the last, µs. */
  first: number;
  last: number;
  bytes: number;
}

/** What a state takes where its detector does not say, and what keeping it takes. */
const STATE_BYTES = 400;
const ENTRY_BYTES = 150;

export class WatchedStates {
  bytes = 0;
  private readonly byWindow = new Map<number, Watched>();

  find(window: number): Watched | undefined {
    return this.byWindow.get(window);
  }

  of(window: number, rule: CompiledRule): Watched {
    let watched = this.byWindow.get(window);
    if (watched === undefined) {
      watched = {
        state: rule.watcher!.newState(),
        first: Number.NaN,
        last: Number.NEGATIVE_INFINITY,
        bytes: ENTRY_BYTES,
      };
      this.byWindow.set(window, watched);
      this.bytes += ENTRY_BYTES;
      this.weigh(watched, rule);
    }
    return watched;
  }

  /** Brings the accounting up to date after a state has changed. */
  weigh(watched: Watched, rule: CompiledRule): void {
    const bytes = ENTRY_BYTES + (rule.watcher!.bytes?.(watched.state) ?? STATE_BYTES);
    this.bytes += bytes - watched.bytes;
    watched.bytes = bytes;
  }

  delete(window: number): void {
    const watched = this.byWindow.get(window);
    if (watched === undefined) return;
    this.bytes -= watched.bytes;
    this.byWindow.delete(window);
  }
}
