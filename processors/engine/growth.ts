/** Typed arrays that grow: a pool's columns are replaced by longer copies, one column at a time. */
export type Column = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** A copy with room for `capacity` entries; new ones are zero. */
export function grown<C extends Column>(column: C, capacity: number): C {
  const longer = new (column.constructor as new (length: number) => C)(capacity);
  longer.set(column as never);
  return longer;
}

/** Pools of so many entries reserve memory for several times as many. */
const RESERVES_FROM = 16_384;
const RESERVED = 4;

/**
 * For how many entries the columns of a pool are made that may have so many: what nobody has written to takes no memory, and to
 * copy columns again and again was a fifth of what a flood of new keys took.
 */
export function reservedFor(capacity: number): number {
  return capacity < RESERVES_FROM ? capacity : RESERVED * capacity;
}

/** Entries beyond which a pool grows in smaller steps, so that a budget is used to its end. */
const LARGE = 500_000;

/** The next capacity of a pool: twice what it was, so that copying stays rare, and a fifth more of large ones. */
export function nextCapacity(capacity: number): number {
  return Math.max(1024, Math.ceil(capacity * (capacity < LARGE ? 2 : 1.2)));
}
