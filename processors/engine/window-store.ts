/**
 * Sliding windows with state bounded by the threshold. A window is a list of sightings in order of time, its cells taken
 * from one pool for all keys, so that nothing fragments and eviction frees exactly what it takes.
 *
 * Exact, with a threshold of N, a length W and disorder up to L (here L ≤ W; see `windowShape` for the rest):
 * counting needs the 2 N newest sightings. While no window is full, any W holds fewer than N, so W + L hold fewer than
 * 2 N; once one is full, only the newest N decide whether it stays so.
 * Telling values apart needs of each value only those sightings whose neighbours of the same value are more than W apart:
 * any window of length W that holds another one also holds a neighbour of it. That leaves a handful a value, of the 2 N
 * most recently seen values.
 */

import type { AddressPool } from './address-pool.js';
import { grown, nextCapacity, reservedFor } from './growth.js';
import type { StateBudget, WindowShape } from './window-shape.js';

export const NONE = -1;
/** Kinds of `cellTarget`: none, an IPv4 address, an entry of the address pool. */
export const TARGET_NONE = 0;
export const TARGET_IPV4 = 1;
export const TARGET_IPV6 = 2;

const NODE_MASK = 0xffff;
const TARGET_SHIFT = 16;
/** The cell counts: always when packets are counted, the newest sighting of its value when values are. */
const COUNTS = 1 << 20;

const BYTES_PER_CELL = 36;
const BYTES_PER_WINDOW = 36;

const CAPACITY_AT_FIRST = 1024;

/**
 * Columns are replaced as the store grows, so they begin with nothing and grow at once, and what is free is set twice as
 * well: V8 takes a field that was set once for a constant, and compiles all that counts packets anew when it changes.
 */
export class WindowStore {
  windowCount = 0;
  /** Rule in the upper 16 bits, part (a destination port, or 0) in the lower. */
  key = new Uint32Array(0);
  /** Slot of its key in the key table; NONE of a free window. */
  slot = new Int32Array(0);
  /** Next window of the same key. */
  next = new Int32Array(0);
  /** 1 while an episode of this window is open. */
  open = new Uint8Array(0);
  private head = new Int32Array(0);
  tail = new Int32Array(0);
  /** The oldest cell inside [newest − W, newest]. */
  private edge = new Int32Array(0);
  /** Cells that count, from `edge` on and in all. */
  private held = new Int32Array(0);
  private counting = new Int32Array(0);
  private windowCapacity = 0;
  private windowReserved = 0;
  private windowsUsed = 0;
  private freeWindow = NONE;

  cellTime = new Float64Array(0);
  cellValue = new Float64Array(0);
  cellTarget = new Uint32Array(0);
  cellTag = new Uint32Array(0);
  /** Sightings that this cell stands for. */
  private cellSightings = new Uint32Array(0);
  cellNext = new Int32Array(0);
  cellBefore = new Int32Array(0);
  private cellCapacity = 0;
  private cellReserved = 0;
  private cellsUsed = 0;
  private freeCell = NONE;

  /** Results of `findFull`: the earliest and the latest end of a full window; NaN when there is none. */
  earliestFull = Number.NaN;
  latestFull = Number.NaN;

  constructor(
    private readonly budget: StateBudget,
    private readonly addresses: AddressPool,
  ) {
    this.growWindows(CAPACITY_AT_FIRST);
    this.growCells(CAPACITY_AT_FIRST);
    this.freeWindow = NONE;
    this.freeCell = NONE;
  }

  get bytes(): number {
    return this.windowCapacity * BYTES_PER_WINDOW + this.cellCapacity * BYTES_PER_CELL;
  }

  /** The window of a key in the list that starts at `first`, or `NONE`. */
  find(first: number, key: number): number {
    let window = first;
    while (window !== NONE && this.key[window] !== key) window = this.next[window]!;
    return window;
  }

  /** An empty window; the caller links it into its key's list. */
  create(slot: number, key: number): number {
    while (this.freeWindow === NONE && this.windowsUsed === this.windowCapacity) {
      const capacity = nextCapacity(this.windowCapacity);
      if (this.budget.mayGrow((capacity - this.windowCapacity) * BYTES_PER_WINDOW) || !this.budget.evict()) {
        this.growWindows(capacity);
      }
    }
    let window = this.freeWindow;
    if (window === NONE) window = this.windowsUsed++;
    else this.freeWindow = this.next[window]!;
    this.key[window] = key;
    this.slot[window] = slot;
    this.next[window] = NONE;
    this.open[window] = 0;
    this.clear(window);
    this.windowCount++;
    return window;
  }

  /** Frees the window and its cells; the caller has unlinked it. */
  remove(window: number): void {
    this.empty(window);
    this.slot[window] = NONE;
    this.next[window] = this.freeWindow;
    this.freeWindow = window;
    this.windowCount--;
  }

  /** Forgets the sightings of a window. */
  empty(window: number): void {
    let cell = this.head[window]!;
    while (cell !== NONE) {
      const next = this.cellNext[cell]!;
      this.release(cell);
      cell = next;
    }
    this.clear(window);
  }

