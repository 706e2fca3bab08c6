/** A list by pages: newer ones on a click, why there is nothing, and the end, where older ones come. */
import type { ComponentChildren } from 'preact';
import { isRefused } from '../data/api.js';
import { type Range, rangeWords } from '../data/scope.js';
import type { Pages } from '../data/use-pages.js';
import { formatInteger } from '../words/numbers.js';
import type { Searched } from '../words/search-fields.js';
import { useAllDataLink } from './links.js';
import { Older } from './older.js';
import { Empty, Loading, SearchProblem } from './states.js';

/** "200+ in the last hour, newest first"; false while it is not known. */
export const listed = ({ isLoaded, rows, next }: Pages<unknown>, range: Range, order: string): string | false =>
  isLoaded && `${formatInteger(rows.length)}${next === null ? '' : '+'} ${rangeWords(range)}${order}`;

export function PagedList({
  pages,
  what,
  searched,
  none,
  onNewer,
  children,
}: {
  readonly pages: Pages<unknown>;
  /** As its page is called. */
  readonly what: string;
  /** The list whose fields its search takes. */
  readonly searched: Searched;
  /** Said where it is empty. */
  readonly none: string;
  readonly onNewer?: () => void;
  readonly children: ComponentChildren;
}) {
  const { rows, problem } = pages;
  const allData = useAllDataLink(`/${what}`);
  return (
    <>
      {pages.hasNewer && (
        <p class="waiting">
          <button
            type="button"
            class="primary"
            onClick={() => {
              onNewer?.();
              scrollTo({ top: 0 });
              pages.reload();
            }}
          >
            Show newer {what}
          </button>
        </p>
      )}
      {problem !== null && (isRefused(problem) || rows.length === 0) ? (
        <SearchProblem problem={problem} list={searched} onRetry={pages.reload} />
      ) : !pages.isLoaded ? (
        <Loading what={what} />
      ) : rows.length === 0 ? (
        <Empty title={none}>{allData}</Empty>
      ) : (
        <>
          {children}
          <Older what={what} count={rows.length} next={pages.next} onMore={pages.loadOlder} />
        </>
      )}
    </>
  );
}
