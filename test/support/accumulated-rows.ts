/** All rows of a block into an accumulator, as the intake gives them: some at a time. */
import { type RecordAccumulator, ROWS_MAX } from '../../producers/publisher/record-accumulator.js';
import { ADDRESS_NONE, type PacketBlock } from '../../schemas/packets/packet-block.js';

/** Adds the rows that have a source. The accumulator has room for them. */
export function addRows(accumulator: RecordAccumulator, block: PacketBlock): void {
  let from = 0;
  for (let row = 0; row <= block.count; row++) {
    const isLeftOut = row === block.count || block.sourceKind[row] === ADDRESS_NONE;
    if (!isLeftOut && row - from < ROWS_MAX) continue;
    if (row > from) accumulator.add(from, row);
    from = isLeftOut ? row + 1 : row;
  }
}
