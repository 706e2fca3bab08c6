/**
 * The same small conversation with one outside host, again and again at regular intervals: an implant that asks its
 * master for orders. Scored as RITA does (github.com/activecm/rita, "beacon score"): how symmetric the intervals lie around their
 * median (Bowley skewness), how little they stray from it (median absolute deviation), and the same of the bytes sent; once the calls span
 * six hours, as RITA asks for, also whether every hour has as many as the next (histogram), and how much of the time they cover (duration).
 * Jitter of a fifth leaves a score of 0.95, people and pages one below 0.6.
 *
 * Quiet on what is regular by design: clocks and names (ports 53 and 123), inside hosts (monitoring), outside hosts that
 * several inside ones keep calling (updates, portals): what one alone calls is worth a look; and what asks whether there is an internet or
 * an update, by its name. It is low, because programs that ask for news do so, too.
 *
 * What it misses: jitter of more than a third, fewer than 20 calls a day, callers that hide behind such a name, and masters that five
 * hosts call.
 */
import { EVENT_ENDED, OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet } from '../contract/windowed.js';
import { goesOutside, originatorOf, responderOf } from './conversation-rows.js';

/** Conversations of a pair that are remembered, the latest. */
const KEPT_MAX = 256;
/** Below this a program is busy rather than waiting, µs. */
const INTERVAL_MIN = 1e6;
const SCORE_MIN = 0.8;
/** From this span on histogram and duration say something, µs. */
const SPAN_MIN = 6 * 3600e6;
const HOUR_MICROS = 3600e6;
/**
 * What operating systems and browsers ask again and again, whatever the user does: for updates, and whether there is an internet. Named
 * by their makers (Microsoft's and Apple's lists for firewalls, the connectivity checks of Android, Firefox, Ubuntu and GNOME).
 */
const ROUTINE_DOMAINS = [
  'windowsupdate.com',
  'update.microsoft.com',
  'delivery.mp.microsoft.com',
  'msftconnecttest.com',
  'msftncsi.com',
  'swscan.apple.com',
  'mesu.apple.com',
  'captive.apple.com',
  'push.apple.com',
  'connectivitycheck.gstatic.com',
  'mtalk.google.com',
  'detectportal.firefox.com',
  'connectivity-check.ubuntu.com',
  'archive.ubuntu.com',
  'security.ubuntu.com',
  'deb.debian.org',
  'security.debian.org',
  'nmcheck.gnome.org',
  'fedoraproject.org',
];
const DNS = 53;
const NTP = 123;

interface Calls {
  caller: string;
  called: string;
  port: number;
  score: number;
  interval: number;
  /** Start (µs) and bytes sent of each conversation, the oldest first. */
  readonly calls: [start: number, bytes: number][];
  readonly callers: WindowedSet<string>;
}

export const beacon = defineWatcher<Calls>()({
  id: 'beacon',
  version: '2',
  name: 'Beacon',
  summary: 'One host has the same small conversation with one outside host at regular intervals.',
  techniques: [
    { id: 'T1071', name: 'Application Layer Protocol' },
    { id: 'T1029', name: 'Scheduled Transfer' },
  ],
  eventTypes: ['info'],
  severity: 2,
  keyedBy: 'pair',
  conversations: true,
  durable: true,
  hunted: true,
  counts: 'regular conversations',
  threshold: { default: 20, minimum: 8, maximum: KEPT_MAX, help: 'conversations, regular by their score' },
  windowSeconds: { default: 86_400, minimum: 600, maximum: 86_400, help: 'length of the window' },
  options: {
    popular: {
      kind: 'integer',
      default: 5,
      minimum: 2,
      maximum: 10_000,
      help: 'hosts that call the same outside host, from which on none of them is reported',
    },
    ports: { kind: 'ports', default: [DNS, NTP], help: 'ports left out' },
    domains: {
      kind: 'domains',
      default: ROUTINE_DOMAINS,
      help: 'domains left out, with all below them: what is asked for by routine',
    },
  },
  createWatcher: ({ popular, ports, domains }, { windowMicros }) => {
    const leftOut = new Set(ports);
    const routine = new Set(domains.map((domain) => domain.toLowerCase()));
    const newState = (): Calls => ({
      caller: '',
      called: '',
      port: 0,
      score: 0,
      interval: 0,
      calls: [],
      callers: new WindowedSet(windowMicros, popular),
    });
    return {
      newState,
      bytes: ({ calls }) => 400 + 40 * calls.length,
      conversation: (block, row, watch) => {
        if (block.event[row] !== EVENT_ENDED || block.outcome[row] !== OUTCOME_ANSWERED) return;
        const port = block.responderPort[row]!;
        if (leftOut.has(port) || !goesOutside(block, row)) return;
        const names = block.names[row];
        if (names && isBelow(names.serverName ?? names.httpHost, routine)) return;
        const caller = originatorOf(block, row);
        const called = responderOf(block, row);
        const start = block.start[row]!;
        const callers = watch.key(`${called} ${port}`).callers.add(start, caller);
        const state = watch.key(`${caller} ${called} ${port}`);
        state.caller = caller;
        state.called = called;
        state.port = port;
        addCall(state.calls, start, block.originatorBytes[row]!, windowMicros);
        if (callers >= popular) return;
        const score = scoreOf(state);
        state.score = score;
        watch.measure(score >= SCORE_MIN ? state.calls.length : 0, called, port);
      },
      describe: (_, { caller, called, port, score, interval, calls }) => ({
        message: `${caller} calls ${called} port ${port} every ${(interval / 1e6).toFixed(interval < 10e6 ? 1 : 0)} s, ${calls.length} times with a score of ${score.toFixed(2)}`,
        details: { score: Math.round(score * 1000) / 1000, interval_seconds: interval / 1e6 },
        source: { ip: caller, address: caller },
        destination: { ip: called, port },
        related: [called],
      }),
      save: (state) => ({ ...state, callers: state.callers.entries() }),
      load: (value) => {
        const saved = value as Omit<Calls, 'callers'> & { callers: [string, number][] };
        return { ...saved, callers: newState().callers.restore(saved.callers) };
      },
    };
  },
});

