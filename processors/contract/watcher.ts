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
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import type { Observation, ObservationKind } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertText, Detector, DetectorOptionTable, IntegerOption, OptionValues, PacketKind } from './detector.js';
import type { EpisodeEvidence } from './evidence.js';

export type KeyKind = 'source' | 'target' | 'pair' | 'mac';

/**
 * What became of an attempt to begin a conversation. `half-open`: a SYN was answered, and its sender left it at that.
 * `unseen`: the tap sees one direction, so nothing is known.
 */
export type AttemptOutcome = 'answered' | 'refused' | 'unanswered' | 'half-open' | 'unseen';

/** An opening packet, once it is known what became of it: at the answer, or at the latest after `outcomeWait`. Reused. */
export interface Attempt {
  /** Of the opening packet, µs. */
  readonly time: number;
  readonly source: string;
  readonly target: string;
  /** A number that tells targets apart: the IPv4 address, or a hash beyond 2^32. */
  readonly targetKey: number;
  /** 6, 17, 132, 1 (ICMP), 58 (ICMPv6). */
  readonly ipProtocol: number;
  /** Of the target; 0 for ICMP. */
  readonly port: number;
  readonly sourcePort: number;
  readonly ttl: number;
  readonly outcome: AttemptOutcome;
}

/** The row at hand, and the keys it opens. */
export interface Watch<S> {
  /** Event time, µs. */
  readonly time: number;
  readonly site: string;
  /** Of observations: which link it was on, as text: VLAN and interface. Addresses of two links are two. */
  readonly link: string;
  /** State of the key, made when it is new. */
  source(): S;
  /** As `source`, but null when there is no state yet. */
  knownSource(): S | null;
  target(): S;
  pair(): S;
  key(text: string): S;
  /** Says how much the window of the key opened last holds now, and what this row adds to the evidence. */
  measure(value: number, related?: string, port?: number, packets?: number): void;
}

export interface WatcherText extends AlertText {
  /** Instead of the rule's. An episode never becomes less severe; when it becomes more so, an update says it at once. */
  readonly severity?: Severity;
  /** Instead of what follows from the key. */
  readonly source?: { readonly ip?: string; readonly mac?: string; readonly address: string };
  readonly destination?: { readonly ip?: string; readonly port?: number };
  /** MACs that claimed the address, for the evidence. */
  readonly macs?: EpisodeEvidence['macs'];
  /** Addresses beside those of the evidence. */
  readonly related?: readonly string[];
}

export interface Watcher<S> {
  newState(): S;
  /** Memory of a state, roughly; 400 where it is not said. */
  bytes?(state: S): number;
  /** Whether `packet` has to see a packet of its kinds: asked of each of them, so it must be fast. All where it is left out. */
  concerns?(block: PacketBlock, row: number): boolean;
  packet?(block: PacketBlock, row: number, watch: Watch<S>): void;
  attempt?(attempt: Attempt, watch: Watch<S>): void;
  conversation?(block: ConversationBlock, row: number, watch: Watch<S>): void;
  received?(block: ReceivedBlock, row: number, watch: Watch<S>): void;
  /** What a packet says of the link, of names or of echoes (schemas/observations); `watch.link` names the link. */
  observation?(observation: Observation, watch: Watch<S>): void;
  /** `evidence.source` is the key as text. */
  describe(evidence: EpisodeEvidence, state: S): WatcherText;
  /** The severity as it stands, where it may rise during an episode. */
  severity?(state: S): Severity;
  /** Of durable detectors: the state as JSON, and back. */
  save?(state: S): unknown;
  load?(value: unknown): S;
}

export interface WatcherSettings {
  readonly threshold: number;
  readonly windowMicros: number;
  readonly severity: Severity;
}

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
