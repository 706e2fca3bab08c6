/** A list of conversations: who began, with whom, what for, and what became of it. */
import { useMemo } from 'preact/hooks';
import type { Conversation } from '../../views/conversation-view.js';
import { useWorkplace } from '../data/workplace.js';
import { endpoint, OUTCOME_MEANINGS, outcomeName, STATE_MEANINGS } from '../words/conversations.js';
import { formatBytes, formatCount, formatDuration } from '../words/numbers.js';
import { portName } from '../words/ports.js';
import { HostLink, Time } from './links.js';
import { type Column, Table } from './table.js';

const tone = ({ outcome }: Conversation): string | undefined =>
  outcome.startsWith('refused') ? 'reset' : outcome === 'unanswered' ? 'unanswered' : undefined;

export function ConversationTable({
  conversations,
  current = null,
  onCurrent,
  id,
}: {
  readonly conversations: readonly Conversation[];
  readonly current?: string | null;
  readonly onCurrent?: (id: string) => void;
  readonly id?: string;
}) {
  const columns = useColumns();
  return (
    <Table
      {...(id === undefined ? {} : { id })}
      {...(onCurrent === undefined ? {} : { onCurrent })}
      label="Conversations"
      columns={columns}
      rows={conversations}
      keyOf={(conversation) => conversation.id}
      toneOf={tone}
      current={current}
    />
  );
}

export function StateWord({ state }: { readonly state: Conversation['state'] }) {
  return (
    <abbr class="mono" title={STATE_MEANINGS[state]}>
      {state}
    </abbr>
  );
}

export function OutcomeWord({ outcome }: { readonly outcome: Conversation['outcome'] }) {
  return (
    <span class="outcome" data-outcome={outcome} title={OUTCOME_MEANINGS[outcome]}>
      {outcomeName(outcome)}
    </span>
  );
}

const side = (address: string, port: number, protocol: string) => (
  <>
    <HostLink host={address} />
    {!protocol.startsWith('icmp') && <span class="port">:{port}</span>}
  </>
);

function useColumns(): readonly Column<Conversation>[] {
  const { address } = useWorkplace();
  return useMemo(
    () => [
      {
        id: 'time',
        isPlain: true,
        title: 'Last heard of',
        width: '11.5rem',
        cell: (row: Conversation) => (
          <a href={address.href(`/conversations/${row.id}`)}>
            <Time iso={row.last_at} />
            <span class="hidden">
              , {endpoint(row.originator, row.originator_port, row.protocol)} with{' '}
              {endpoint(row.responder, row.responder_port, row.protocol)}
            </span>
          </a>
        ),
      },
      {
        id: 'originator',
        isPlain: true,
        title: 'Originator',
        width: 'minmax(9rem, 1.2fr)',
        cell: (row: Conversation) => side(row.originator, row.originator_port, row.protocol),
      },
      {
        id: 'responder',
        isPlain: true,
        className: 'to',
        title: 'Responder',
        width: 'minmax(9rem, 1.2fr)',
        cell: (row: Conversation) => side(row.responder, row.responder_port, row.protocol),
      },
      {
        id: 'service',
        title: 'Service',
        width: '6.5rem',
        cell: (row: Conversation) => (
          <>
            {row.service ?? <span class="muted">{portName(row.responder_port) || row.protocol}</span>}{' '}
            {row.service && <span class="muted">{row.protocol}</span>}
          </>
        ),
      },
      {
        id: 'name',
        title: 'Name',
        width: 'minmax(6rem, 1.3fr)',
        className: 'name',
        cell: (row: Conversation) => row.name ?? '',
      },
      {
        id: 'outcome',
        isPlain: true,
        title: 'Outcome',
        width: '9.5rem',
        cell: (row: Conversation) => (
          <>
            <StateWord state={row.state} /> <OutcomeWord outcome={row.outcome} />
          </>
        ),
      },
      {
        id: 'duration',
        title: 'Duration',
        width: '6rem',
        align: 'end',
        cell: (row: Conversation) => formatDuration(row.duration),
      },
      {
        id: 'packets',
        title: 'Packets',
        width: '5rem',
        align: 'end',
        cell: (row: Conversation) => formatCount(row.originator_packets + row.responder_packets),
      },
      {
        id: 'bytes',
        title: 'Bytes ↑ ↓',
        width: '9rem',
        align: 'end',
        cell: (row: Conversation) => (
          <span title="By the originator, by the responder">
            {formatBytes(row.originator_bytes)} <span class="muted">/</span> {formatBytes(row.responder_bytes)}
          </span>
        ),
      },
    ],
    [address],
  );
}
