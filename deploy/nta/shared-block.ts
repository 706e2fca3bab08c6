/**
 * Blocks of packets that two threads see: their columns lie in shared memory, so that handing one over costs a copy of
 * the rows in use and no more. What is not in columns (origins, extras, applications) travels in the message.
 */
import { PacketBlock, type PacketOrigin, type RareParts } from '../../schemas/packet-block.js';

type Column = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;
export type SharedColumns = Readonly<Record<string, Column>>;

/** What a receiver has to know of a block besides its columns. */
export interface BlockContents {
  readonly count: number;
  readonly ipv6Count: number;
  readonly extras: readonly RareParts[];
  readonly applications: Uint8Array;
  readonly origins: readonly PacketOrigin[];
}

/** Columns for a block of `capacity` rows, in shared memory. */
export function createSharedColumns(capacity: number): SharedColumns {
  const shared: Record<string, Column> = {};
  for (const [name, column] of columnsOf(new PacketBlock(capacity))) {
    const create = column.constructor as new (memory: SharedArrayBuffer) => Column;
    shared[name] = new create(new SharedArrayBuffer(column.byteLength));
  }
  return shared;
}

/** Copies the rows of a block into shared columns of the same capacity. */
export function writeShared(block: PacketBlock, columns: SharedColumns): BlockContents {
  const { count, ipv6Count, extras, origins } = block;
  const applications = new Uint8Array(block.applications.subarray(0, block.applicationsLength));
  for (const [name, column] of columnsOf(block)) {
    const used = name === 'ipv6' ? ipv6Count * 16 : count * (column.length / block.capacity);
    columns[name]!.set(column.subarray(0, used));
  }
  return { count, ipv6Count, extras, applications, origins };
}

/** The block that lies in shared columns; `readShared` says what is in it. */
export function sharedBlock(columns: SharedColumns): PacketBlock {
  return Object.assign(new PacketBlock(0), columns, { capacity: columns['timestamp']!.length });
}

export function readShared(block: PacketBlock, contents: BlockContents): void {
  const { count, ipv6Count, extras, applications, origins } = contents;
  block.reset();
  block.count = count;
  block.ipv6Count = ipv6Count;
  block.extras.push(...extras);
  block.applications = Buffer.from(applications.buffer, applications.byteOffset, applications.length);
  block.applicationsLength = applications.length;
  block.origins.push(...origins);
}

/** The typed arrays of a block. Its DataViews are for whoever fills it, which the receiver never does. */
function columnsOf(block: PacketBlock): [string, Column][] {
  return Object.entries(block).filter(
    (entry): entry is [string, Column] =>
      ArrayBuffer.isView(entry[1]) && !(entry[1] instanceof DataView) && entry[0] !== 'applications',
  );
}
