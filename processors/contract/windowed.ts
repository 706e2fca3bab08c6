/**
 * State of watchers that forgets by itself: each class depends on nothing but what was added within the last window, and
 * is bounded. Times in µs; what comes late by less than the window still counts.
 */

/** What sets begin with, and never write to: many keys have several sets of which they use one, and a map of its own takes 200 bytes. */
const NOTHING_SEEN = new Map<never, number>();

/** Distinct values within the window, at most `most` of them; beyond, the one seen longest ago goes. */
export class WindowedSet<V extends string | number = string | number> {
  private lastSeen: Map<V, number> = NOTHING_SEEN;
  private newest = Number.NEGATIVE_INFINITY;
  /** When the first in order was seen, or −∞ where that is not known: most of the time nothing is to be forgotten. */
  private first = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly windowMicros: number,
    private readonly most: number,
  ) {}

  get size(): number {
    return this.lastSeen.size;
  }

  /** Adds a value and gives how many distinct ones the window holds. */
  add(time: number, value: V): number {
    if (time < this.newest - this.windowMicros) return this.lastSeen.size;
    const last = this.lastSeen.get(value);
    if (last === undefined || time > last) {
      if (last !== undefined) this.remove(value, last);
      if (this.lastSeen.size === 0) this.first = time;
      if (this.lastSeen === NOTHING_SEEN) this.lastSeen = new Map();
      this.lastSeen.set(value, time);
    }
    this.advance(time);
    return this.lastSeen.size;
  }

  has(value: V): boolean {
    return this.lastSeen.has(value);
  }

  delete(value: V): void {
    const last = this.lastSeen.get(value);
    if (last !== undefined) this.remove(value, last);
  }

  private remove(value: V, last: number): void {
    if (last === this.first) this.first = Number.NEGATIVE_INFINITY;
    this.lastSeen.delete(value);
  }

  /** Forgets what is older than a window before `time`. The order of insertion is that of time but for what came late. */
  advance(time: number): number {
    if (time > this.newest) this.newest = time;
    const oldest = this.newest - this.windowMicros;
    const { lastSeen, most } = this;
    if (lastSeen.size <= most && (this.first >= oldest || lastSeen.size === 0)) return lastSeen.size;
    for (const [value, seen] of lastSeen) {
      this.first = seen;
      if (seen >= oldest && lastSeen.size <= most) break;
      lastSeen.delete(value);
    }
    return lastSeen.size;
  }

  values(): IterableIterator<V> {
    return this.lastSeen.keys();
  }

  /** For `save` and `load` of durable detectors. */
  entries(): (readonly [V, number])[] {
    return [...this.lastSeen];
  }

  restore(entries: readonly (readonly [V, number])[]): this {
    for (const [value, time] of entries) this.add(time, value);
    return this;
  }
}

const SLICES = 60;

/** The number of a slice modulo theirs: V8 has no instruction for `%` of numbers beyond 32 bits. */
function placeOf(slice: number): number {
  return slice - SLICES * Math.floor(slice / SLICES);
}

/** Of a sum that lies in its newest slice alone: most keys are heard of once. */
const ONE_SLICE = new Float64Array(0);

/** A sum over the window, cut into sixtieths: never overstated by more than what one sixtieth holds. */
export class WindowedSum {
  /** By the number of the slice modulo theirs; those of before the window are 0. */
  private slices = ONE_SLICE;
  private newest = Number.NEGATIVE_INFINITY;
  private total = 0;

  constructor(private readonly windowMicros: number) {}

  /** Adds an amount and gives the sum of the window. */
  add(time: number, amount: number): number {
    const slice = Math.floor((time * SLICES) / this.windowMicros);
    if (slice > this.newest) this.advance(slice);
    if (amount !== 0 && slice > this.newest - SLICES) {
      if (slice < this.newest && this.slices === ONE_SLICE) this.spread();
      if (this.slices !== ONE_SLICE) this.slices[placeOf(slice)]! += amount;
      this.total += amount;
    }
    return this.total;
  }

  get sum(): number {
    return this.total;
  }

  entries(): (readonly [number, number])[] {
    const entries: [number, number][] = [];
    if (this.total === 0) return entries;
    if (this.slices === ONE_SLICE) return [[this.newest, this.total]];
    for (let slice = this.newest - SLICES + 1; slice <= this.newest; slice++) {
      const amount = this.slices[slice % SLICES]!;
      if (amount !== 0) entries.push([slice, amount]);
    }
    return entries;
  }

  restore(entries: readonly (readonly [number, number])[]): this {
    for (const [slice, amount] of entries) this.add(((slice + 0.5) * this.windowMicros) / SLICES, amount);
    return this;
  }

  /** Gives the newest slice its place among others. */
  private spread(): void {
    this.slices = new Float64Array(SLICES);
    this.slices[placeOf(this.newest)] = this.total;
  }

  private advance(slice: number): void {
    if (this.slices === ONE_SLICE) {
      if (slice >= this.newest + SLICES) this.total = 0;
      else if (this.total !== 0) this.spread();
    }
    const from = Math.max(this.newest + 1, slice - SLICES + 1);
    if (this.total !== 0) {
      const { slices } = this;
      let place = placeOf(from);
      for (let old = from; old <= slice; old++) {
        this.total -= slices[place]!;
        slices[place] = 0;
        if (++place === SLICES) place = 0;
      }
    }
    this.newest = slice;
  }
}
