/** Turns of phrase that the alerts' messages share. */
import { type EpisodeEvidence, TARGETS_MAX } from '../contract/evidence.js';

/** "1 host", "17 hosts", "at least 1024 hosts". */
export function counted(targets: EpisodeEvidence['targets'], noun: string): string {
  const { distinct } = targets;
  return `${distinct >= TARGETS_MAX ? 'at least ' : ''}${distinct} ${noun}${distinct === 1 ? '' : 's'}`;
}

/** How long the episode has lasted: "0.25 s", "61 s". */
export function seconds(evidence: EpisodeEvidence): string {
  const length = (evidence.lastSeen - evidence.firstSeen) / 1e6;
  return `${length < 10 ? Math.round(length * 1000) / 1000 : Math.round(length)} s`;
}

/** "to 192.0.2.1" for a single target, "to 17 hosts" otherwise. */
export function toTargets(targets: EpisodeEvidence['targets']): string {
  return targets.distinct === 1 ? `to ${targets.sample[0]}` : `to ${counted(targets, 'host')}`;
}
