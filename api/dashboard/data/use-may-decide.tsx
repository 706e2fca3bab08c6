/**
 * Whether whoever looks may decide: not with a reader's token of their own. Who has none yet is asked for it on deciding. Asked
 * once for all of the page, and again when the browser's session has changed.
 */
import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect } from 'preact/hooks';
import { calls } from './calls.js';
import { useAnswer } from './use-answer.js';
import { useWorkplace } from './workplace.js';

const MayDecideContext = createContext(true);

export function MayDecideProvider({ children }: { readonly children: ComponentChildren }) {
  const { api } = useWorkplace();
  const { data, reload } = useAnswer(calls.session(), null);
  useEffect(() => api.onSession(reload), [api, reload]);
  const mayDecide = data === null || !data.named || data.role !== 'reader';
  return <MayDecideContext.Provider value={mayDecide}>{children}</MayDecideContext.Provider>;
}

export const useMayDecide = (): boolean => useContext(MayDecideContext);
