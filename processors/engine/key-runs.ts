/**
 * Which runs of a replay a source has been seen in. A scan that is split over the captures of several nodes is one
 * source, whichever process replays which capture and when; a capture that is replayed again is the same thing once
 * more, and must not add to what it left. Nothing in a packet says which of the two a new run is. So:
 *
 * - A run of another capture node joins, as long as it is not older than the source by more than the allowed lateness:
 *   a window could not take in more.
 * - A run of a capture node that has been there joins with what is newer than all it had (the next file of a series).
 *   What is not is a repetition, and the source starts over; so it does for a run that is too old to join.
 * - Within one run a packet that is too old is late, as it is live.
 */

/** Bytes that a source of several runs takes, and each of its runs. */
const BYTES_PER_SOURCE = 120;
const BYTES_PER_RUN = 80;

export type Meeting = 'joins' | 'late' | 'starts over';

interface Member {
  readonly node: number;
  run: number;
  /** Its newest packet, µs. */
  newest: number;
}

export class KeyRuns {
  bytes = 0;
  /** Of the sources (by slot) that more than one run has been counted for; of the others the source table knows all. */
  private readonly members = new Map<number, Member[]>();

  constructor(private readonly latenessMicros: number) {}

  /** Whether each packet of the source has to be shown to `meet`. */
  hasSeveral(slot: number): boolean {
    return this.members.size > 0 && this.members.has(slot);
  }

  /**
   * What becomes of a packet.
   *
   * @param last the run of the source's last packet, null when there is none to tell.
   * @param clock of the source, µs.
   */
  meet(
    slot: number,
    last: { readonly run: number; readonly node: number } | null,
    clock: number,
    run: number,
    node: number,
    time: number,
  ): Meeting {
    const known = this.members.get(slot);
    const members = known ?? (last === null ? [] : [{ ...last, newest: clock }]);
    const own = members.find((member) => member.node === node);
    if (own !== undefined && time <= own.newest) {
      if (own.run !== run) return 'starts over';
      return time < clock - this.latenessMicros ? 'late' : 'joins';
    }
    if (time < clock - this.latenessMicros) return 'starts over';
    if (own === undefined) members.push({ node, run, newest: time });
    else {
      own.run = run;
      own.newest = time;
    }
    if (known === undefined && members.length > 1) {
      this.members.set(slot, members);
      this.bytes += BYTES_PER_SOURCE + members.length * BYTES_PER_RUN;
    } else if (known !== undefined && own === undefined) {
      this.bytes += BYTES_PER_RUN;
    }
    return 'joins';
  }

  forget(slot: number): void {
    const members = this.members.get(slot);
    if (members === undefined) return;
    this.bytes -= BYTES_PER_SOURCE + members.length * BYTES_PER_RUN;
    this.members.delete(slot);
  }
}