  /** Windows below this have been used; those without a key are free. */
  get windowSlots(): number {
    return this.windowsUsed;
  }

  /** Cells that count within [newest − W, newest]. */
  heldBy(window: number): number {
    return this.held[window]!;
  }

  /** Whether a sighting at this time would be the newest. */
  isNewest(window: number, time: number): boolean {
    const tail = this.tail[window]!;
    return tail === NONE || time >= this.cellTime[tail]!;
  }

  /** Takes in a sighting that is not late. */
  add(
    window: number,
    shape: WindowShape,
    time: number,
    value: number,
    target: number,
    targetKind: number,
    node: number,
    sightings = 1,
  ): void {
    // first, because it may evict other keys, and so that nothing below does
    const cell = this.takeCell();
    this.cellTime[cell] = time;
    this.cellValue[cell] = value;
    this.cellTarget[cell] = target;
    this.cellTag[cell] = node | (targetKind << TARGET_SHIFT);
    this.cellSightings[cell] = sightings;
    const tail = this.tail[window]!;
    const newest = tail === NONE || time > this.cellTime[tail]! ? time : this.cellTime[tail]!;
    const from = newest - shape.window;
    this.moveEdge(window, from);
    if (!shape.distinct) this.insert(window, cell, from, true);
    else this.addValue(window, cell, from, shape.window);
    this.prune(window, from - shape.lateness, from, shape.most);
  }

  /** Finds the full windows that end at `from` or later, after a sighting at `from` that was not the newest. */
  findFull(window: number, shape: WindowShape, from: number): void {
    this.earliestFull = Number.NaN;
    this.latestFull = Number.NaN;
    const counts = new Map<number, number>();
    let held = 0;
    let left = this.head[window]!;
    for (let right = left; right !== NONE; right = this.cellNext[right]!) {
      const time = this.cellTime[right]!;
      while (this.cellTime[left]! < time - shape.window) {
        held -= shape.distinct ? this.forget(counts, left) : 1;
        left = this.cellNext[left]!;
      }
      if (shape.distinct) {
        const value = this.cellValue[right]!;
        const seen = counts.get(value) ?? 0;
        counts.set(value, seen + 1);
        if (seen === 0) held++;
      } else {
        held++;
      }
      const next = this.cellNext[right]!;
      if (next !== NONE && this.cellTime[next] === time) continue; // the window's end takes all of its instant
      if (time >= from && held >= shape.threshold) {
        if (Number.isNaN(this.earliestFull)) this.earliestFull = time;
        this.latestFull = time;
      }
    }
  }

  /**
   * Calls back for each sighting at `from` or later, oldest first; with `newestOnly` for the newest of each value alone.
   * The others are kept only as far as full windows need them, which depends on where the sightings began.
   */
  forEach(
    window: number,
    from: number,
    newestOnly: boolean,
    visit: (time: number, value: number, target: number, targetKind: number, node: number, sightings: number) => void,
  ): void {
    for (let cell = this.head[window]!; cell !== NONE; cell = this.cellNext[cell]!) {
      if (this.cellTime[cell]! < from) continue;
      const tag = this.cellTag[cell]!;
      if (newestOnly && (tag & COUNTS) === 0) continue;
      visit(
        this.cellTime[cell]!,
        this.cellValue[cell]!,
        this.cellTarget[cell]!,
        (tag >>> TARGET_SHIFT) & 3,
        tag & NODE_MASK,
        newestOnly ? 1 : this.cellSightings[cell]!,
      );
    }
  }

  private forget(counts: Map<number, number>, cell: number): number {
    const value = this.cellValue[cell]!;
    const left = counts.get(value)! - 1;
    counts.set(value, left);
    return left === 0 ? 1 : 0;
  }

  private clear(window: number): void {
    this.head[window] = NONE;
    this.tail[window] = NONE;
    this.edge[window] = NONE;
    this.held[window] = 0;
    this.counting[window] = 0;
  }

  /** Lets cells older than `from` fall out of the window's newest position. */
  private moveEdge(window: number, from: number): void {
    let edge = this.edge[window]!;
    let held = this.held[window]!;
    while (edge !== NONE && this.cellTime[edge]! < from) {
      if ((this.cellTag[edge]! & COUNTS) !== 0) held--;
      edge = this.cellNext[edge]!;
    }
    this.edge[window] = edge;
    this.held[window] = held;
  }

  /** Links a cell in by its time, behind those of the same time. */
  private insert(window: number, cell: number, from: number, counts: boolean): void {
    const time = this.cellTime[cell]!;
    let before = this.tail[window]!;
    while (before !== NONE && this.cellTime[before]! > time) before = this.cellBefore[before]!;
    const next = before === NONE ? this.head[window]! : this.cellNext[before]!;
    this.cellBefore[cell] = before;
    this.cellNext[cell] = next;
    if (before === NONE) this.head[window] = cell;
    else this.cellNext[before] = cell;
    if (next === NONE) this.tail[window] = cell;
    else this.cellBefore[next] = cell;
    if (counts) {
      this.cellTag[cell]! |= COUNTS;
      this.counting[window]!++;
    }
    if (time >= from) {
      if (counts) this.held[window]!++;
      if (this.edge[window] === next) this.edge[window] = cell;
    }
  }

