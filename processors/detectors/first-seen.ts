/**
 * What was not there before, of one site: hosts that speak, and services that answer. Every site is learned for a day before anything is
 * told, since at first everything is new; what was told once is known from then on. New is no attack: a visitor, a replaced printer. So
 * both are informational: a list to look through, and what an incident of the same host is read with.
 */
import {
  type ConversationNames,
  EVENT_ENDED,
  EVENT_UPDATED,
  OUTCOME_ANSWERED,
} from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { Detector, IntegerOption } from '../contract/detector.js';
import type { Watch } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { isPrivate, originatorOf, responderOf } from './conversation-rows.js';

/** Hosts, and services, of a site that are remembered. Beyond, nothing new is reported any more: it could not be known. */
const KNOWN_MAX = 65_536;
const HOUR_MICROS = 3600e6;
/** Ports from here on are handed out by chance (IANA, RFC 6335): data connections of FTP, RPC, peers. */
export const EPHEMERAL_PORT_MIN = 32_768;

/** Of the site: what is known. Of a host or service: what is said of it. */
interface Site {
  since: number;
  readonly known: Set<string>;
  host: string;
  peer: string;
  port: number;
  protocol: number;
  service: string;
}

const newState = (): Site => ({
  since: 0,
  known: new Set(),
  host: '',
  peer: '',
  port: 0,
  protocol: 0,
  service: '',
});

const LEARNING: IntegerOption = {
  kind: 'integer',
  default: 24,
  minimum: 0,
  maximum: 720,
  help: 'hours that a site is learned for before anything is reported: a day has every routine once',
};
const ONE = { default: 1, minimum: 1, maximum: 1, help: 'the first is reported' };
const HOUR = { default: 3600, minimum: 60, maximum: 86_400, help: 'how long after it is reported the alert closes' };

/** Whether it is new, and the site has been learned. Its own key is opened then. */
function isNew(watch: Watch<Site>, name: string, learningHours: number): Site | null {
  const site = watch.key('site');
  if (site.since === 0) site.since = watch.time;
  if (site.known.has(name) || site.known.size >= KNOWN_MAX) return null;
  site.known.add(name);
  return watch.time - site.since >= learningHours * HOUR_MICROS ? watch.key(name) : null;
}

const saved = {
  bytes: ({ known }: Site) => 300 + 80 * known.size,
  save: (state: Site) => ({ ...state, known: [...state.known] }),
  load: (value: unknown) => {
    const { known, ...rest } = value as Omit<Site, 'known'> & { known: string[] };
    return { ...rest, known: new Set(known) };
  },
};

const isTold = (block: ConversationBlock, row: number): boolean =>
  (block.event[row] === EVENT_ENDED || block.event[row] === EVENT_UPDATED) && block.outcome[row] === OUTCOME_ANSWERED;

const TECHNIQUE_NEW_HOST = [{ id: 'T1200', name: 'Hardware Additions' }];

export const newHost: Detector = defineWatcher<Site>()({
  id: 'new-host',
  version: '1',
  name: 'New host',
  summary: 'An inside host speaks that its site has not seen before; told after the site has been learned for a day.',
  techniques: TECHNIQUE_NEW_HOST,
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'source',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'hosts',
  threshold: ONE,
  windowSeconds: HOUR,
  options: { learningHours: LEARNING },
  createWatcher: ({ learningHours }) => {
    const meet = (watch: Watch<Site>, host: string, peer: string): void => {
      const state = isNew(watch, host, learningHours);
      if (state === null) return;
      state.host = host;
      state.peer = peer;
      watch.measure(1, peer);
    };
    return {
      newState,
      ...saved,
      conversation: (block, row, watch) => {
        if (!isTold(block, row)) return;
        const at = row * ADDRESS_SLOT_BYTES;
        const originator = originatorOf(block, row);
        const responder = responderOf(block, row);
        if (isPrivate(block.originator, at)) meet(watch, originator, responder);
        if (isPrivate(block.responder, at)) meet(watch, responder, originator);
      },
      describe: (_, { host, peer }) => ({
        message: `${host} is new here: its first conversation was with ${peer}`,
        details: {},
        source: { ip: host, address: host },
        destination: { ip: peer },
        related: [peer],
      }),
    };
  },
});

export const newService: Detector = defineWatcher<Site>()({
  id: 'new-service',
  version: '1',
  name: 'New service',
  summary:
    'An inside host answers on a port on which its site has not seen it answer; told after the site has been learned for a day.',
  techniques: [{ id: 'T1133', name: 'External Remote Services' }],
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'source',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'services',
  threshold: ONE,
  windowSeconds: HOUR,
  options: { learningHours: LEARNING },
  createWatcher: ({ learningHours }) => ({
    newState,
    ...saved,
    conversation: (block, row, watch) => {
      const protocol = block.ipProtocol[row]!;
      const port = block.responderPort[row]!;
      if (!isTold(block, row) || block.begun[row] === 0 || !hasPorts(protocol) || port >= EPHEMERAL_PORT_MIN) return;
      if (!isPrivate(block.responder, row * ADDRESS_SLOT_BYTES)) return;
      const host = responderOf(block, row);
      const state = isNew(watch, `${host} ${protocol}/${port}`, learningHours);
      if (state === null) return;
      state.host = host;
      state.peer = originatorOf(block, row);
      state.port = port;
      state.protocol = protocol;
      state.service = block.service[row] || nameOf(block.names[row] ?? null);
      watch.measure(1, state.peer, port);
    },
    describe: (_, { host, peer, port, protocol, service }) => ({
      message: `${host} answers on ${PROTOCOLS[protocol] ?? protocol} port ${port}${service === '' ? '' : ` (${service})`}, which is new here: ${peer} asked first`,
      details: { port, protocol: PROTOCOLS[protocol] ?? String(protocol), ...(service === '' ? {} : { service }) },
      source: { ip: peer, address: peer },
      destination: { ip: host, port },
      related: [host],
    }),
  }),
});

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' };
/** Of protocols with ports. */
export const SERVICE_PROTOCOLS = Object.keys(PROTOCOLS).map(Number);
const hasPorts = (protocol: number): boolean => protocol in PROTOCOLS;
const nameOf = (names: ConversationNames | null): string => (names?.serverName === undefined ? '' : 'ssl');
