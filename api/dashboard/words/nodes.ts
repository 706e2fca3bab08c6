/** The balance of a capture node in words: what it saw is what it published and what it dropped, by cause. */

import type { CaptureNodeStatus } from '../../../schemas/nodes/capture-node.js';
import type { CaptureNode } from '../../routes/nodes.js';

/** The heartbeat; an older node may leave parts of it out. */
export const statusOf = ({ status }: CaptureNode): Partial<CaptureNodeStatus> => status as Partial<CaptureNodeStatus>;

export const CAUSES: Readonly<Record<string, { readonly meaning: string; readonly isLoss: boolean }>> = {
  kernel_dropped: { meaning: 'Lost: the kernel’s buffer was full', isLoss: true },
  spool_dropped: { meaning: 'Lost: Kafka was away for longer than the spool could hold', isLoss: true },
  refused: { meaning: 'Lost: Kafka refused the record', isLoss: true },
  decode_failed: { meaning: 'No packet could be made of the frame', isLoss: false },
  duplicate: { meaning: 'Seen by another node already (--dedupe-window)', isLoss: false },
  filtered: { meaning: 'Left out by --packet-filter', isLoss: false },
  sampled_out: { meaning: 'Left out by --sample or --sample-flows', isLoss: false },
};

/** Packets lost against anyone's will, since the node started. */
export function lossOf(node: CaptureNode): number {
  return Object.entries(statusOf(node).dropped ?? {}).reduce(
    (sum, [cause, count]) => sum + (CAUSES[cause]?.isLoss ? count : 0),
    0,
  );
}
