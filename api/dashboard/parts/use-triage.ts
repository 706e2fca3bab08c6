/** Decides about an alert, says so, and offers to take it back. */
import type { Triage } from '../../routes/alert-triage.js';
import type { Alert, AlertDetail } from '../../views/alert-view.js';
import { ApiError } from '../data/api.js';
import { type Call, calls } from '../data/calls.js';
import { useWorkplace } from '../data/workplace.js';
import { TRIAGE_NAMES, VERDICT_NAMES } from '../words/alerts.js';
import { useDecide } from './use-decide.js';

export function wordsOf({ status, verdict, assignee, note }: Triage): string {
  if (status !== undefined) return TRIAGE_NAMES[status];
  if (verdict !== undefined) return verdict === null ? 'no verdict' : VERDICT_NAMES[verdict];
  if (assignee !== undefined) return assignee ? `assigned to ${assignee}` : 'assigned to nobody';
  return note === undefined ? '' : 'noted';
}

interface Changes {
  readonly replace: (changed: readonly Alert[]) => void;
}

export function useTriage({ replace }: Changes) {
  const { notify } = useWorkplace();
  const send = useDecide();
  const run = async (call: Call<AlertDetail>, said: string, undo?: () => void): Promise<boolean> => {
    try {
      replace([await send(call)]);
      notify(said, undo);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notify(error.message);
      return false;
    }
  };
  const undo = (alert: Pick<Alert, 'id' | 'message'>): Promise<boolean> =>
    run(calls.undo(alert.id), `Taken back: ${alert.message}`);
  return {
    decide: (alert: Pick<Alert, 'id' | 'message'>, decision: Triage): Promise<boolean> =>
      run(calls.triage(alert.id, decision), `${wordsOf(decision)}: ${alert.message}`, () => void undo(alert)),
    reopen: (alert: Pick<Alert, 'id' | 'message'>, note: string): Promise<boolean> =>
      run(
        calls.reopen(alert.id, note.trim() === '' ? {} : { note }),
        `reopened: ${alert.message}`,
        () => void undo(alert),
      ),
    undo,
  };
}
