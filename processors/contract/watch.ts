/**
 * What a watcher (watcher.ts) is given and what it answers: the row at hand, attempts with what became of them, and the
 * functions that the engine calls.
 */
import type { Severity } from '../../schemas/alerts/alert.js';
import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertText, EpisodeEvidence } from './evidence.js';

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
