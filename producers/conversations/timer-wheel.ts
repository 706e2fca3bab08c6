/**
 * When which conversation is to be looked at next: a wheel of lists, a second of event time each, linked through the
 * records of the conversations themselves. A place is looked at when its second is over; whether it is due by then is told by
 * what happened meanwhile, so that a packet costs the wheel nothing.
 */
import { LAST, RECORD_DOUBLES, RECORD_WORDS, TIMER_NEXT, TIMER_PREVIOUS, TIMER_SLOT } from './conversation-record.js';

const SECOND = 1_000_000;
/** Longer than any timeout, and a power of two. */
const SECONDS = 1024;
const NONE = -1;

export class TimerWheel {
  private readonly heads = new Int32Array(SECONDS).fill(NONE);
  /** The newest second that is over. */
  private second = 0;

  /** @param words the records of all places */
  constructor(private readonly words: Int32Array) {}

  /** Begins anew at a time, µs; places stay in their lists and are looked at when these come round. */
  restart(now: number): void {
    this.second = Math.floor(now / SECOND) - 1;
  }

  /** Enters a place that is in no list. */
  add(place: number, due: number): void {
    const earliest = this.second + 1;
    const wanted = Math.ceil(due / SECOND);
    const slot = Math.min(Math.max(wanted, earliest), earliest + SECONDS - 1) & (SECONDS - 1);
    const { words, heads } = this;
    const record = place * RECORD_WORDS;
    const next = heads[slot]!;
    words[record + TIMER_SLOT] = slot;
    words[record + TIMER_PREVIOUS] = NONE;
    words[record + TIMER_NEXT] = next;
    if (next !== NONE) words[next * RECORD_WORDS + TIMER_PREVIOUS] = place;
    heads[slot] = place;
  }

  /** Takes a place out of its list. */
  remove(place: number): void {
    const { words } = this;
    const record = place * RECORD_WORDS;
    const next = words[record + TIMER_NEXT]!;
    const previous = words[record + TIMER_PREVIOUS]!;
    if (next !== NONE) words[next * RECORD_WORDS + TIMER_PREVIOUS] = previous;
    if (previous !== NONE) words[previous * RECORD_WORDS + TIMER_NEXT] = next;
    else this.heads[words[record + TIMER_SLOT]!] = next;
  }

  /** Hands over the places of all seconds that are over by `now`, each in no list any more. */
  advance(now: number, look: (place: number) => void): void {
    const until = Math.floor(now / SECOND);
    if (until - this.second > SECONDS) this.second = until - SECONDS;
    while (this.second < until) {
      this.second++;
      const slot = this.second & (SECONDS - 1);
      let place = this.heads[slot]!;
      this.heads[slot] = NONE;
      while (place !== NONE) {
        // What is looked at may enter another list at once.
        const next = this.words[place * RECORD_WORDS + TIMER_NEXT]!;
        look(place);
        place = next;
      }
    }
  }

  /** All places, those silent for longest first; none is in a list any more. */
  takeAll(doubles: Float64Array): number[] {
    const places: number[] = [];
    for (let slot = 0; slot < SECONDS; slot++) {
      for (let place = this.heads[slot]!; place !== NONE; place = this.words[place * RECORD_WORDS + TIMER_NEXT]!) {
        places.push(place);
      }
      this.heads[slot] = NONE;
    }
    const lastOf = (place: number): number => doubles[place * RECORD_DOUBLES + LAST]!;
    return places.sort((one, other) => lastOf(one) - lastOf(other) || one - other);
  }
}
