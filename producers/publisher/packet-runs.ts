/** The encoded packets of a flush, each behind the others of its source: runs of bytes in one arena, chained by source. */
import { BEYOND_RUN_BYTES, copyRun, type Memory, memoryOf } from './copy-run.js';
import { BYTES, END, FIRST_RUN, LAST_RUN, NEXT } from './source-words.js';

/** Sizes of the runs of a source, bytes: each as long as all before it, within these. */
const RUN_BYTES_MIN = 256;
export const RUN_BYTES_MAX = 4096;

export class PacketRuns {
  used = 0;
  readonly arena: Memory;
  private readonly start: Int32Array;
  private readonly end: Int32Array;
  private readonly next: Int32Array;
  private count = 0;

  /** @param sources what is known of each source, in words */
  constructor(
    private readonly sources: Int32Array,
    bytes: number,
    runs: number,
  ) {
    this.arena = memoryOf(bytes + BEYOND_RUN_BYTES);
    this.start = new Int32Array(runs);
    this.end = new Int32Array(runs);
    this.next = new Int32Array(runs);
  }

  /** The first run of a source begins where the arena is free. */
  begin(source: number): void {
    const { sources } = this;
    sources[source + NEXT] = sources[source + END] = this.used;
    sources[source + FIRST_RUN] = sources[source + LAST_RUN] = this.count;
    this.start[this.count++] = this.used;
  }

  /** Where the next packet of a source goes, when its run has too little room for it. */
  makeRoom(source: number, room: number): number {
    const { sources } = this;
    const size = Math.max(room, Math.min(Math.max(sources[source + BYTES]!, RUN_BYTES_MIN), RUN_BYTES_MAX));
    let next = sources[source + NEXT]!;
    if (sources[source + END] !== this.used) {
      const run = this.count++;
      this.end[sources[source + LAST_RUN]!] = next;
      this.next[sources[source + LAST_RUN]!] = run;
      sources[source + LAST_RUN] = run;
      next = this.used;
      this.start[run] = next;
    }
    sources[source + END] = this.used = next + size;
    return next;
  }

  /** A source of a single packet takes no more room than that; the next one finds it may go on, or takes a new run. */
  endAt(source: number, end: number): void {
    this.sources[source + END] = end;
    this.used = end;
  }

  /** Copies the packets of a source that has some. */
  put(to: Memory, start: number, source: number): number {
    const { sources } = this;
    let at = start;
    const last = sources[source + LAST_RUN]!;
    this.end[last] = sources[source + NEXT]!;
    for (let run = sources[source + FIRST_RUN]!; ; run = this.next[run]!) {
      at = copyRun(this.arena, this.start[run]!, this.end[run]!, to, at);
      if (run === last) return at;
    }
  }

  clear(): void {
    this.used = 0;
    this.count = 0;
  }
}
