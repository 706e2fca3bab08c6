/** What a filter of packets is written in: the columns of a packet, however a statement comes by them. */
import type { SegmentField } from './segment-columns.js';
import type { SqlValues } from './sql-values.js';

export type AddressColumn = 'source' | 'destination' | 'source_mac' | 'destination_mac';
export type PacketColumn = Exclude<SegmentField, AddressColumn>;

/** Beside these a condition may name `origin_id`. */
export interface PacketTerms extends SqlValues {
  column(name: PacketColumn): string;
  /** A number of a packet as `column` has it, or 0 instead of null where that costs less: what is 0 must then not match. */
  columnOrZero(name: PacketColumn): string;
  /** Whether a packet is of an IP protocol. */
  ipProtocolIs(protocol: number): string;
  /** Whether a packet is TCP, and those flags of it that the mask has are these. */
  tcpFlagsAre(mask: number, flags: number): string;
  /** Whether an address of a packet is this one. */
  addressIs(column: AddressColumn, address: string): string;
  /** Whether an address of a packet is such that `test` holds. */
  address(column: AddressColumn, test: (address: string) => string): string;
}