/** Puts a call in its place: conversations end in another order than they begin. */
function addCall(calls: [number, number][], start: number, bytes: number, windowMicros: number): void {
  let at = calls.length;
  while (at > 0 && calls[at - 1]![0] > start) at--;
  calls.splice(at, 0, [start, bytes]);
  const oldest = calls.at(-1)![0] - windowMicros;
  while (calls.length > KEPT_MAX || calls[0]![0] < oldest) calls.shift();
}

/** 0 to 1; also notes the median interval. */
function scoreOf(state: Calls): number {
  const { calls } = state;
  if (calls.length < 4) return 0;
  const intervals: number[] = [];
  for (let i = 1; i < calls.length; i++) intervals.push(calls[i]![0] - calls[i - 1]![0]);
  intervals.sort((a, b) => a - b);
  state.interval = quantile(intervals, 0.5);
  if (state.interval < INTERVAL_MIN) return 0;
  const sizes = calls.map(([, bytes]) => bytes).sort((a, b) => a - b);
  const score = (regularity(intervals) + regularity(sizes)) / 2;
  const span = calls.at(-1)![0] - calls[0]![0];
  return span < SPAN_MIN ? score : (2 * score + steadiness(calls, span)) / 4;
}

/**
 * Histogram and duration, 0 to 2: one minus the coefficient of variation of the calls an hour, over the hours that are whole; and the
 * part of the hours that have calls. A call every two hours leaves every other hour empty, so an hour is as long as the calls need.
 */
function steadiness(calls: Calls['calls'], span: number): number {
  const bin = Math.max(HOUR_MICROS, (span / (calls.length - 1)) * 4);
  const counts = new Array<number>(Math.max(1, Math.floor(span / bin))).fill(0);
  for (const [start] of calls) {
    const at = Math.floor((start - calls[0]![0]) / bin);
    if (at < counts.length) counts[at]!++;
  }
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
  const covered = counts.filter((count) => count > 0).length / counts.length;
  return Math.max(0, 1 - Math.sqrt(variance) / mean) + covered;
}

/** Whether a name is one of these domains or below one. */
export function isBelow(name: string | undefined, domains: ReadonlySet<string>): boolean {
  for (let rest = name?.toLowerCase() ?? ''; rest !== ''; ) {
    if (domains.has(rest)) return true;
    const dot = rest.indexOf('.');
    rest = dot < 0 ? '' : rest.slice(dot + 1);
  }
  return false;
}

/** Mean of one minus the Bowley skewness and one minus the median absolute deviation by the median, of sorted numbers. */
function regularity(sorted: readonly number[]): number {
  const low = quantile(sorted, 0.25);
  const middle = quantile(sorted, 0.5);
  const high = quantile(sorted, 0.75);
  const skewness = high === low ? 0 : Math.abs((high + low - 2 * middle) / (high - low));
  const deviations = sorted.map((value) => Math.abs(value - middle)).sort((a, b) => a - b);
  const deviation = middle === 0 ? 1 : quantile(deviations, 0.5) / middle;
  return (1 - skewness + Math.max(0, 1 - deviation)) / 2;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * (sorted.length - 1) + 0.5))]!;
}
