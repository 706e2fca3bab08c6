/** Where there is nothing to show: because it is not there yet, because there is none, because something is wrong. Each says what to do. */
import type { ComponentChildren } from 'preact';
import { type ApiError, isRefused } from '../data/api.js';
import type { Answer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what}…
    </p>
  );
}

/** A refused search with what is wrong in it marked. */
function MarkedSearch({ at, length }: { readonly at: number; readonly length: number }) {
  const { scope } = useWorkplace();
  const end = Math.max(at + length, at + 1);
  return (
    <code class="marked-search">
      {scope.search.slice(0, at)}
      <mark>{scope.search.slice(at, end) || ' '}</mark>
      {scope.search.slice(end)}
    </code>
  );
}

export function Problem({ problem, onRetry }: { readonly problem: ApiError; readonly onRetry?: () => void }) {
  const search = problem.errors.find(({ input, at }) => input.endsWith('q') && at !== undefined);
  return (
    <div class="problem" role="alert">
      {search?.at !== undefined && <MarkedSearch at={search.at} length={search.length ?? 1} />}
      <p>{search === undefined ? problem.message : search.reason.replace(/^at character \d+: /, '')}</p>
      {onRetry && search === undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What was answered, once it is; an old answer stays, greyed, while a new one is on its way. */
export function Answered<T>({
  answer,
  what,
  children,
}: {
  readonly answer: Answer<T>;
  readonly what: string;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, problem, isStale, reload } = answer;
  // One that is away is told at the top; here what was there stays.
  const isShown = problem !== null && (data === null || isRefused(problem) || problem.code === 'QUERY_TIMEOUT');
  if (isShown) return <Problem problem={problem} onRetry={reload} />;
  if (data === null) return <Loading what={what} />;
  return (
    <div class="answered" aria-busy={isStale}>
      {children(data)}
    </div>
  );
}
