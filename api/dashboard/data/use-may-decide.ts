/** Whether whoever looks may decide: not with a reader's token of their own. Who has none yet is asked for it on deciding. */
import { calls } from './calls.js';
import { useAnswer } from './use-answer.js';

export function useMayDecide(): boolean {
  const { data } = useAnswer(calls.session(), null);
  return data === null || !data.named || data.role !== 'reader';
}
