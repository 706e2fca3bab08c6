/**
 * Scans below the rate of `port-scan` and `host-sweep`: many ports of one host, or one port of many hosts, over an hour or a day, by
 * attempts that failed alone. What is answered as often as not is no scan but a service with some dead ends.
 */
import type { Attempt } from '../contract/watch.js';
import { defineWatcher } from '../contract/watcher.js';
import { counted } from './alert-words.js';

const DAY = 86_400e6;
/** Failed attempts remembered, the newest of each host and port. */
const PAIRS_MAX = 256;

interface Pair {
  readonly target: string;
  readonly port: number;
  time: number;
}

interface Slow {
  readonly failed: Map<string, Pair>;
  /** Answered ones of the ports and hosts that failed, since the first failure; halved when they are many. */
  readonly answered: Map<string, number>;
  shape: string;
  /** Which tier was met: "1 h" or "24 h". */
  tier: string;
  count: number;
}

interface Counts {
  ports: number;
  hosts: number;
}

/** Ports of the attempt's host, and hosts of its port, that failed since `from`; none where as many were answered. */
function countsSince(state: Slow, attempt: Attempt, from: number): Counts {
  const counts = { ports: 0, hosts: 0 };
  for (const { target, port, time } of state.failed.values()) {
    if (time < from) continue;
    if (target === attempt.target) counts.ports++;
    if (port === attempt.port) counts.hosts++;
  }
  if (counts.ports <= (state.answered.get(attempt.target) ?? 0)) counts.ports = 0;
  if (counts.hosts <= (state.answered.get(`:${attempt.port}`) ?? 0)) counts.hosts = 0;
  return counts;
}

function note(state: Slow, { target, port, time }: Attempt): void {
  const key = `${target} ${port}`;
  state.failed.delete(key);
  state.failed.set(key, { target, port, time });
  for (const [old, pair] of state.failed) {
    if (state.failed.size <= PAIRS_MAX && pair.time >= time - DAY) break;
    state.failed.delete(old);
  }
}

const TCP = 6;
/** A program whose cloud cannot be reached tries address after address of it, for hours: not looked at. */
const WEB_PORTS: ReadonlySet<number> = new Set([80, 443, 8443]);
const PRIVATE = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|127\.|f[cd]|fe80)/;

export const slowScan = defineWatcher<Slow>()({
  id: 'slow-scan',
  version: '1',
  name: 'Slow scan',
  summary:
    'A source fails to reach many ports of one host, or one port of many hosts, within an hour or a day; TCP alone, since unanswered datagrams are ordinary.',
  techniques: [{ id: 'T1046', name: 'Network Service Discovery' }],
  eventTypes: ['info'],
  severity: 2,
  keyedBy: 'source',
  attempts: true,
  durable: true,
  counts: 'ports or hosts without an answer',
  threshold: {
    default: 20,
    minimum: 5,
    maximum: 200,
    help: 'ports of one host, or hosts of one port, within the window',
  },
  windowSeconds: { default: 3600, minimum: 600, maximum: 14_400, help: 'length of the fast tier' },
  options: {
    dayThreshold: {
      kind: 'integer',
      default: 50,
      minimum: 5,
      maximum: 250,
      help: 'the same within a day: a service that is down for a day, and all that ask it, stay below',
    },
  },
  createWatcher: ({ dayThreshold }, { windowMicros, threshold }) => ({
    newState: () => ({ failed: new Map(), answered: new Map(), shape: '', tier: '', count: 0 }),
    attempt(attempt, watch) {
      if (attempt.ipProtocol !== TCP) return;
      if (attempt.outcome === 'answered') {
        const known = watch.knownSource();
        if (known === null || known.failed.size < 3) return;
        for (const key of [attempt.target, `:${attempt.port}`]) {
          if (known.answered.size < PAIRS_MAX || known.answered.has(key)) {
            known.answered.set(key, (known.answered.get(key) ?? 0) + 1);
          }
        }
        known.failed.delete(`${attempt.target} ${attempt.port}`);
        return;
      }
      if (attempt.outcome !== 'refused' && attempt.outcome !== 'unanswered') return;
      if (WEB_PORTS.has(attempt.port) && PRIVATE.test(attempt.source) && !PRIVATE.test(attempt.target)) return;
      const state = watch.source();
      note(state, attempt);
      if (state.failed.size < Math.min(threshold, dayThreshold)) {
        watch.measure(0, attempt.target, attempt.port);
        return;
      }
      const hour = countsSince(state, attempt, attempt.time - windowMicros);
      const day = countsSince(state, attempt, attempt.time - DAY);
      const inHour = Math.max(hour.ports, hour.hosts);
      const inDay = Math.max(day.ports, day.hosts);
      const isDay = inHour < threshold && inDay >= dayThreshold;
      const { ports, hosts } = isDay ? day : hour;
      state.shape = ports >= hosts ? 'ports of one host' : 'hosts on one port';
      state.tier = isDay ? '24 h' : '1 h';
      state.count = Math.max(ports, hosts);
      watch.measure(Math.max(inHour, Math.floor((inDay * threshold) / dayThreshold)), attempt.target, attempt.port);
    },
    describe: ({ source, targets }, { shape, tier, count }) => ({
      message: `${source} fails to reach ${count} ${shape} within ${tier}, ${counted(targets, 'host')} in all`,
      details: { shape, tier, failed: count },
    }),
    save: ({ failed, answered, shape, tier, count }) =>
      failed.size < 3
        ? undefined
        : {
            failed: [...failed.values()].map(({ target, port, time }) => [target, port, time]),
            answered: [...answered],
            shape,
            tier,
            count,
          },
    load: (value) => {
      const saved = value as {
        failed: [string, number, number][];
        answered: [string, number][];
        shape: string;
        tier: string;
        count: number;
      };
      return {
        failed: new Map(saved.failed.map(([target, port, time]) => [`${target} ${port}`, { target, port, time }])),
        answered: new Map(saved.answered),
        shape: saved.shape,
        tier: saved.tier,
        count: saved.count,
      };
    },
    bytes: ({ failed, answered }) => 400 + 130 * failed.size + 70 * answered.size,
  }),
});
