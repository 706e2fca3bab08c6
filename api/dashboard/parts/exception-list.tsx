/** Exceptions: which alerts are not published, who said so and why, until when; and a way to take each back. */
import { useCallback, useMemo, useState } from 'preact/hooks';
import type { ExceptionProposal, ExceptionView } from '../../views/exception-view.js';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useMayDecide } from '../data/use-may-decide.js';
import { useWorkplace } from '../data/workplace.js';
import { emptyProposal, exceptionParts } from '../words/exceptions.js';
import { plural } from '../words/numbers.js';
import { ExceptionDialog } from './exception-dialog.js';
import { Time } from './links.js';
import { Panel } from './panel.js';
import { Answered, Empty } from './states.js';
import { type Column, Table } from './table.js';
import { useTakeBack } from './use-take-back.js';

const EVERY_MS = 15_000;

export function ExceptionList() {
  const { address, notify } = useWorkplace();
  const isAll = address.query.get('exceptions') === 'all';
  const answer = useAnswer(calls.exceptions(isAll ? { all: 'true' } : {}), EVERY_MS);
  const mayDecide = useMayDecide();
  const [proposal, setProposal] = useState<ExceptionProposal | null>(null);
  const takeBack = useTakeBack(answer.reload);
  const columns = useColumns(mayDecide, takeBack);
  const inForce = answer.data?.exceptions.filter(isInForce).length ?? 0;
  return (
    <Panel
      title="Exceptions"
      id="exceptions"
      className="list-panel"
      subtitle={inForce > 0 ? `${plural(inForce, 'exception')} in force` : 'alerts that are not to be published'}
      tools={
        <>
          <label class="field">
            <input
              type="checkbox"
              checked={isAll}
              onChange={(event) => address.change({ exceptions: event.currentTarget.checked ? 'all' : null })}
            />
            also those that are over
          </label>
          {mayDecide && (
            <button type="button" onClick={() => setProposal(emptyProposal(Date.now()))}>
              New exception…
            </button>
          )}
        </>
      }
    >
      <Answered answer={answer} what="exceptions">
        {({ exceptions }) =>
          exceptions.length === 0 ? (
            <Empty title="There are none: every alert is published. An alert that is known to be harmless proposes one." />
          ) : (
            <Table
              id="exception-rows"
              label="Exceptions"
              columns={columns}
              rows={exceptions}
              keyOf={({ id }) => id}
              toneOf={(row) => (isInForce(row) ? undefined : 'done')}
            />
          )
        }
      </Answered>
      {proposal !== null && (
        <ExceptionDialog
          proposal={proposal}
          onClose={() => setProposal(null)}
          onMade={({ id, note }) => {
            setProposal(null);
            answer.reload();
            notify(`Excepted: ${note}`, () => void takeBack(id, note));
          }}
        />
      )}
    </Panel>
  );
}

const isInForce = ({ deleted_at: deleted, expires_at: expires }: ExceptionView): boolean =>
  deleted === null && (expires === null || Date.parse(expires) > Date.now());

function useColumns(mayDecide: boolean, takeBack: (id: string, note: string) => Promise<void>) {
  const { address } = useWorkplace();
  const href = useCallback((id: string) => address.href(`/alerts/${encodeURIComponent(id)}`), [address]);
  return useMemo(
    (): Column<ExceptionView>[] => [
      {
        id: 'what',
        title: 'Which alerts',
        width: 'minmax(14rem, 3fr)',
        isPlain: true,
        className: 'message-cell',
        cell: (row) => (
          <span class="exception-parts">
            {exceptionParts(row).map(([name, value]) => (
              <span key={name}>
                <span class="muted">{name}</span> {value}
              </span>
            ))}
          </span>
        ),
      },
      {
        id: 'why',
        title: 'Why',
        width: 'minmax(10rem, 2fr)',
        isPlain: true,
        className: 'message-cell',
        cell: ({ note, alert_id: alert }) => (
          <>
            {note} {alert !== null && <a href={href(alert)}>the alert</a>}
          </>
        ),
      },
      {
        id: 'by',
        title: 'Made by',
        width: 'minmax(9rem, 1fr)',
        cell: ({ created_by: by, created_at: time }) => (
          <>
            {by}, <Time iso={time} />
          </>
        ),
      },
      { id: 'ends', title: 'Ends', width: 'minmax(9.5rem, 1fr)', cell: (row) => <Ends exception={row} /> },
      {
        id: 'action',
        title: 'Action',
        isUntitled: true,
        width: '7.2rem',
        align: 'end',
        cell: (row) =>
          mayDecide && isInForce(row) ? (
            <button type="button" aria-label={`Take back: ${row.note}`} onClick={() => takeBack(row.id, row.note)}>
              Take back
            </button>
          ) : null,
      },
    ],
    [href, mayDecide, takeBack],
  );
}

function Ends({ exception }: { readonly exception: ExceptionView }) {
  const { deleted_at: deleted, deleted_by: by, expires_at: expires, published } = exception;
  if (deleted !== null) {
    return (
      <>
        taken back by {by}, <Time iso={deleted} />
      </>
    );
  }
  return (
    <>
      {expires === null ? 'never' : <Time iso={expires} />}
      {!published && <span class="muted">; workers have not been told yet</span>}
    </>
  );
}
