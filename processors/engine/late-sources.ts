/**
 * Sources whose packets are late, one after the other. Late packets are ordinary where another node's are ahead; but when for
 * a whole window nothing of a source was in time, its clock stands wrong: one packet was stamped ahead.
 */

const BYTES_PER_SOURCE = 100;

interface LateRun {
  /** The clock of the source all the while; it moves only with a packet that is in time. µs. */
  readonly clock: number;
  /** The first late packet, µs. */
  readonly since: number;
}

export class LateSources {
  private readonly runs = new Map<number, LateRun>();

  get bytes(): number {
    return this.runs.size * BYTES_PER_SOURCE;
  }

  /** Takes note of a late packet; true when all of the source has been late for so long. */
  note(slot: number, time: number, clock: number, spanMicros: number): boolean {
    const run = this.runs.get(slot);
    if (run === undefined || run.clock !== clock || time < run.since - spanMicros) {
      this.runs.set(slot, { clock, since: time });
      return false;
    }
    if (time - run.since < spanMicros) return false;
    this.runs.delete(slot);
    return true;
  }

  forget(slot: number): void {
    this.runs.delete(slot);
  }
}
