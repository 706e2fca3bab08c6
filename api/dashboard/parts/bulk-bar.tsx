/** Decides about all alerts that are selected at once, all of them or none; nothing for those who may not decide. */
import { useState } from 'preact/hooks';
import type { Triage } from '../../routes/alert-triage.js';
import { ApiError } from '../data/api.js';
import { calls } from '../data/calls.js';
import { useMayDecide } from '../data/use-may-decide.js';
import { useWorkplace } from '../data/workplace.js';
import type { Verdict } from '../words/alerts.js';
import { plural } from '../words/numbers.js';
import { useDecide } from './use-decide.js';
import { wordsOf } from './use-triage.js';
import { VerdictSelect } from './verdict-select.js';

export function BulkBar({
  ids,
  onDone,
  onClear,
  what = 'selected',
}: {
  readonly ids: readonly string[];
  readonly onDone: () => void;
  readonly onClear?: () => void;
  readonly what?: string;
}) {
  const { notify } = useWorkplace();
  const send = useDecide();
  const mayDecide = useMayDecide();
  const [verdict, setVerdict] = useState<Verdict | ''>('');
  const decide = async (decision: Triage): Promise<void> => {
    try {
      const { changed, unchanged } = await send(calls.triageMany(ids, decision));
      const rest = unchanged.length > 0 ? `, ${unchanged.length} were so already` : '';
      notify(`${plural(changed.length, 'alert')} ${wordsOf(decision)}${rest}`);
      onDone();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notify(error.message);
    }
  };
  if (!mayDecide) return null;
  return (
    <section class="bulk-bar" aria-label="Decide about the selected alerts">
      <b>
        {plural(ids.length, 'alert')} {what}
      </b>
      <button type="button" onClick={() => decide({ status: 'acknowledged' })}>
        Acknowledge
      </button>
      <button type="button" onClick={() => decide({ status: 'in_progress' })}>
        Take up
      </button>
      <VerdictSelect className="field" none="none" value={verdict} onChange={setVerdict} />
      <button
        type="button"
        class="primary"
        onClick={() => decide({ status: 'resolved', ...(verdict === '' ? {} : { verdict }) })}
      >
        Resolve
      </button>
      {onClear && (
        <button type="button" class="quiet" onClick={onClear}>
          Select none
        </button>
      )}
    </section>
  );
}
