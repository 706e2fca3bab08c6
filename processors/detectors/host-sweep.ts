/**
 * A source that tries one port, or echo, on many hosts of which few answer. Whoever talks to many hosts that answer (a monitor, a
 * scraper, a crawler, a mail relay) is none; so what failed must be more than what was answered.
 */

import type { Attempt } from '../contract/watch.js';
import type { WatcherDetector } from '../contract/watcher.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { counted } from './alert-words.js';

/** Ports of a source told apart; those tried least lately go. */
const PORTS_MAX = 16;

interface PortSweep {
  readonly failed: WindowedSet<number>;
  readonly answered: WindowedSet<number>;
}

interface Sweep {
  readonly ports: Map<string, PortSweep>;
  isWeb: boolean;
  /** What was measured last. */
  what: string;
  failed: number;
  answered: number;
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, 'TCP'],
  [17, 'UDP'],
  [132, 'SCTP'],
]);

function isEcho({ ipProtocol }: Attempt): boolean {
  return ipProtocol === 1 || ipProtocol === 58;
}

function isGroup(target: string): boolean {
  return target.startsWith('ff') || target.endsWith('.255') || /^(22[4-9]|23\d)\./.test(target);
}

function count(state: Sweep, attempt: Attempt, windowMicros: number, most: number): number {
  const failed = attempt.outcome === 'refused' || attempt.outcome === 'unanswered';
  const what = isEcho(attempt)
    ? 'ICMP echo'
    : `${PROTOCOLS.get(attempt.ipProtocol) ?? attempt.ipProtocol} port ${attempt.port}`;
  let port = state.ports.get(what);
  if (port === undefined) {
    port = { failed: new WindowedSet(windowMicros, most), answered: new WindowedSet(windowMicros, 2 * most) };
    state.ports.set(what, port);
    for (const old of state.ports.keys()) {
      if (state.ports.size <= PORTS_MAX) break;
      state.ports.delete(old);
    }
  }
  if (failed && !port.answered.has(attempt.targetKey)) port.failed.add(attempt.time, attempt.targetKey);
  else if (attempt.outcome === 'answered') {
    port.answered.add(attempt.time, attempt.targetKey);
    port.failed.delete(attempt.targetKey); // its earlier silence was no address without a host
  }
  state.what = what;
  state.isWeb = attempt.ipProtocol === 6 && WEB_PORTS.has(attempt.port) && isOutside(attempt);
  state.failed = port.failed.advance(attempt.time);
  state.answered = port.answered.advance(attempt.time);
  if (isEcho(attempt)) {
    const all = state.failed + state.answered;
    const isSweep = state.failed >= ECHO_FAILED_MIN && state.failed >= ECHO_FAILED_SHARE * all;
    return isSweep ? Math.floor(all / ECHO_WEIGHT) : 0;
  }
  if (state.failed < state.answered) return 0;
  return state.isWeb ? Math.floor(state.failed / WEB_WEIGHT) : state.failed;
}

/** A program whose cloud cannot be reached tries address after address of it: such attempts weigh a tenth. */
const WEB_PORTS: ReadonlySet<number> = new Set([80, 443, 8443]);
const WEB_WEIGHT = 10;
/** Networks hold living hosts, so all that was pinged counts where a quarter and more is silent; a monitor's hosts are up. */
const ECHO_FAILED_MIN = 5;
const ECHO_FAILED_SHARE = 0.25;
const ECHO_WEIGHT = 1.5;

const PRIVATE = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|127\.|f[cd]|fe80)/;

function isOutside({ source, target }: Attempt): boolean {
  return PRIVATE.test(source) && !PRIVATE.test(target);
}

function describe(source: string, targets: Parameters<typeof counted>[0], { what, failed, answered }: Sweep) {
  return {
    message: `${source} tries ${what} on ${counted(targets, 'host')}: of late ${failed} silent or refusing, ${answered} answered`,
    details: { what, failed, answered },
  };
}

