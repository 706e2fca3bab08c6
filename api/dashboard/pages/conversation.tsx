/** One conversation: who, what was said in plain, how it went, and its packets. */
import type { ComponentChildren } from 'preact';
import type { Conversation } from '../../views/conversation-view.js';
import { calls, downloadAddress } from '../data/calls.js';
import { around, rangeParameters } from '../data/scope.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import type { PageProperties } from '../page.js';
import { OutcomeWord, StateWord } from '../parts/conversation-table.js';
import { HostLink, Time } from '../parts/links.js';
import { PacketTable } from '../parts/packet-table.js';
import { Facts, Panel } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { endpoint, historyWords, STATE_MEANINGS } from '../words/conversations.js';
import { enrichmentWords } from '../words/enrichment.js';
import { formatBytes, formatDuration, formatInteger } from '../words/numbers.js';
import { packetsOfConversation } from '../words/packet-search.js';

const PACKETS = 200;
const OPEN_EVERY_MS = 15_000;

export function ConversationPage({ path }: PageProperties) {
  const { address } = useWorkplace();
  const answer = useAnswer(calls.conversation(path['id'] ?? ''), OPEN_EVERY_MS);
  return (
    <>
      <p class="crumbs">
        <a href={address.href('/conversations')}>Conversations</a>
      </p>
      <Answered answer={answer} what="the conversation">
        {(conversation) => <Detail conversation={conversation} />}
      </Answered>
    </>
  );
}

function Detail({ conversation }: { readonly conversation: Conversation }) {
  const { originator, originator_port, responder, responder_port, protocol } = conversation;
  return (
    <article>
      <header class="page-title">
        <h1>
          {endpoint(originator, originator_port, protocol)} <span class="muted">→</span>{' '}
          {endpoint(responder, responder_port, protocol)}
        </h1>
        <p class="subtitle">
          {conversation.service ?? protocol} {conversation.name && <b>{conversation.name}</b>}
        </p>
      </header>
      <div class="columns">
        <Panel title="How it went">
          <Course conversation={conversation} />
        </Panel>
        <Panel title="What was said in plain">
          <Said conversation={conversation} />
        </Panel>
      </div>
      <PacketsOf conversation={conversation} />
    </article>
  );
}

const who = (host: string, known: Conversation['enrichment']['originator']): ComponentChildren => (
  <>
    <HostLink host={host} /> <span class="muted">{enrichmentWords(known)}</span>
  </>
);

function Course({ conversation }: { readonly conversation: Conversation }) {
  const { address } = useWorkplace();
  const both = (originator: string, responder: string): ComponentChildren => (
    <>
      {originator} <span class="muted">by the originator,</span> {responder} <span class="muted">by the responder</span>
    </>
  );
  return (
    <Facts
      pairs={[
        ['Originator', who(conversation.originator, conversation.enrichment.originator)],
        ['Responder', who(conversation.responder, conversation.enrichment.responder)],
        ['Began', conversation.begun ? '' : 'before the capture; who began is a guess'],
        ['First packet', <Time key="first" iso={conversation.started_at} micros />],
        [conversation.open ? 'Last heard of' : 'Last packet', <Time key="last" iso={conversation.last_at} micros />],
        ['Duration', `${formatDuration(conversation.duration)}${conversation.open ? ', goes on' : ''}`],
        [
          'State',
          <span key="state">
            <StateWord state={conversation.state} /> {STATE_MEANINGS[conversation.state]}
          </span>,
        ],
        ['Outcome', <OutcomeWord key="outcome" outcome={conversation.outcome} />],
        [
          'History',
          conversation.history !== '' && (
            <abbr class="mono" title={historyWords(conversation.history)}>
              {conversation.history}
            </abbr>
          ),
        ],
        [
          'Packets',
          both(formatInteger(conversation.originator_packets), formatInteger(conversation.responder_packets)),
        ],
        ['Bytes', both(formatBytes(conversation.originator_bytes), formatBytes(conversation.responder_bytes))],
        ['Payload', both(formatBytes(conversation.originator_payload), formatBytes(conversation.responder_payload))],
        ['Logins failed', conversation.logins_failed > 0 && formatInteger(conversation.logins_failed)],
        ['Logins succeeded', conversation.logins_succeeded > 0 && formatInteger(conversation.logins_succeeded)],
        ['VLAN', conversation.vlan],
        [
          'Seen by',
          [conversation.capture_node, conversation.interface, conversation.timeline].filter(Boolean).join(' · '),
        ],
        ['Site', conversation.site],
        [
          'Community ID',
          <a
            key="community"
            class="mono"
            href={address.href('/conversations', {
              q: `community_id "${conversation.community_id}"`,
              range: 'all',
              from: null,
              to: null,
            })}
          >
            {conversation.community_id}
          </a>,
        ],
      ]}
    />
  );
}

function Said({ conversation }: { readonly conversation: Conversation }) {
  const names = Object.entries(conversation.names);
  if (names.length === 0) return <Empty title="Nothing that could be read." />;
  return (
    <Facts
      pairs={names.map(([name, value]) => [
        name.replaceAll('_', ' '),
        <span key={name} class="mono said">
          {String(value)}
        </span>,
      ])}
    />
  );
}

function PacketsOf({ conversation }: { readonly conversation: Conversation }) {
  const { address } = useWorkplace();
  const range = rangeParameters(around(conversation.started_at, conversation.last_at, 1));
  const q = packetsOfConversation(conversation);
  const query = { from: range.from, to: range.to, q };
  const answer = useAnswer(calls.packets({ ...query, limit: PACKETS }), null);
  return (
    <Panel
      title="Packets"
      subtitle="newest first"
      tools={
        <>
          <a href={address.href('/packets', { ...range, q })}>All of them</a>
          <a class="button" href={downloadAddress('packets.pcap', query)} download>
            Download pcap
          </a>
        </>
      }
    >
      <Answered answer={answer} what="packets">
        {({ packets }) =>
          packets.length === 0 ? (
            <Empty title="None is stored.">Packets may be kept for a shorter time than conversations.</Empty>
          ) : (
            <PacketTable packets={packets} />
          )
        }
      </Answered>
    </Panel>
  );
}
