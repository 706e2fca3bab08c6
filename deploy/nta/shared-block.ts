/**
 * Blocks of packets that two threads see: their columns lie in shared memory, so that handing one over costs a copy of
 * the rows in use and no more. What is not in columns (origins, extras, applications) travels in the message, extras as
 * bytes: each has up to four small arrays, and to clone one of those costs more than a packet.
 */

import type { Observation } from '../../schemas/observations/observation.js';
import { AvroReader } from '../../schemas/packets/avro-bytes.js';
import { PacketBlock, type PacketOrigin, type RareParts } from '../../schemas/packets/packet-block.js';
import { putRareParts, RARE_PARTS_BYTES_MAX, readRareParts } from '../../schemas/packets/packet-extra-codec.js';

type Column = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;
export type SharedColumns = Readonly<Record<string, Column>>;

/** What a receiver has to know of a block besides its columns. */
export interface BlockContents {
  readonly count: number;
  readonly ipv6Count: number;
  readonly extraCount: number;
  /** As `putRareParts` writes them, one after the other. */
  readonly extras: Uint8Array;
  readonly applications: Uint8Array;
  readonly origins: readonly PacketOrigin[];
  readonly observations: readonly Observation[];
}

/** Views of the same memory as other columns, for whoever fills a block, which the receiver never does. */
const VIEWS: ReadonlySet<string> = new Set(['macView', 'macWords', 'ipv6View', 'ipv6Words', 'applications']);

type ColumnName = {
  [Name in keyof PacketBlock]: PacketBlock[Name] extends Column ? Name : never;
}[keyof PacketBlock];

const COLUMN_NAMES = Object.entries(new PacketBlock(0)).flatMap(([name, value]) =>
  ArrayBuffer.isView(value) && !VIEWS.has(name) ? [name as ColumnName] : [],
);

/** Each column begins where any kind of number may. */
const ALIGNMENT = 8;

/** Columns of the size of this block's, in one piece of shared memory. */
export function createSharedColumns(block: PacketBlock): SharedColumns {
  const shared: Record<string, Column> = {};
  const starts: number[] = [];
  let bytes = 0;
  for (const name of COLUMN_NAMES) {
    starts.push(bytes);
    bytes += Math.ceil(block[name].byteLength / ALIGNMENT) * ALIGNMENT;
  }
  const memory = new SharedArrayBuffer(bytes);
  for (const [index, name] of COLUMN_NAMES.entries()) {
    const column = block[name];
    const create = column.constructor as new (memory: SharedArrayBuffer, start: number, length: number) => Column;
    shared[name] = new create(memory, starts[index]!, column.length);
  }
  return shared;
}

/** Copies the rows of a block into shared columns of the same capacity. */
export function writeShared(block: PacketBlock, columns: SharedColumns): BlockContents {
  const { count, ipv6Count, extras, origins, observations } = block;
  const applications = new Uint8Array(block.applications.subarray(0, block.applicationsLength));
  for (const name of COLUMN_NAMES) {
    const column = block[name];
    const used = name === 'ipv6' ? ipv6Count * 16 : count * (column.length / block.capacity);
    columns[name]!.set(column.subarray(0, used));
  }
  return {
    count,
    ipv6Count,
    extraCount: extras.length,
    extras: writeExtras(extras),
    applications,
    origins,
    observations,
  };
}

function writeExtras(extras: readonly RareParts[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(extras.length * RARE_PARTS_BYTES_MAX);
  let at = 0;
  for (const parts of extras) at = putRareParts(bytes, at, parts);
  return new Uint8Array(bytes.subarray(0, at));
}

/** The block that lies in shared columns; `readShared` says what is in it. */
export function sharedBlock(columns: SharedColumns): PacketBlock {
  return Object.assign(new PacketBlock(0), columns, { capacity: columns['timestamp']!.length });
}

const reader = new AvroReader();

export function readShared(block: PacketBlock, contents: BlockContents): void {
  const { count, ipv6Count, extraCount, extras, applications, origins, observations } = contents;
  block.reset();
  block.count = count;
  block.ipv6Count = ipv6Count;
  reader.reset(Buffer.from(extras.buffer, extras.byteOffset, extras.length), 0, extras.length);
  for (let extra = 0; extra < extraCount; extra++) block.extras.push(readRareParts(reader));
  block.applications = Buffer.from(applications.buffer, applications.byteOffset, applications.length);
  block.applicationsLength = applications.length;
  block.origins.push(...origins);
  for (const observation of observations) block.observations.push(observation);
}
