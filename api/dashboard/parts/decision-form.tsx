/** What a person decides about an alert: how far it is, what it was, who looks after it, and a note. */
import { useState } from 'preact/hooks';
import type { Triage } from '../../routes/alert-triage.js';
import type { AlertDetail } from '../../views/alert-view.js';
import type { Verdict } from '../words/alerts.js';
import type { useTriage } from './use-triage.js';
import { VerdictSelect } from './verdict-select.js';

const NOTE_MAX = 4_000;

export function DecisionForm({
  alert,
  triage,
}: {
  readonly alert: AlertDetail;
  readonly triage: ReturnType<typeof useTriage>;
}) {
  const [note, setNote] = useState('');
  const [verdict, setVerdict] = useState<Verdict | ''>(alert.verdict ?? '');
  const [assignee, setAssignee] = useState(alert.assignee ?? '');
  const decide = async (decision: Triage): Promise<void> => {
    const text = note.trim() === '' ? {} : { note };
    if (await triage.decide(alert, { ...decision, ...text })) setNote('');
  };
  const reopen = async (): Promise<void> => {
    if (await triage.reopen(alert, note)) setNote('');
  };
  const changes: Triage = {
    ...(verdict === (alert.verdict ?? '') ? {} : { verdict: verdict === '' ? null : verdict }),
    ...(assignee === (alert.assignee ?? '') ? {} : { assignee: assignee === '' ? null : assignee }),
  };
  const hasChanges = Object.keys(changes).length > 0 || note.trim() !== '';
  const isPeople = alert.history.some(({ actor }) => actor !== null);
  return (
    <form
      class="decision"
      onSubmit={(event) => {
        event.preventDefault();
        if (hasChanges) void decide(changes);
      }}
    >
      <div class="decision-fields">
        <VerdictSelect className="field-block" none="none yet" value={verdict} onChange={setVerdict} />
        <label class="field-block">
          Assignee
          <input
            value={assignee}
            maxLength={200}
            onInput={(event) => setAssignee(event.currentTarget.value)}
            placeholder="nobody"
          />
        </label>
      </div>
      <label class="field-block">
        Note
        <textarea
          rows={3}
          maxLength={NOTE_MAX}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
          placeholder="Why, for the history (optional)"
        />
      </label>
      <p class="actions">
        <button type="submit" disabled={!hasChanges}>
          Save
        </button>
        {alert.triage === 'new' && (
          <button type="button" onClick={() => decide({ ...changes, status: 'acknowledged' })}>
            Acknowledge
          </button>
        )}
        {(alert.triage === 'new' || alert.triage === 'acknowledged') && (
          <button type="button" onClick={() => decide({ ...changes, status: 'in_progress' })}>
            Take up
          </button>
        )}
        {alert.resolved ? (
          <button type="button" class="primary" onClick={reopen}>
            Reopen
          </button>
        ) : (
          <button type="button" class="primary" onClick={() => decide({ ...changes, status: 'resolved' })}>
            Resolve
          </button>
        )}
        {isPeople && (
          <button type="button" class="quiet" onClick={() => triage.undo(alert)}>
            Take back the last decision
          </button>
        )}
      </p>
    </form>
  );
}
