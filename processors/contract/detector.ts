/**
 * What a detector is: its identity, what it looks for, its thresholds with what each means, and three pure functions.
 * The engine owns windows, episodes, ids, evidence and the state budget, so a detector keeps no state at all. Adding one
 * is one file that calls `defineDetector` and one line in built-in.ts, or a module of its own given by `--detector`.
 */
import type { AlertTechnique, Severity } from '../../schemas/alerts/alert.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import type { ObservationKind } from '../../schemas/observations/observation.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { AlertText, EpisodeEvidence, WindowOutcomes } from './evidence.js';
import type { KeyKind, Watcher, WatcherSettings } from './watch.js';

/** Kinds of packets that the engine tells apart before any detector runs. */
export const PACKET_KINDS = [
  /** SYN without ACK: a connection is asked for, with FIN or RST in it or not (scanners try these, too). */
  'tcp-syn',
  /**
   * No flags at all, FIN alone, or FIN with PSH and URG ("Xmas"): shapes that no connection begins with; and a first fragment
   * too short to hold the flags (RFC 1858).
   */
  'tcp-stealth',
  'tcp',
  /** All of UDP, that which opens a conversation included. */
  'udp',
  /** UDP that opens a conversation: a thirtieth of it, so that whoever needs no more should ask for no more. */
  'udp-opening',
  /** SCTP that opens an association. */
  'sctp-opening',
  'icmp',
  'arp',
  'neighbor-discovery',
  'other',
] as const;
export type PacketKind = (typeof PACKET_KINDS)[number];

/** A whole number of the configuration file. */
export interface IntegerOption {
  readonly kind: 'integer';
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly help: string;
}
export interface BooleanOption {
  readonly kind: 'boolean';
  readonly default: boolean;
  readonly help: string;
}
/** Port numbers, 0 … 65535. */
export interface PortsOption {
  readonly kind: 'ports';
  readonly default: readonly number[];
  readonly help: string;
}
/** IP networks or addresses: "192.0.2.0/24", "2001:db8::1". */
export interface NetworksOption {
  readonly kind: 'networks';
  readonly default: readonly string[];
  readonly help: string;
}
/** Hardware addresses, or their first bytes: "00:00:5e:00:01". */
export interface MacsOption {
  readonly kind: 'macs';
  readonly default: readonly string[];
  readonly help: string;
}
/** Names of domains: "example.org". */
export interface DomainsOption {
  readonly kind: 'domains';
  readonly default: readonly string[];
  readonly help: string;
}
export type DetectorOption = IntegerOption | BooleanOption | PortsOption | NetworksOption | MacsOption | DomainsOption;
export type DetectorOptionTable = Readonly<Record<string, DetectorOption>>;

type ValueOf<O extends DetectorOption> = O extends IntegerOption
  ? number
  : O extends BooleanOption
    ? boolean
    : O extends PortsOption
      ? readonly number[]
      : readonly string[];
export type OptionValues<T extends DetectorOptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };
export type DetectorOptions = Readonly<Record<string, number | boolean | readonly number[] | readonly string[]>>;

/** Answer of `observe` for a packet that does not count. */
export const NOT_COUNTED = -1;

/**
 * Looks at one packet of the kinds asked for. Called for each of them, so it must be fast and allocate nothing.
 * Answers `NOT_COUNTED`, or for `measure: 'distinct'` the value to be told apart, a whole number from 0 to 2^53 - 1
 * (for `measure: 'count'` any number from 0).
 */
export type PacketObserver = (block: PacketBlock, row: number) => number;

export interface Detector<T extends DetectorOptionTable = DetectorOptionTable> {
  /** `rule.id` of its alerts and its key in the configuration file: lower case, digits and hyphens. */
  readonly id: string;
  /** Part of the alerts' ids: raise it when the same packets would give other alerts. */
  readonly version: string;
  readonly name: string;
  /** One sentence for the README: what it finds and what it does not. */
  readonly summary: string;
  readonly techniques: readonly AlertTechnique[];
  /** `event.type` of ECS. */
  readonly eventTypes: readonly string[];
  readonly severity: Severity;
  /** Who is watched; what is not the source is for watchers (watcher.ts). */
  readonly keyedBy: KeyKind;
  /** Whether a source has one window for each destination port, each with episodes of its own. */
  readonly perDestinationPort: boolean;
  /** Kinds of packets that `observe` gets to see. */
  readonly packets: readonly PacketKind[];
  /** What the threshold counts within the window: packets, or the distinct values that `observe` answers. */
  readonly measure: 'count' | 'distinct';
  /** What the distinct values are, which decides how the evidence lists them. */
  readonly values: 'none' | 'ports' | 'macs';
  /** Its windows outlive a restart in the changelog, so they may be longer than input is re-read. For sparse packets only. */
  readonly durable: boolean;
  /** Slow memory: in a fleet `nta hunt` runs it over stored conversations, and workers do not; `nta analyze` runs all. */
  readonly hunted?: boolean;
  /** Of conversations it counts only those that this search finds: what a hunt asks Postgres for. */
  readonly conversationSearch?: string;
  readonly threshold: Omit<IntegerOption, 'kind'>;
  readonly windowSeconds: Omit<IntegerOption, 'kind'>;
  readonly options: T;
  /** What the threshold counts, in words; of watchers. */
  readonly counts?: string;
  /** A detector with key, measure and state of its own, made by `defineWatcher`: `observe` is never asked. */
  readonly isWatcher?: boolean;
  readonly attempts?: boolean;
  readonly conversations?: boolean;
  readonly received?: boolean;
  readonly observations?: readonly ObservationKind[];
  createWatcher?(options: OptionValues<T>, settings: WatcherSettings): Watcher<unknown>;
  /**
   * How severe it is, by what became of the attempts in the window; the rule's severity where this is left out, and where
   * the input does not say what became of them.
   */
  judge?(outcomes: WindowOutcomes, settings: WatcherSettings): Severity;
  /** Attempts that `judge` leaves out; all count where this is left out. */
  judgesAttempt?(port: number, ttl: number): boolean;
  /** For `judge` by what became of logins, not of attempts: what a conversation at its end says; null when nothing. */
  judgeConversation?(block: ConversationBlock, row: number): 'failed' | 'answered' | null;
  /** A second detector under the same rule, with key, thresholds and episodes of its own. */
  readonly companion?: Detector;
  /** Makes the observer for these options; called when rules come into force. */
  createObserver(options: OptionValues<T>): PacketObserver;
  describe(evidence: EpisodeEvidence, options: OptionValues<T>): AlertText;
}

/** Keeps the literal types of the options while giving the common type. */
export function defineDetector<const T extends DetectorOptionTable>(detector: Detector<T>): Detector {
  return detector as unknown as Detector;
}

/** The detector's own options, each at its default. */
export function defaultOptions(detector: Detector): DetectorOptions {
  return Object.fromEntries(Object.entries(detector.options).map(([name, option]) => [name, option.default]));
}
