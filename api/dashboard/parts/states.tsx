/** Where there is nothing to show: because it is not there yet, because there is none, because something is wrong. Each says what to do. */
import type { ComponentChildren } from 'preact';
import type { Answer } from '../data/answer.js';
import { type ApiError, isRefused } from '../data/api.js';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { foreignField, type Searched } from '../words/search-fields.js';

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

const capital = (word: string): string => word.replace(/^./, (letter) => letter.toUpperCase());

/** Why a list does not answer. A search for what only other lists know is no mistake: these are named instead. */
export function SearchProblem({
  problem,
  list,
  onRetry,
}: {
  readonly problem: ApiError;
  readonly list: Searched;
  readonly onRetry: () => void;
}) {
  const { scope, address } = useWorkplace();
  const { data: fields } = useAnswer(calls.fields(), null);
  const foreign = fields && foreignField(scope.search, problem.errors, fields, list);
  if (!fields || !foreign) return <Problem problem={problem} onRetry={onRetry} />;
  return (
    <Empty title={`${capital(list)} have no “${foreign.word}”, so that this search does not find any.`}>
      Look at{' '}
      {foreign.known.map((other, index) => (
        <span key={other}>
          {index > 0 && ' or '}
          <a href={address.href(`/${other}`)}>{other}</a>
        </span>
      ))}
      , or search {list} by {fields[list].map(({ name }) => name).join(', ')}.
    </Empty>
  );
}

/** What was answered, once it is; an old answer stays, greyed, while a new one is on its way. */
export function Answered<T>({
  answer,
  what,
  list,
  children,
}: {
  readonly answer: Answer<T>;
  readonly what: string;
  /** Where the search of the page is asked: whose fields it needs. */
  readonly list?: Searched;
  readonly children: (data: T) => ComponentChildren;
}) {
  const { data, problem, isStale, reload } = answer;
  // One that is away is told at the top; here what was there stays.
  const isShown = problem !== null && (data === null || isRefused(problem) || problem.code === 'QUERY_TIMEOUT');
  if (isShown && list !== undefined) return <SearchProblem problem={problem} list={list} onRetry={reload} />;
  if (isShown) return <Problem problem={problem} onRetry={reload} />;
  if (data === null) return <Loading what={what} />;
  return (
    <div class="answered" aria-busy={isStale}>
      {children(data)}
    </div>
  );
}