  /** Takes a cell out of the list and frees it. */
  private unlink(window: number, cell: number, from: number): void {
    this.discount(window, cell, from);
    const before = this.cellBefore[cell]!;
    const next = this.cellNext[cell]!;
    if (before === NONE) this.head[window] = next;
    else this.cellNext[before] = next;
    if (next === NONE) this.tail[window] = before;
    else this.cellBefore[next] = before;
    if (this.edge[window] === cell) this.edge[window] = next;
    this.release(cell);
  }

  /** The cell no longer counts. */
  private discount(window: number, cell: number, from: number): void {
    if ((this.cellTag[cell]! & COUNTS) === 0) return;
    this.cellTag[cell]! &= ~COUNTS;
    this.counting[window]!--;
    if (this.cellTime[cell]! >= from) this.held[window]!--;
  }

  private addValue(window: number, cell: number, from: number, length: number): void {
    const time = this.cellTime[cell]!;
    const value = this.cellValue[cell]!;
    // the two sightings of the value on either side: before2 ≤ before1 ≤ time < after1 ≤ after2
    let before1 = NONE;
    let before2 = NONE;
    let after1 = NONE;
    let after2 = NONE;
    for (let other = this.tail[window]!; other !== NONE; other = this.cellBefore[other]!) {
      if (this.cellValue[other] !== value) continue;
      if (this.cellTime[other]! > time) {
        after2 = after1;
        after1 = other;
      } else if (before1 === NONE) {
        before1 = other;
      } else {
        before2 = other;
        break;
      }
    }
    if (before1 !== NONE && after1 !== NONE && this.cellTime[after1]! - this.cellTime[before1]! <= length) {
      this.cellSightings[after1]! += this.cellSightings[cell]!;
      this.release(cell);
      return;
    }
    if (before1 !== NONE && after1 === NONE) this.discount(window, before1, from);
    this.insert(window, cell, from, after1 === NONE);
    if (before2 !== NONE && time - this.cellTime[before2]! <= length) {
      this.cellSightings[cell]! += this.cellSightings[before1]!;
      this.unlink(window, before1, from);
    }
    if (after2 !== NONE && this.cellTime[after2]! - time <= length) {
      this.cellSightings[after2]! += this.cellSightings[after1]!;
      this.unlink(window, after1, from);
    }
  }

  /** Drops what no window can need again: cells before `oldest`, and the oldest beyond `most` that count. */
  private prune(window: number, oldest: number, from: number, most: number): void {
    let head = this.head[window]!;
    while (this.cellTime[head]! < oldest || this.counting[window]! > most) {
      this.unlink(window, head, from);
      head = this.head[window]!;
    }
  }

  private takeCell(): number {
    while (this.freeCell === NONE && this.cellsUsed === this.cellCapacity) {
      const capacity = nextCapacity(this.cellCapacity);
      if (this.budget.mayGrow((capacity - this.cellCapacity) * BYTES_PER_CELL) || !this.budget.evict()) {
        this.growCells(capacity);
      }
    }
    const cell = this.freeCell;
    if (cell === NONE) return this.cellsUsed++;
    this.freeCell = this.cellNext[cell]!;
    return cell;
  }

  private release(cell: number): void {
    if (((this.cellTag[cell]! >>> TARGET_SHIFT) & 3) === TARGET_IPV6) this.addresses.release(this.cellTarget[cell]!);
    this.cellNext[cell] = this.freeCell;
    this.freeCell = cell;
  }

  private growWindows(capacity: number): void {
    this.windowCapacity = capacity;
    if (capacity <= this.windowReserved) return;
    this.windowReserved = reservedFor(capacity);
    this.key = grown(this.key, this.windowReserved);
    this.slot = grown(this.slot, this.windowReserved);
    this.next = grown(this.next, this.windowReserved);
    this.open = grown(this.open, this.windowReserved);
    this.head = grown(this.head, this.windowReserved);
    this.tail = grown(this.tail, this.windowReserved);
    this.edge = grown(this.edge, this.windowReserved);
    this.held = grown(this.held, this.windowReserved);
    this.counting = grown(this.counting, this.windowReserved);
  }

  private growCells(capacity: number): void {
    this.cellCapacity = capacity;
    if (capacity <= this.cellReserved) return;
    this.cellReserved = reservedFor(capacity);
    this.cellTime = grown(this.cellTime, this.cellReserved);
    this.cellValue = grown(this.cellValue, this.cellReserved);
    this.cellTarget = grown(this.cellTarget, this.cellReserved);
    this.cellTag = grown(this.cellTag, this.cellReserved);
    this.cellSightings = grown(this.cellSightings, this.cellReserved);
    this.cellNext = grown(this.cellNext, this.cellReserved);
    this.cellBefore = grown(this.cellBefore, this.cellReserved);
  }
}
