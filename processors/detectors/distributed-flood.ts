/**
 * Many sources, mostly forged, that begin more towards one host than it answers, or begin and never go on. What many clients
 * do to a busy service is told from it by what follows: they are answered, and say more than one packet.
 */
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
  protocol: string;
  mostSources: number;
}

export const distributedFlood = defineWatcher<Flood>()({
  id: 'distributed-flood',
  version: '1',
  name: 'Distributed flood',
  summary:
    'Many sources begin far more conversations towards one host within the window than it answers, or never complete them: floods of SYN or UDP, forged ones too.',
  techniques: [{ id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood' }],
  eventTypes: ['denied'],
  severity: 4,
  keyedBy: 'target',
  received: true,
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
  },
  createWatcher: ({ minimumSources }, { windowMicros }) => ({
    newState: () => ({
      bare: new WindowedSum(windowMicros),
      attempts: new WindowedSum(windowMicros),
      answered: new WindowedSum(windowMicros),
      sources: new WindowedSet<number>(windowMicros, 4 * minimumSources),
      protocol: '',
      mostSources: 0,
    }),
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
      const measured = state.mostSources < minimumSources ? 0 : Math.max(lost, bare);
      watch.measure(measured, named, block.port[row]!, attempts);
    },
    describe: ({ source, packets, peak }, { protocol, mostSources }) => ({
      message: `${source} is flooded: ${packets} ${protocol} of at least ${mostSources} sources, at most ${peak} in ${windowMicros / 1e6} s without a conversation`,
      details: { protocol: protocol.toLowerCase(), sources_at_least: mostSources },
    }),
    bytes: ({ sources }) => 3000 + 60 * sources.size,
  }),
});
