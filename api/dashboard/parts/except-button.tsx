/** "Except this": asks the alert for an exception, shows it to be changed, and says what became of it. */
import { useState } from 'preact/hooks';
import type { ExceptionProposal } from '../../views/exception-view.js';
import { ApiError } from '../data/api.js';
import { calls } from '../data/calls.js';
import { useWorkplace } from '../data/workplace.js';
import { ExceptionDialog } from './exception-dialog.js';
import { useTakeBack } from './use-take-back.js';

export function ExceptButton({ alertId }: { readonly alertId: string }) {
  const { api, notify } = useWorkplace();
  const [proposal, setProposal] = useState<ExceptionProposal | null>(null);
  const takeBack = useTakeBack();
  const propose = async (): Promise<void> => {
    try {
      setProposal(await api.call(calls.proposeException(alertId)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notify(error.message);
    }
  };
  return (
    <>
      <p class="except">
        <button type="button" onClick={propose}>
          Except this…
        </button>{' '}
        <span class="hint">so that its like is not reported again</span>
      </p>
      {proposal !== null && (
        <ExceptionDialog
          proposal={proposal}
          onClose={() => setProposal(null)}
          onMade={({ id, note }) => {
            setProposal(null);
            notify(`Excepted: ${note}`, () => void takeBack(id, note));
          }}
        />
      )}
    </>
  );
}
