/** A list by pages, newest first: what is older is loaded when it is wanted. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, isRefused } from './api.js';
import type { Call } from './calls.js';
import { refreshEvery } from './scope.js';
import { useWorkplace } from './workplace.js';

export interface Pages<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
  readonly problem: ApiError | null;
  readonly isLoaded: boolean;
  readonly isLoading: boolean;
  /** Whether newer ones came that are not shown, because someone reads further down. */
  readonly hasNewer: boolean;
  readonly loadOlder: () => void;
  readonly reload: () => void;
}

interface State<Row> {
  readonly key: string;
  readonly rows: readonly Row[];
  readonly next: string | null;
  readonly problem: ApiError | null;
  readonly isLoading: boolean;
  readonly hasNewer: boolean;
}

export interface PageOf<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

/** Rows that are kept; further down a search leads further than a longer list. */
export const ROWS_MAX = 20_000;

/**
 * @param callOf the call of a page: null while it is not known what to ask
 * @param pageOf what its answer holds
 * @param key tells what is asked
 * @param isRead whether someone reads further down, or has a row open
 */
export function usePages<Answer, Row>(
  callOf: ((next: string | undefined) => Call<Answer>) | null,
  pageOf: (answer: Answer) => PageOf<Row>,
  key: string,
  keyOf: (row: Row) => string,
  isRead: () => boolean,
): Pages<Row> {
  const { api, isLive, scope } = useWorkplace();
  const pause = refreshEvery(scope.range);
  const empty = { rows: [], next: null, problem: null, isLoading: true, hasNewer: false };
  const [state, setState] = useState<State<Row>>({ key: '', ...empty });
  const [round, setRound] = useState(0);
  const latest = useRef({ callOf, pageOf, keyOf, isRead });
  latest.current = { callOf, pageOf, keyOf, isRead };
  const asked = useRef('');
  const isKnown = callOf !== null;

  useEffect(() => {
    const now = latest.current;
    if (now.callOf === null || (!isLive && asked.current === key)) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((before) => (before.key === key ? before : { ...before, isLoading: true }));
    const load = async (): Promise<void> => {
      try {
        const page = latest.current.pageOf(await api.call(latest.current.callOf!(undefined), controller.signal));
        asked.current = key;
        const first = page.rows[0];
        setState((before) => {
          const isRead = before.key === key && before.rows.length > 0 && latest.current.isRead();
          if (!isRead) return { key, ...page, problem: null, isLoading: false, hasNewer: false };
          const known = before.rows[0];
          const hasNewer =
            first !== undefined && known !== undefined && latest.current.keyOf(first) !== latest.current.keyOf(known);
          return { ...before, problem: null, isLoading: false, hasNewer };
        });
      } catch (error) {
        if (controller.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((before) => ({
          ...(before.key === key ? before : { key, ...empty }),
          problem: error,
          isLoading: false,
        }));
        if (isRefused(error)) return;
      }
      if (isLive && pause !== null) timer = setTimeout(load, pause);
    };
    void load();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [api, key, isLive, pause, round, isKnown]);

  const { next } = state;
  const isBusy = useRef(false);
  const loadOlder = useCallback(() => {
    const { callOf: call, pageOf: read } = latest.current;
    if (call === null || next === null || isBusy.current) return;
    isBusy.current = true;
    api
      .call(call(next))
      .then(
        (answer) => {
          const page = read(answer);
          setState((before) =>
            before.next === next ? { ...before, rows: [...before.rows, ...page.rows], next: page.next } : before,
          );
        },
        (error: unknown) => {
          if (error instanceof ApiError) setState((before) => ({ ...before, problem: error }));
        },
      )
      .finally(() => {
        isBusy.current = false;
      });
  }, [api, next]);
  const reload = useCallback(() => {
    setState((before) => ({ ...before, key: '' }));
    setRound((before) => before + 1);
  }, []);
  return { ...state, isLoaded: state.key !== '' || state.rows.length > 0, loadOlder, reload };
}
