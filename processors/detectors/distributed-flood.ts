/**
 * Many sources, mostly forged, that begin more towards one host than it answers, or begin and never go on. What many clients
 * do to a busy service is told from it by what follows: they are answered, and say more than one packet. What a target
 * ordinarily gets without an answer (a resolver, an address that everybody scans) is its own measure, above a floor for all.
 */
import { type SavedUsualRate, TIMES_USUAL, UsualRate } from '../contract/usual-rate.js';
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';
import { lastSourceOf, sourceKeysOf } from './received-rows.js';

const TCP = 6;
const UDP = 17;
/** Packets an attempt where clients leave it at the first: a SYN, some of it repeated. Real ones send four and more. */
const BARE_PACKETS = 1.5;
/** Of attempts, so many are answered at most where they are forged datagrams. */
const ANSWERED_MAX = 0.2;

interface Flood {
  readonly bare: WindowedSum;
  readonly attempts: WindowedSum;
  readonly answered: WindowedSum;
  readonly sources: WindowedSet<number>;
  readonly usual: UsualRate;
  protocol: string;
  mostSources: number;
}

interface SavedFlood {
  readonly usual: SavedUsualRate;
  readonly bare: [number, number][];
  readonly attempts: [number, number][];
  readonly answered: [number, number][];
  readonly sources: [number, number][];
  readonly protocol: string;
  readonly mostSources: number;
}

export const distributedFlood = defineWatcher<Flood>()({
  id: 'distributed-flood',
  version: '2',
  name: 'Distributed flood',
  summary:
    'Many sources begin far more conversations towards one host within the window than it answers, or never complete them: floods of SYN or UDP, forged ones too.',
  techniques: [{ id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood' }],
  eventTypes: ['denied'],
  severity: 4,
  keyedBy: 'target',
  received: true,
  durable: true,
  counts: 'attempts without a conversation',
  threshold: {
    default: 300,
    minimum: 20,
    maximum: 1_000_000,
    help: 'attempts that are not answered or not completed; 30 a second is beyond clients that retry, and below any flood that matters',
  },
  windowSeconds: { default: 10, minimum: 1, maximum: 60, help: 'length of the window' },
  options: {
    minimumSources: {
      kind: 'integer',
      default: 20,
      minimum: 2,
      maximum: 10_000,
      help: 'distinct sources; fewer are floods of their own (syn-flood)',
    },
    timesUsual: TIMES_USUAL,
  },
  createWatcher: ({ minimumSources, timesUsual }, { windowMicros, threshold }) => {
    const newState = (): Flood => ({
      bare: new WindowedSum(windowMicros),
      attempts: new WindowedSum(windowMicros),
      answered: new WindowedSum(windowMicros),
      sources: new WindowedSet<number>(windowMicros, 4 * minimumSources),
      usual: new UsualRate(windowMicros, threshold, timesUsual),
      protocol: '',
      mostSources: 0,
    });
    return {
      newState,
      received(block, row, watch) {
        const protocol = block.ipProtocol[row]!;
        if (protocol !== TCP && protocol !== UDP) return;
        const attempts = block.attempts[row]!;
        const answered = Math.min(block.answered[row]!, attempts);
        if (attempts === 0 && answered === 0) return;
        const state = watch.target();
        const { time } = watch;
        const isBare = protocol === TCP && block.packets[row]! <= BARE_PACKETS * attempts;
        const all = state.attempts.add(time, attempts);
        const allAnswered = state.answered.add(time, answered);
        const bare = state.bare.add(time, isBare ? attempts : 0);
        const silent = all - allAnswered;
        let named = '';
        if (attempts > answered || isBare) {
          for (const source of sourceKeysOf(block, row)) state.sources.add(time, source);
          named = lastSourceOf(block, row);
        }
        state.mostSources = Math.max(state.sources.advance(time), block.sourceCount[row]!);
        state.protocol = protocol === TCP ? 'SYN' : 'UDP';
        const lost = allAnswered <= ANSWERED_MAX * all ? silent : 0;
        const unusual = state.usual.measure(time, Math.max(lost, bare));
        watch.measure(state.mostSources < minimumSources ? 0 : unusual, named, block.port[row]!, attempts);
      },
      describe: ({ source, packets, peak }, { protocol, mostSources }) => {
        // The window at hand may hold few again; the one that reached the threshold did not.
        const sources = Math.max(mostSources, minimumSources);
        return {
          message: `${source} is flooded: ${packets} ${protocol} of at least ${sources} sources, at most ${peak} in ${windowMicros / 1e6} s without a conversation`,
          details: { protocol: protocol.toLowerCase(), sources_at_least: sources },
        };
      },
      bytes: ({ sources }) => 3000 + 60 * sources.size,
      save: ({ usual, bare, attempts, answered, sources, protocol, mostSources }) =>
        usual.hasLearned
          ? {
              usual: usual.save(),
              bare: bare.entries(),
              attempts: attempts.entries(),
              answered: answered.entries(),
              sources: sources.entries(),
              protocol,
              mostSources,
            }
          : undefined,
      load: (value) => {
        const saved = value as SavedFlood;
        const { protocol, mostSources } = saved;
        const fresh = newState();
        return {
          usual: fresh.usual.restore(saved.usual),
          bare: fresh.bare.restore(saved.bare),
          attempts: fresh.attempts.restore(saved.attempts),
          answered: fresh.answered.restore(saved.answered),
          sources: fresh.sources.restore(saved.sources),
          protocol,
          mostSources,
        };
      },
    };
  },
});
