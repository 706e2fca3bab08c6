/** What detectors see of an episode. */
import type { WindowOutcomes } from './detector.js';

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

/** Bounds of what an episode keeps: distinct targets and values it tells apart, capture nodes it names, samples it shows. */
export const TARGETS_MAX = 1024;
export const VALUES_MAX = 65_536;
export const NODES_MAX = 256;
export const SAMPLE_MAX = 20;
