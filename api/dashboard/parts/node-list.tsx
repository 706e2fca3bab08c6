/** Capture nodes in short. */
import type { CaptureNode } from '../../routes/nodes.js';
import { useWorkplace } from '../data/workplace.js';
import { lossOf, statusOf } from '../words/nodes.js';
import { formatBitRate, formatCount } from '../words/numbers.js';
import { Empty } from './states.js';

export function NodeList({ nodes }: { readonly nodes: readonly CaptureNode[] }) {
  const { address } = useWorkplace();
  if (nodes.length === 0)
    return (
      <Empty title="No capture node has reported yet.">
        Start one with <code>nta capture</code>.
      </Empty>
    );
  return (
    <ul class="node-list" id="nodes">
      {nodes.slice(0, 12).map((node) => {
        const { capture_node: name, state, site } = node;
        const lost = lossOf(node);
        return (
          <li key={name}>
            <span class="state" data-state={state}>
              {state}
            </span>
            <a href={address.href('/nodes')}>{name}</a>
            {site && <span class="muted">{site}</span>}
            <span class="rate">{formatBitRate(statusOf(node).bits_per_second ?? 0)}</span>
            {lost > 0 && <span class="lost">{formatCount(lost)} lost</span>}
          </li>
        );
      })}
      {nodes.length > 12 && (
        <li>
          <a href={address.href('/nodes')}>{nodes.length - 12} more</a>
        </li>
      )}
    </ul>
  );
}
