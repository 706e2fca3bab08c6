/**
 * Conversations with what a list of threats names (`--threat-intel`): an address or network at either end, a name (TLS server name, HTTP
 * host, DNS question) or one below it, a JA4 fingerprint of the client. The list decides what is a threat, so there is no threshold; who
 * began, and whether it was answered, decide how severe it is: what a host of ours calls is worse than who knocks at it, which on the
 * internet somebody does all day.
 *
 * What it misses: what the lists do not name; names within encrypted ClientHellos and DNS over TLS or HTTPS; attempts of one packet that
 * get no row of their own in a flood.
 */
import type { Severity } from '../../schemas/alerts/alert.js';
import { OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { Detector } from '../contract/detector.js';
import type { Watch } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { originatorOf, responderOf } from './conversation-rows.js';

/** What a list says of an address, name or fingerprint. */
export interface ListedThreat {
  readonly list: string;
  readonly version: string;
  readonly kind: 'network' | 'domain' | 'ja4';
  readonly indicator: string;
}

/** Lists as they are asked (processors/intelligence/threat-list.ts). */
export interface ThreatLookup {
  readonly isEmpty: boolean;
  readonly versions: readonly string[];
  address(slots: Uint8Array, at: number): ListedThreat | undefined;
  name(name: string | undefined): ListedThreat | undefined;
  fingerprint(ja4: string | undefined): ListedThreat | undefined;
}

export const NO_THREATS: ThreatLookup = {
  isEmpty: true,
  versions: [],
  address: () => undefined,
  name: () => undefined,
  fingerprint: () => undefined,
};

interface Contact {
  host: string;
  other: string;
  port: number;
  /** The listed one began. */
  inbound: boolean;
  answered: boolean;
  threat: ListedThreat | null;
  /** The name that was listed, as it was asked for. */
  name: string;
}

/** Severity of what is listed at the end that was called, and at the end that called; answered or not. */
const OUTBOUND = { answered: 4, unanswered: 3 } as const;
const INBOUND = { answered: 3, unanswered: 1 } as const;

export function threatIntel(lists: ThreatLookup): Detector {
  return defineWatcher<Contact>()({
    id: 'threat-intel',
    version: '1',
    name: 'Listed threat',
    summary: 'A conversation with an address, name or JA4 fingerprint that a list of `--threat-intel` names.',
    techniques: [{ id: 'T1071', name: 'Application Layer Protocol' }],
    eventTypes: ['indicator'],
    severity: 4,
    keyedBy: 'pair',
    conversations: true,
    durable: true,
    counts: 'conversations',
    threshold: { default: 1, minimum: 1, maximum: 1, help: 'the first is reported' },
    windowSeconds: { default: 3600, minimum: 60, maximum: 86_400, help: 'how long after the last the alert closes' },
    options: {},
    createWatcher: (_, settings) => ({
      newState: () => ({ host: '', other: '', port: 0, inbound: false, answered: false, threat: null, name: '' }),
      bytes: () => 500,
      conversation: (block, row, watch) => {
        if (!lists.isEmpty) look(lists, block, row, watch);
      },
      severity: ({ inbound, answered }) => {
        const own: Severity = (inbound ? INBOUND : OUTBOUND)[answered ? 'answered' : 'unanswered'];
        return Math.min(own, settings.severity) as Severity;
      },
      describe: (_evidence, { host, other, port, inbound, answered, threat, name }) => ({
        message: `${inbound ? `${other} called ${host}` : `${host} called ${other}`} port ${port}${answered ? '' : ' without an answer'}: ${named(threat, name, other)}`,
        details: {
          direction: inbound ? 'inbound' : 'outbound',
          indicator: threat?.indicator ?? '',
          indicator_kind: threat?.kind ?? '',
          list: threat?.list ?? '',
          list_version: threat?.version ?? '',
        },
        source: { ip: inbound ? other : host, address: inbound ? other : host },
        destination: { ip: inbound ? host : other, port },
        related: [host, other],
      }),
      save: (state) => state,
      load: (value) => value as Contact,
    }),
  });
}

function named(threat: ListedThreat | null, name: string, what: string): string {
  if (threat === null) return 'listed';
  const shown = threat.kind === 'ja4' ? `its JA4 ${threat.indicator}` : threat.kind === 'domain' ? name : what;
  const within = shown === threat.indicator || threat.kind === 'ja4' ? '' : ` (by ${threat.indicator})`;
  return `${shown} is on the list ${threat.list}${within}`;
}

function look(lists: ThreatLookup, block: ConversationBlock, row: number, watch: Watch<Contact>): void {
  const at = row * ADDRESS_SLOT_BYTES;
  const names = block.names[row] ?? null;
  const name = names?.serverName ?? names?.httpHost ?? names?.dnsQuestion ?? '';
  const called = lists.address(block.responder, at);
  if (called !== undefined) tell(called, false, '', block, row, watch);
  const caller = lists.address(block.originator, at);
  if (caller !== undefined) tell(caller, true, '', block, row, watch);
  if (names === null) return;
  const byName = lists.name(name);
  if (byName !== undefined) tell(byName, false, name, block, row, watch);
  const byPrint = lists.fingerprint(names.ja4);
  if (byPrint !== undefined) tell(byPrint, false, name, block, row, watch);
}

function tell(
  threat: ListedThreat,
  inbound: boolean,
  name: string,
  block: ConversationBlock,
  row: number,
  watch: Watch<Contact>,
): void {
  const originator = originatorOf(block, row);
  const responder = responderOf(block, row);
  const host = inbound ? responder : originator;
  const other = inbound ? originator : responder;
  // Of a name it is one threat, whichever server or resolver answers for it.
  const state = watch.key(`${host} ${threat.kind === 'network' ? other : ''} ${threat.indicator} ${inbound}`);
  state.host = host;
  state.other = other;
  state.port = block.responderPort[row]!;
  state.inbound = inbound;
  state.answered ||= block.outcome[row] === OUTCOME_ANSWERED;
  state.threat = threat;
  if (name !== '') state.name = name;
  watch.measure(1, other, state.port);
}
