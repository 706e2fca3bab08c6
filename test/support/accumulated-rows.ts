/** All rows of a block into an accumulator, as the intake gives them: some at a time. */
import { type RecordAccumulator, ROWS_MAX } from '../../producers/publisher/record-accumulator.js';
import { ADDRESS_NONE, type PacketBlock } from '../../schemas/packets/packet-block.js';

/** Adds the rows that have a source. The accumulator has room for them. @param directionOf of a row's conversation; none by default */
export function addRows(
  accumulator: RecordAccumulator,
  block: PacketBlock,
  directionOf?: (row: number) => number,
): void {
  let from = 0;
  for (let row = 0; row <= block.count; row++) {
    const isLeftOut = row === block.count || block.sourceKind[row] === ADDRESS_NONE;
    if (!isLeftOut && row - from < ROWS_MAX) continue;
    if (row > from) {
      const rows = Array.from({ length: row - from }, (_, index) => from + index);
      accumulator.add(from, row, directionOf === undefined ? null : Int32Array.from(rows, directionOf));
    }
    from = isLeftOut ? row + 1 : row;
  }
}
