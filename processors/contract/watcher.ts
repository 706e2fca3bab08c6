/**
 * A detector whose key, measure and state are its own: keyed by target, pair, MAC or any text, fed by packets, by attempts
 * and what became of them, by conversations, or by what hosts received. Detectors that count or tell apart values of the
 * source's packets need none of this: they are `defineDetector` alone, exact and the cheapest.
 *
 * How one is written:
 *
 *     interface Sweep { readonly hosts: WindowedSet }                         // state of one key, bounded
 *     export const hostSweep = defineWatcher<Sweep>()({
 *       id: …, keyedBy: 'source', attempts: true, threshold: …, windowSeconds: …, options: …,
 *       createWatcher: (options, { windowMicros, threshold }) => ({
 *         newState: () => ({ hosts: new WindowedSet(windowMicros, 2 * threshold) }),
 *         attempt(attempt, watch) {
 *           if (attempt.outcome !== 'refused' && attempt.outcome !== 'unanswered') return;
 *           const { hosts } = watch.source();                                 // opens the key, made by newState when new
 *           watch.measure(hosts.add(attempt.time, attempt.target), attempt.target, attempt.port);
 *         },
 *         describe: (evidence, state) => ({ message: …, details: {} }),
 *       }),
 *     });
 *
 * A key is opened by `source`, `target`, `pair`, or `key(text)` (a MAC with its VLAN, a registered domain, …); several may be
 * opened for one row, `measure` speaks of the last. Keys never mix sites or timelines. When the measured value is at
 * least the threshold the key's window is full: the engine opens an episode, updates it, and closes it after a whole
 * window without a full one. Conditions on several values go into what is measured: answer 0 while another is not met.
 *
 * What must hold: state depends on nothing but the rows of the last window (use the classes of windowed.ts), so that a restart
 * rebuilds it by reading these again. `durable` detectors are kept in the changelog instead, by `save` and `load`, and may
 * remember longer; for sparse rows only. State is bounded whatever comes.
 *
 * In a fleet a partition sees the packets, attempts and conversations a host began, and what it received. So key by
 * `target` only from `received`, and by text only what comes from one sender's address; `nta analyze` sees all at once.
 */
import type { AlertTechnique, Severity } from '../../schemas/alerts/alert.js';
import type { ObservationKind } from '../../schemas/observations/observation.js';
import type { Detector, DetectorOptionTable, IntegerOption, OptionValues, PacketKind } from './detector.js';
import type { EpisodeEvidence } from './evidence.js';
import type { KeyKind, Watcher, WatcherSettings } from './watch.js';

export interface WatcherDetector<S, T extends DetectorOptionTable> {
  readonly id: string;
  readonly version: string;
  readonly name: string;
  readonly summary: string;
  readonly techniques: readonly AlertTechnique[];
  readonly eventTypes: readonly string[];
  readonly severity: Severity;
  readonly keyedBy: KeyKind;
  /** Kinds of packets that `packet` gets to see. */
  readonly packets?: readonly PacketKind[];
  readonly attempts?: boolean;
  readonly conversations?: boolean;
  readonly received?: boolean;
  /** Kinds of observations that `observation` gets to see. */
  readonly observations?: readonly ObservationKind[];
  readonly durable?: boolean;
  /** In a fleet `nta hunt` runs it over stored conversations, and workers do not: of `conversation` alone then. */
  readonly hunted?: boolean;
  /** Of conversations it counts only those that this search finds: what a hunt asks Postgres for. */
  readonly conversationSearch?: string;
  /** A second watcher under the same rule, with thresholds and episodes of its own. */
  readonly companion?: Detector;
  /** What the threshold counts, for the alert's reason: "hosts", "failed logins". */
  readonly counts: string;
  readonly threshold: Omit<IntegerOption, 'kind'>;
  readonly windowSeconds: Omit<IntegerOption, 'kind'>;
  readonly options: T;
  createWatcher(options: OptionValues<T>, settings: WatcherSettings): Watcher<S>;
}

/** The detector in the common type; `defineWatcher<State>()({ … })` keeps the literal types of its options. */
export function defineWatcher<S>(): <const T extends DetectorOptionTable>(detector: WatcherDetector<S, T>) => Detector {
  return (detector) =>
    ({
      perDestinationPort: false,
      measure: 'count',
      values: 'none',
      durable: false,
      packets: [],
      createObserver: () => () => -1,
      describe: ({ source }: EpisodeEvidence) => ({ message: source, details: {} }),
      ...(detector as unknown as Partial<Detector> & WatcherDetector<S, DetectorOptionTable>),
      isWatcher: true,
    }) as unknown as Detector;
}