function bytes({ ports }: Sweep): number {
  let total = 300;
  for (const { failed, answered } of ports.values()) total += 250 + 50 * (failed.size + answered.size);
  return total;
}

const THRESHOLD = {
  default: 10,
  minimum: 3,
  maximum: 10_000,
  help: 'hosts that do not answer or refuse, on one port or by echo, and are no fewer than those that answer',
};
const WINDOW = { default: 60, minimum: 1, maximum: 3600, help: 'length of the window' };

const IDENTITY = {
  id: 'host-sweep',
  name: 'Host sweep',
  summary:
    'A source tries one port, or ICMP echo, on many hosts within the window, and more of them stay silent or refuse than answer.',
  techniques: [{ id: 'T1018', name: 'Remote System Discovery' }],
  eventTypes: ['info'],
  severity: 3,
  keyedBy: 'source',
  attempts: true,
  counts: 'hosts without an answer',
  threshold: THRESHOLD,
  windowSeconds: WINDOW,
  options: {},
} as const satisfies Partial<WatcherDetector<Sweep, Record<string, never>>>;

/** Echo keeps for an hour who answers: somebody who is pinged again and again is answered for only at the beginning of a conversation. */
const ANSWERS_REMEMBERED = 3600e6;

interface Echo extends Sweep {
  readonly answering: WindowedSet<number>;
}

const echoSweep = defineWatcher<Echo>()({
  ...IDENTITY,
  version: '1-echo',
  durable: true,
  createWatcher: (_, { windowMicros, threshold }) => {
    const fresh = (): Echo => ({
      ports: new Map(),
      isWeb: false,
      what: '',
      failed: 0,
      answered: 0,
      answering: new WindowedSet(ANSWERS_REMEMBERED, 1024),
    });
    return {
      newState: fresh,
      attempt(attempt, watch) {
        if (!isEcho(attempt) || attempt.outcome === 'unseen' || isGroup(attempt.target)) return;
        const state = watch.source();
        if (attempt.outcome === 'answered') state.answering.add(attempt.time, attempt.targetKey);
        else if (state.answering.has(attempt.targetKey)) return;
        const measured = count(state, attempt, windowMicros, 2 * threshold);
        watch.measure(measured, attempt.target);
      },
      describe: ({ source, targets }, state) => describe(source, targets, state),
      save: ({ ports, answering }) => {
        const port = ports.get('ICMP echo');
        if (port === undefined || (port.failed.size < 3 && answering.size < 3)) return undefined;
        return { failed: port.failed.entries(), answered: port.answered.entries(), answering: answering.entries() };
      },
      load: (value) => {
        const saved = value as Record<'failed' | 'answered' | 'answering', [number, number][]>;
        const state = fresh();
        state.ports.set('ICMP echo', {
          failed: new WindowedSet<number>(windowMicros, 2 * threshold).restore(saved.failed),
          answered: new WindowedSet<number>(windowMicros, 4 * threshold).restore(saved.answered),
        });
        state.answering.restore(saved.answering);
        return state;
      },
      bytes: (state) => bytes(state) + 50 * state.answering.size,
    };
  },
});

export const hostSweep = defineWatcher<Sweep>()({
  ...IDENTITY,
  version: '1',
  companion: echoSweep,
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({ ports: new Map(), isWeb: false, what: '', failed: 0, answered: 0 }),
    attempt(attempt, watch) {
      const { outcome } = attempt;
      if (outcome === 'unseen' || outcome === 'half-open' || isEcho(attempt)) return;
      const known = watch.knownSource();
      if ((known === null && outcome === 'answered') || isGroup(attempt.target)) return;
      const state = known ?? watch.source();
      const measured = count(state, attempt, windowMicros, 2 * threshold);
      watch.measure(measured, attempt.target, attempt.port);
    },
    describe: ({ source, targets }, state) => describe(source, targets, state),
    bytes,
  }),
});
