/** The end of a list: what is older comes when one gets there. */
import { useEffect, useRef } from 'preact/hooks';
import { ROWS_MAX } from '../data/use-pages.js';
import { formatInteger } from '../words/numbers.js';

const AHEAD_PX = '600px';

export function Older({
  what,
  count,
  next,
  onMore,
}: {
  readonly what: string;
  readonly count: number;
  readonly next: string | null;
  readonly onMore: () => void;
}) {
  const end = useRef<HTMLParagraphElement>(null);
  const more = useRef(onMore);
  more.current = onMore;
  const isMore = next !== null && count < ROWS_MAX;
  useEffect(() => {
    const mark = end.current;
    // Before the first scrolling a page is enough.
    if (mark === null || !isMore) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting && scrollY > 0) more.current();
      },
      { rootMargin: AHEAD_PX },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [isMore, next]);
  return (
    <p class="more" ref={end}>
      {isMore && (
        <button type="button" onClick={onMore}>
          Show older {what}
        </button>
      )}
      {next !== null &&
        !isMore &&
        `Only ${formatInteger(ROWS_MAX)} are listed; narrow the time or the search, or take them all as a file.`}
      {next === null && count > 0 && <span class="hint">These are all {formatInteger(count)}.</span>}
    </p>
  );
}
