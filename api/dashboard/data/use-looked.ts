/** Makes of what the address says what is asked of the API: the time where it is left open, and the nodes of a site. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { CaptureNode } from '../../routes/nodes.js';
import type { Api } from './api.js';
import { calls, type Query } from './calls.js';
import { type Range, type Scope, timeQuery } from './scope.js';

const AGAIN_MS = 5_000;

/** The last hour, or all data when that hour has none; null while it is not known. */
function useOpenRange(api: Api, isOpen: boolean): Range | null {
  const [range, setRange] = useState<Range | null>(null);
  useEffect(() => {
    if (!isOpen) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        const stats = await api.call(calls.stats({ hours: 1, buckets: 1, top: 1 }), controller.signal);
        setRange(stats.series.length === 0 && stats.data_from !== null ? { kind: 'all' } : { kind: 'auto' });
        // Nothing is stored yet: what comes first may be of long ago.
        if (stats.data_from === null) timer = setTimeout(look, AGAIN_MS);
      } catch {
        if (controller.signal.aborted) return;
        // The page's own calls say what is wrong.
        setRange((before) => before ?? { kind: 'auto' });
        timer = setTimeout(look, AGAIN_MS);
      }
    };
    void look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [api, isOpen]);
  return range;
}

/** Kept where nothing changes, so that what depends on it is not asked for again. */
export function useLooked(
  api: Api,
  scope: Scope,
  nodes: readonly CaptureNode[] | null,
): { scope: Scope; looked: Query | null } {
  const open = useOpenRange(api, scope.range.kind === 'auto');
  const range = scope.range.kind === 'auto' ? open : scope.range;
  const siteNodes = useMemo(() => {
    if (scope.site === '') return '';
    if (nodes === null) return null;
    const names = nodes.filter(({ site }) => site === scope.site).map(({ capture_node: name }) => name);
    return names.length > 0 ? names.join(',') : `(no node of site ${scope.site})`;
  }, [scope.site, nodes]);
  const key = JSON.stringify([scope, range, siteNodes]);
  // The key has all that this depends on.
  return useMemo(() => {
    const effective = { ...scope, range: range ?? scope.range };
    if (range === null || siteNodes === null) return { scope: effective, looked: null };
    const captureNode = scope.node === '' ? siteNodes : scope.node;
    return {
      scope: effective,
      looked: { ...timeQuery(range), ...(captureNode === '' ? {} : { capture_node: captureNode }) },
    };
  }, [key]);
}
