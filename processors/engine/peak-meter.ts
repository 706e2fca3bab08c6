/**
 * How much a window held at most while an episode was open, beyond what the bounded window itself can tell. Time is cut
 * into sixtieths of the window and the newest sixty of them are added up, so the peak is never overstated, and
 * understated by a sixtieth at an even rate.
 */
const SLICES = 60;

/** The sum of the newest sixty slices. */
class Slices {
  readonly counts = new Uint32Array(SLICES);
  newest = Number.NEGATIVE_INFINITY;
  sum = 0;

  moveTo(slice: number): void {
    if (slice <= this.newest) return;
    const steps = Math.min(SLICES, slice - this.newest);
    for (let i = 0; i < steps; i++) {
      const at = (slice - i) % SLICES;
      this.sum -= this.counts[at]!;
      this.counts[at] = 0;
    }
    this.newest = slice;
  }

  clear(): void {
    this.counts.fill(0);
    this.newest = Number.NEGATIVE_INFINITY;
    this.sum = 0;
  }

  holds(slice: number): boolean {
    return slice > this.newest - SLICES;
  }

  add(slice: number, count: number): void {
    this.counts[slice % SLICES]! += count;
    this.sum += count;
  }
}

export class PacketMeter {
  private readonly slices = new Slices();

  private readonly sliceMicros: number;

  constructor(windowMicros: number) {
    this.sliceMicros = windowMicros / SLICES;
  }

  /** Counts packets and gives how many the window holds now. */
  add(time: number, packets: number): number {
    const slice = Math.floor(time / this.sliceMicros);
    this.slices.moveTo(slice);
    if (this.slices.holds(slice)) this.slices.add(slice, packets);
    return this.slices.sum;
  }

  clear(): void {
    this.slices.clear();
  }
}

/** Distinct values, at most `limit` of them, in all and in the window. */
export class ValueMeter {
  /** The slice in which each value was last seen. */
  private readonly lastSlice = new Map<number, number>();
  private readonly slices = new Slices();

  private readonly sliceMicros: number;

  constructor(
    windowMicros: number,
    private readonly limit: number,
  ) {
    this.sliceMicros = windowMicros / SLICES;
  }

  get distinct(): number {
    return this.lastSlice.size;
  }

  values(): IterableIterator<number> {
    return this.lastSlice.keys();
  }

  has(value: number): boolean {
    return this.lastSlice.has(value);
  }

  /** A value of a snapshot; when it was last seen is for the rebuild to say. */
  restore(value: number): void {
    this.lastSlice.set(value, Number.NEGATIVE_INFINITY);
  }

  /** Empties the window; the values stay known. */
  clear(): void {
    this.slices.clear();
    for (const value of this.lastSlice.keys()) this.restore(value);
  }

  /** Counts a value and gives how many distinct ones the window holds now. */
  add(time: number, value: number): number {
    const slice = Math.floor(time / this.sliceMicros);
    this.slices.moveTo(slice);
    const last = this.lastSlice.get(value);
    if (last === undefined && this.lastSlice.size >= this.limit) return this.slices.sum;
    if (last !== undefined) {
      if (last >= slice) return this.slices.sum;
      if (this.slices.holds(last)) this.slices.add(last, -1);
    }
    this.lastSlice.set(value, slice);
    if (this.slices.holds(slice)) this.slices.add(slice, 1);
    return this.slices.sum;
  }
}
