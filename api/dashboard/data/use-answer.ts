/** Asks the API for what a part of the page shows, again as often as it may have changed, and not at all once it is gone. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Answer } from './answer.js';
import { ApiError, isRefused } from './api.js';
import type { Call } from './calls.js';
import { refreshEvery } from './scope.js';
import { useWorkplace } from './workplace.js';

/** After failures the pause grows up to this, so that a server in trouble is left some air. */
const RETRY_MAX_MS = 30_000;
const RETRY_FIRST_MS = 2_000;

/**
 * @param call null while it is not known what to ask
 * @param every milliseconds; null asks once; without it as often as the range that is looked at may change
 */
export function useAnswer<T>(call: Call<T> | null, every?: number | null): Answer<T> {
  const { api, isLive, scope } = useWorkplace();
  const pause = every === undefined ? refreshEvery(scope.range) : every;
  const [state, setState] = useState<{ key: string; data: T | null; problem: ApiError | null }>({
    key: '',
    data: null,
    problem: null,
  });
  const [round, setRound] = useState(0);
  const key = call === null ? '' : JSON.stringify(call);
  // What is asked is told by its key; the object itself is another one with each drawing.
  const latest = useRef(call);
  latest.current = call;
  const answered = useRef('');

  useEffect(() => {
    const asked = latest.current;
    // In the background only what was never asked is.
    if (asked === null || (!isLive && answered.current === key)) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    const ask = async (): Promise<void> => {
      try {
        const data = await api.call(asked, controller.signal);
        failures = 0;
        answered.current = key;
        setState({ key, data, problem: null });
      } catch (error) {
        if (controller.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        failures++;
        setState((before) => ({ key, data: before.key === key ? before.data : null, problem: error }));
        // What is refused is refused again.
        if (isRefused(error)) return;
      }
      if (!isLive || (pause === null && failures === 0)) return;
      const wait = failures === 0 ? (pause ?? 0) : Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failures - 1));
      timer = setTimeout(ask, wait);
    };
    void ask();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [api, key, pause, isLive, round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { data: state.data, problem: state.problem, isStale: state.key !== key, reload };
}
