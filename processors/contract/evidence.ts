/** What detectors see of an episode, and what they say of it. */

/** What became of the attempts that a window holds, as far as it is known by now. */
export interface WindowOutcomes {
  /** Counted: attempts, or distinct values of which none was answered (`failed`) or at least one was (`answered`). */
  readonly failed: number;
  readonly answered: number;
  /** Answered, but never completed by their sender; not among `failed`. */
  readonly halfOpen: number;
  readonly unseen: number;
  /** The most that failed at a single target. */
  readonly failedAtOne: number;
  /** Distinct targets of what failed. */
  readonly failedTargets: number;
}

/** What an episode has gathered, as detectors see it when they put an alert into words. Times in µs since the epoch. */
export interface EpisodeEvidence {
  /** The key as text: mostly the address of the source. */
  readonly source: string;
  readonly site: string;
  /** What became of the attempts, where the detector judges by it and the input says it. */
  readonly outcomes: WindowOutcomes | null;
  /** The destination port of detectors that keep one window each, else null. */
  readonly destinationPort: number | null;
  readonly threshold: number;
  readonly windowSeconds: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly crossed: number;
  readonly packets: number;
  readonly peak: number;
  readonly ports: { readonly distinct: number; readonly sample: readonly number[] };
  /** Beyond `TARGETS_MAX` distinct targets `distinct` stays there: at least so many. */
  readonly targets: { readonly distinct: number; readonly sample: readonly string[] };
  readonly macs: readonly { readonly mac: string; readonly firstSeen: number; readonly lastSeen: number }[];
  /** How often the value of a packet was another than that of the packet before. */
  readonly valueChanges: number;
  readonly closed: boolean;
}

/** What an alert says about its episode. Pure, and called only when an event is made. */
export interface AlertText {
  /** One line for people: who did what to whom, with the numbers. */
  readonly message: string;
  /** Facts of this detector for programs: `{ shape: 'vertical' }`. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Bounds of what an episode keeps: distinct targets and values it tells apart, capture nodes it names, samples it shows. */
export const TARGETS_MAX = 1024;
export const VALUES_MAX = 65_536;
export const NODES_MAX = 256;
export const SAMPLE_MAX = 20;
