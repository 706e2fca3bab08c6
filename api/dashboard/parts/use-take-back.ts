/** Takes an exception back and says so. */
import { useCallback } from 'preact/hooks';
import { ApiError } from '../data/api.js';
import { calls } from '../data/calls.js';
import { useWorkplace } from '../data/workplace.js';

export function useTakeBack(onDone?: () => void): (id: string, note: string) => Promise<void> {
  const { api, notify } = useWorkplace();
  return useCallback(
    async (id, note) => {
      try {
        await api.call(calls.deleteException(id));
        notify(`Taken back: ${note}`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        notify(error.message);
      }
      onDone?.();
    },
    [api, notify, onDone],
  );
}
