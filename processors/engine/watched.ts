/** States of watchers by their window, and what they take. */
import type { CompiledRule } from './compiled-rule.js';

export interface Watched {
  state: unknown;
  /** First row measured in the present run of rows less than a window apart, and the last, µs. */
  first: number;
  last: number;
  bytes: number;
  /** Whether the changelog has an entry of it; what it has not, a rebuild brings back. */
  logged: boolean;
  /** What was measured of late, for the evidence of an episode that opens: addresses and when, µs. */
  readonly recent: [string, number][];
}

/** Addresses of `recent`, at most. */
const RECENT_MAX = 20;

/** Takes note of an address that a row named. */
export function noteRecent({ recent }: Watched, text: string, time: number): void {
  const last = recent.at(-1);
  if (last !== undefined && last[0] === text) {
    last[1] = time;
    return;
  }
  let at = recent.length - 1;
  while (at >= 0 && recent[at]![0] !== text) at--;
  if (at >= 0) recent.splice(at, 1);
  else if (recent.length >= RECENT_MAX) recent.shift();
  recent.push([text, time]);
}

/** What a state takes where its detector does not say, and what keeping it takes. */
const STATE_BYTES = 400;
const ENTRY_BYTES = 150;
const RECENT_BYTES = 80;

export class WatchedStates {
  bytes = 0;
  private readonly byWindow: (Watched | undefined)[] = [];

  find(window: number): Watched | undefined {
    return this.byWindow[window];
  }

  of(window: number, rule: CompiledRule): Watched {
    let watched = this.byWindow[window];
    if (watched === undefined) {
      watched = {
        state: rule.watcher!.newState(),
        first: 0,
        last: 0,
        bytes: ENTRY_BYTES,
        recent: [],
        logged: false,
      };
      // windows are numbered from 0 on, and a gap would make a dictionary of the array
      while (this.byWindow.length < window) this.byWindow.push(undefined);
      this.byWindow[window] = watched;
      this.bytes += ENTRY_BYTES;
      this.weigh(watched, rule);
    }
    return watched;
  }

  /** Brings the accounting up to date after a state has changed. */
  weigh(watched: Watched, rule: CompiledRule): void {
    const bytes =
      ENTRY_BYTES + (rule.watcher!.bytes?.(watched.state) ?? STATE_BYTES) + RECENT_BYTES * watched.recent.length;
    this.bytes += bytes - watched.bytes;
    watched.bytes = bytes;
  }

  delete(window: number): void {
    const watched = this.byWindow[window];
    if (watched === undefined) return;
    this.bytes -= watched.bytes;
    this.byWindow[window] = undefined;
  }
}
