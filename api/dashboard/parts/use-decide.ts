/** Sends a decision in the name of who decides: that of the token, or where that names nobody the one of the settings. */
import { useCallback } from 'preact/hooks';
import { ApiError } from '../data/api.js';
import type { Call } from '../data/calls.js';
import { useWorkplace } from '../data/workplace.js';

export function useDecide(): <T>(call: Call<T>) => Promise<T> {
  const { api, preferences } = useWorkplace();
  const { name } = preferences;
  return useCallback(
    async <T>(call: Call<T>): Promise<T> => {
      if (name === '') return api.call(call);
      try {
        return await api.call({ ...call, body: { ...(call.body as object), by: name } });
      } catch (error) {
        // The token has a name of its own.
        const isNamed = error instanceof ApiError && error.errors.some(({ input }) => input === 'body.by');
        if (!isNamed) throw error;
        return api.call(call);
      }
    },
    [api, name],
  );
}
