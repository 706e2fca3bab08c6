/** The list of alerts: asked for by page, kept live by what is pushed, and still while someone reads. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { AlertPage } from '../../routes/alerts.js';
import type { Alert } from '../../views/alert-view.js';
import { type AlertList, type AlertView, withAnswer, withPushed, withWaiting } from './alert-list.js';
import { ApiError, isRefused } from './api.js';
import { calls, type Query } from './calls.js';
import { useWorkplace } from './workplace.js';

export const PAGE = 100;
/** What is pushed makes asking again a matter of being sure. */
const EVERY_MS = 15_000;
const RETRY_MS = 5_000;
const EMPTY: AlertList = { alerts: [], waiting: [] };

export interface LiveAlerts extends AlertList {
  readonly counts: AlertPage['counts'] | null;
  readonly next: string | null;
  readonly problem: ApiError | null;
  readonly isLoaded: boolean;
  readonly showWaiting: () => void;
  readonly loadOlder: () => void;
  readonly reload: () => void;
  /** Puts alerts that a person changed in place. */
  readonly replace: (changed: readonly Alert[]) => void;
}

interface State {
  readonly list: AlertList;
  readonly counts: AlertPage['counts'] | null;
  readonly next: string | null;
  readonly problem: ApiError | null;
  readonly key: string;
  /** Whether older pages were asked for; otherwise the first is all there is. */
  readonly hasOlder: boolean;
}

const NOTHING: State = { list: EMPTY, counts: null, next: null, problem: null, key: '', hasOlder: false };

/**
 * @param query null while it is not known
 * @param view the same for what is pushed; null where it cannot be told here, as of a search
 * @param isRead whether someone reads the list right now
 */
export function useAlertList(query: Query | null, view: AlertView | null, isRead: () => boolean): LiveAlerts {
  const { api, stream, isLive } = useWorkplace();
  const [state, setState] = useState(NOTHING);
  const [round, setRound] = useState(0);
  const key = query === null ? '' : JSON.stringify(query);
  const latest = useRef({ query, view, isRead });
  latest.current = { query, view, isRead };

  useEffect(() => {
    if (key === '' || !isLive) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      let pause = EVERY_MS;
      try {
        const page = await api.call(calls.alerts({ ...latest.current.query, limit: PAGE }), controller.signal);
        setState((before) => afterAnswer(before, key, page, latest.current.isRead()));
      } catch (error) {
        if (controller.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((before) => ({ ...before, problem: error, key }));
        if (isRefused(error)) return;
        pause = RETRY_MS;
      }
      timer = setTimeout(load, pause);
    };
    void load();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [api, key, isLive, round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = (): void => {
      clearTimeout(timer);
      timer = setTimeout(reload, 500);
    };
    const leave = stream.subscribe({
      onAlert: (alert) => {
        const { view: now, isRead: reads } = latest.current;
        if (now === null) return soon();
        setState((before) =>
          before.key === ''
            ? before
            : { ...before, list: withPushed(before.list, alert, now, reads(), before.next === null) },
        );
      },
      onReset: reload,
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [stream, reload]);

  const older = state.next;
  const loadOlder = useCallback(() => {
    if (older === null) return;
    api.call(calls.alerts({ ...latest.current.query, limit: PAGE, next: older })).then(
      (page) =>
        setState((before) => {
          if (before.next !== older) return before;
          const known = new Set(before.list.alerts.map(({ id }) => id));
          const alerts = [...before.list.alerts, ...page.alerts.filter(({ id }) => !known.has(id))];
          return { ...before, list: { ...before.list, alerts }, next: page.next, hasOlder: true };
        }),
      (error: unknown) => {
        if (error instanceof ApiError) setState((before) => ({ ...before, problem: error }));
      },
    );
  }, [api, older]);

  const replace = useCallback((changed: readonly Alert[]) => {
    const byId = new Map(changed.map((alert) => [alert.id, alert]));
    setState((before) => ({
      ...before,
      list: { ...before.list, alerts: before.list.alerts.map((alert) => byId.get(alert.id) ?? alert) },
    }));
  }, []);
  const showWaiting = useCallback(() => {
    // More may have come than wait here, and the list would have a gap: it begins again.
    setState((before) => ({ ...before, list: withWaiting(before.list), hasOlder: false }));
    reload();
  }, [reload]);

  return {
    ...state.list,
    ...{ counts: state.counts, next: state.next, problem: state.problem, isLoaded: state.counts !== null },
    ...{ showWaiting, loadOlder, reload, replace },
  };
}

function afterAnswer(before: State, key: string, page: AlertPage, isRead: boolean): State {
  const isSame = before.key === key;
  const list = isSame ? before.list : EMPTY;
  const stays = isRead && list.alerts.length > 0;
  const hasOlder = isSame && before.hasOlder;
  return {
    list: hasOlder && !stays ? withOlder(list, page) : withAnswer(list, page.alerts, stays),
    counts: page.counts,
    next: hasOlder || stays ? before.next : page.next,
    problem: null,
    key,
    hasOlder,
  };
}

/** Older pages that were loaded stay below the first. */
function withOlder(list: AlertList, page: AlertPage): AlertList {
  const fresh = new Set(page.alerts.map(({ id }) => id));
  return { alerts: [...page.alerts, ...list.alerts.slice(PAGE).filter(({ id }) => !fresh.has(id))], waiting: [] };
}
