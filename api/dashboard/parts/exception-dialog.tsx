/** Makes an exception: alerts that are not to be published. What an alert proposes may be widened, narrowed, and must be given a reason. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { ExceptionProposal, ExceptionView } from '../../views/exception-view.js';
import { ApiError, type InputError } from '../data/api.js';
import { calls } from '../data/calls.js';
import { useWorkplace } from '../data/workplace.js';
import {
  draftOf,
  type ExceptionDraft,
  LIST_PARTS,
  type ListPart,
  PART_NAMES,
  requestOf,
  WEEK,
} from '../words/exceptions.js';
import { browserZone } from '../words/times.js';
import { useDecide } from './use-decide.js';

const NOTE_MAX = 4_000;

const HINTS: Readonly<Record<ListPart, string>> = {
  rules: 'such as port-scan',
  sources: 'addresses, networks, MACs',
  targets: 'addresses, networks',
  ports: 'such as 443, 8000-8100',
  capture_nodes: 'that saw it',
  sites: 'that it was seen at',
};

interface Properties {
  readonly proposal: ExceptionProposal;
  readonly onMade: (made: ExceptionView) => void;
  readonly onClose: () => void;
}

export function ExceptionDialog({ proposal, onMade, onClose }: Properties) {
  const { times } = useWorkplace();
  const send = useDecide();
  const [draft, setDraft] = useState(() => draftOf(proposal, times, browserZone()));
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [isSent, setSent] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  const change = (changes: Partial<ExceptionDraft>): void => setDraft((before) => ({ ...before, ...changes }));
  const make = async (): Promise<void> => {
    const { alert_id } = proposal;
    setSent(true);
    try {
      onMade(await send(calls.addException({ ...requestOf(draft, times), ...(alert_id ? { alert_id } : {}) })));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error);
    } finally {
      setSent(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      class="exception-dialog"
      aria-labelledby="exception-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <h2 id="exception-title">{proposal.alert_id === undefined ? 'New exception' : 'Except this'}</h2>
        <p class="hint">
          From then on, alerts that meet all of this are not published. A field that is left empty is met by every
          alert; several values are separated by commas.
        </p>
        <Fields draft={draft} problem={problem} onChange={change} />
        <General problem={problem} />
        <p class="actions">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={isSent}>
            Make the exception
          </button>
        </p>
      </form>
    </dialog>
  );
}

/** Fields that show what is wrong with them; errors elsewhere are told below. */
const FIELDS = [...LIST_PARTS, 'hours', 'expires_at', 'note'] as const;
type Field = (typeof FIELDS)[number];

const isAbout = ({ input }: InputError, field: Field): boolean => input.split('.')[1] === field;

function General({ problem }: { readonly problem: ApiError | null }) {
  const isTold = problem?.errors.some((error) => FIELDS.some((field) => isAbout(error, field))) ?? false;
  if (problem === null || isTold) return null;
  const reasons = problem.errors.map(({ reason }) => reason).filter((reason) => reason !== '');
  return (
    <p class="field-problem" role="alert">
      {reasons.join('; ') || problem.message}
    </p>
  );
}

interface FieldsProperties {
  readonly draft: ExceptionDraft;
  readonly problem: ApiError | null;
  readonly onChange: (changes: Partial<ExceptionDraft>) => void;
}

function Fields({ draft, problem, onChange }: FieldsProperties) {
  const { times } = useWorkplace();
  return (
    <>
      <div class="decision-fields">
        {LIST_PARTS.map((part) => (
          <Entry key={part} label={PART_NAMES[part]} field={part} problem={problem}>
            {(attributes) => (
              <input
                {...attributes}
                value={draft[part]}
                placeholder={HINTS[part]}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => onChange({ [part]: event.currentTarget.value })}
              />
            )}
          </Entry>
        ))}
      </div>
      <Hours draft={draft} problem={problem} onChange={onChange} />
      <Entry label={`Ends (${times.zoneName}); empty: never`} field="expires_at" problem={problem}>
        {(attributes) => (
          <input
            {...attributes}
            type="datetime-local"
            step={1}
            value={draft.expires}
            onInput={(event) => onChange({ expires: event.currentTarget.value })}
          />
        )}
      </Entry>
      <Entry label="Note" field="note" problem={problem}>
        {(attributes) => (
          <textarea
            {...attributes}
            rows={2}
            maxLength={NOTE_MAX}
            value={draft.note}
            placeholder="Why, for whoever wonders later"
            onInput={(event) => onChange({ note: event.currentTarget.value })}
          />
        )}
      </Entry>
    </>
  );
}

function Hours({ draft, problem, onChange }: FieldsProperties) {
  return (
    <fieldset class="hours">
      <legend>Hours; empty: at any time</legend>
      <input
        type="time"
        aria-label="From"
        value={draft.from}
        onInput={(event) => onChange({ from: event.currentTarget.value })}
      />
      to
      <input
        type="time"
        aria-label="To"
        value={draft.to}
        onInput={(event) => onChange({ to: event.currentTarget.value })}
      />
      in
      <input
        aria-label="Time zone"
        value={draft.zone}
        spellcheck={false}
        onInput={(event) => onChange({ zone: event.currentTarget.value })}
      />
      <span class="days">
        {WEEK.map((day) => (
          <label key={day}>
            <input
              type="checkbox"
              checked={draft.days.includes(day)}
              onChange={(event) =>
                onChange({
                  days: event.currentTarget.checked
                    ? [...draft.days, day]
                    : draft.days.filter((chosen) => chosen !== day),
                })
              }
            />{' '}
            {day}
          </label>
        ))}
      </span>
      <Reasons problem={problem} field="hours" />
    </fieldset>
  );
}

interface Attributes {
  readonly id: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string;
}

function Entry({
  label,
  field,
  problem,
  children,
}: {
  readonly label: string;
  readonly field: Field;
  readonly problem: ApiError | null;
  readonly children: (attributes: Attributes) => ComponentChildren;
}) {
  const id = useId();
  const reasons = useId();
  const isWrong = problem?.errors.some((error) => isAbout(error, field)) ?? false;
  return (
    <div>
      <label class="field-block" htmlFor={id}>
        {label}
        {children({ id, 'aria-invalid': isWrong, 'aria-describedby': reasons })}
      </label>
      <Reasons id={reasons} problem={problem} field={field} />
    </div>
  );
}

/** What the API says of a field, in its words. */
function Reasons({
  problem,
  field,
  id,
}: {
  readonly problem: ApiError | null;
  readonly field: Field;
  readonly id?: string;
}) {
  const reasons = (problem?.errors ?? []).filter((error) => isAbout(error, field)).map(({ reason }) => reason);
  return (
    <p id={id} class="field-problem" role={reasons.length > 0 ? 'alert' : undefined}>
      {[...new Set(reasons)].join('; ')}
    </p>
  );
}
