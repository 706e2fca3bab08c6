/** Settings of this browser, who one is to the API, and what was changed by whom. */

import type { AuditPage } from '../../routes/audit.js';
import { ApiError } from '../data/api.js';
import { calls } from '../data/calls.js';
import { NAME_MAX, type Theme } from '../data/preferences.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { Time } from '../parts/links.js';
import { Facts, Panel, Segments } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { browserZone } from '../words/times.js';

const ROLES: Readonly<Record<string, string>> = {
  reader: 'reads everything but the audit log',
  analyst: 'reads, and decides about alerts',
  admin: 'may do everything, and reads the audit log',
};

export function SettingsPage() {
  return (
    <>
      <h1 class="page-heading">Settings</h1>
      <div class="columns">
        <ThisBrowser />
        <WhoIAm />
      </div>
      <AuditLog />
    </>
  );
}

function ThisBrowser() {
  const { preferences, setPreferences } = useWorkplace();
  return (
    <Panel title="This browser">
      <Facts
        pairs={[
          [
            'Times',
            browserZone() === 'UTC' ? (
              'UTC, as this browser has it'
            ) : (
              <Segments
                key="zone"
                legend="Zone of times"
                name="zone-choice"
                value={preferences.zone}
                choices={[
                  { value: 'local', label: `this browser’s (${browserZone()})` },
                  { value: 'utc', label: 'UTC' },
                ]}
                onChange={(zone) => setPreferences({ zone })}
              />
            ),
          ],
          [
            'Colours',
            <Segments
              key="theme"
              legend="Colours"
              name="theme-choice"
              value={preferences.theme}
              choices={(['system', 'light', 'dark'] satisfies Theme[]).map((value) => ({
                value,
                label: value === 'system' ? 'as the system' : value,
              }))}
              onChange={(theme) => setPreferences({ theme })}
            />,
          ],
          ['Units', 'Powers of ten: 1 kB is 1000 bytes, rates in bits a second'],
        ]}
      />
    </Panel>
  );
}

function WhoIAm() {
  const { api, notify, preferences, setPreferences } = useWorkplace();
  const session = useAnswer(calls.session(), null);
  const logOut = async (): Promise<void> => {
    try {
      await api.call(calls.closeSession());
      notify('The session of this browser is over.');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notify(error.message);
    }
    session.reload();
  };
  const logIn = async (): Promise<void> => {
    if (await api.openSession('With a token this browser may do what the token may.')) session.reload();
  };
  return (
    <Panel title="Access">
      <Answered answer={session} what="who you are">
        {({ name, role, named }) => (
          <Facts
            pairs={[
              [
                'You are',
                named
                  ? name
                  : name === 'local'
                    ? 'this machine, without a token'
                    : 'the holder of the server’s own token',
              ],
              ['Role', `${role}: ${ROLES[role] ?? ''}`],
              [
                'Decides as',
                !named && role !== 'reader' && (
                  <input
                    aria-label="Name that decisions are made in"
                    value={preferences.name}
                    maxLength={NAME_MAX}
                    placeholder={name}
                    onChange={(event) => setPreferences({ name: event.currentTarget.value.trim() })}
                  />
                ),
              ],
            ]}
          />
        )}
      </Answered>
      <p class="ways">
        <button type="button" onClick={logIn}>
          Enter a token
        </button>
        <button type="button" class="quiet" onClick={logOut}>
          End the session
        </button>
      </p>
      <p class="hint">
        Tokens of people and programs are made on the server:{' '}
        <code>nta token create --name ada --role analyst --expires 90d</code>, listed by <code>nta token list</code> and
        ended by <code>nta token revoke --name ada</code>.
      </p>
    </Panel>
  );
}

type Entry = AuditPage['entries'][number];

const COLUMNS: readonly Column<Entry>[] = [
  { id: 'time', title: 'Time', width: '11.5rem', cell: ({ at }) => <Time iso={at} /> },
  { id: 'actor', title: 'Who', width: 'minmax(6rem, 1fr)', cell: ({ actor }) => actor },
  { id: 'role', title: 'Role', width: '5rem', cell: ({ role }) => role },
  {
    id: 'what',
    title: 'What',
    width: 'minmax(12rem, 3fr)',
    className: 'name',
    cell: ({ method, path }) => `${method} ${path}`,
  },
  { id: 'status', title: 'Answer', width: '4.5rem', align: 'end', cell: ({ status }) => status || '' },
  { id: 'from', title: 'From', width: '9rem', className: 'mono', cell: ({ address }) => address },
];

function AuditLog() {
  const audit = useAnswer(calls.audit({ limit: 50 }), null);
  if (audit.problem?.status === 403) return null;
  return (
    <Panel title="Who changed what" subtitle="the last 50 changes and downloads">
      <Answered answer={audit} what="the audit log">
        {({ entries }) =>
          entries.length === 0 ? (
            <Empty title="Nothing was changed yet." />
          ) : (
            <Table label="Audit log" columns={COLUMNS} rows={entries} keyOf={({ id }) => String(id)} />
          )
        }
      </Answered>
    </Panel>
  );
}
