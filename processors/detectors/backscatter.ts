/**
 * A host that answers many of ours though none of them asked: somebody floods it with our addresses as the forged sources. It is
 * a victim, not an attacker.
 */
import { defineWatcher } from '../contract/watcher.js';
import { WindowedSet, WindowedSum } from '../contract/windowed.js';

interface Victim {
  readonly targets: WindowedSet<string>;
  readonly answers: WindowedSum;
}

/** An answer is repeated up to five times (SYN-ACK, Linux); so many that nobody asked for weigh as one more address. */
const REPEATS = 2;

export const backscatter = defineWatcher<Victim>()({
  id: 'backscatter',
  version: '1',
  name: 'Backscatter',
  summary:
    'A host answers many addresses that never asked (SYN-ACK, RST, ICMP errors): it is flooded elsewhere by somebody who forges these.',
  techniques: [],
  eventTypes: ['info'],
  severity: 1,
  keyedBy: 'pair',
  observations: ['unasked'],
  counts: 'addresses answered that never asked',
  threshold: {
    default: 8,
    minimum: 3,
    maximum: 10_000,
    help: 'addresses; a server answers one that has just gone away',
  },
  windowSeconds: { default: 60, minimum: 10, maximum: 3600, help: 'length of the window' },
  options: {},
  createWatcher: (_, { windowMicros, threshold }) => ({
    newState: () => ({
      targets: new WindowedSet<string>(windowMicros, 4 * threshold),
      answers: new WindowedSum(windowMicros),
    }),
    observation(observation, watch) {
      if (observation.kind !== 'unasked' || observation.source === '') return;
      const { source, destination, packets, port } = observation;
      const { targets, answers } = watch.key(source);
      const repeated = Math.floor(answers.add(watch.time, packets) / REPEATS);
      watch.measure(Math.max(targets.add(watch.time, destination), repeated), destination, port, packets);
    },
    describe: ({ source }, { targets }) => ({
      message: `${source} answers ${targets.size} ${targets.size === 1 ? 'address that' : 'addresses that'} never asked: it is under a flood with forged sources`,
      details: { addresses: targets.size },
      source: { ip: source, address: source },
    }),
    bytes: ({ targets }) => 400 + 60 * targets.size,
  }),
});
