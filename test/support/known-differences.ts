/**
 * Where the decoder and tshark differ, and why that is right. Each entry is as narrow as its reason: an entry that
 * forgives more than it explains would hide mistakes.
 */
import type { Difference } from './tshark-agreement.js';

export interface KnownDifference {
  readonly reason: string;
  applies(difference: Difference): boolean;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [];
