/** Keys of the changelog's entries. */
import type { EpisodeKey } from './episode.js';

export function episodeEntryKey(key: EpisodeKey): string {
  return entryKey('episode', key);
}

export function windowEntryKey(key: EpisodeKey): string {
  return entryKey('window', key);
}

function entryKey(kind: string, { detector, source, part, timeline }: EpisodeKey): string {
  return JSON.stringify([kind, detector, source, part, timeline]);
}
