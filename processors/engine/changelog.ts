/** Keys of the changelog's entries. */
import type { EpisodeKey } from './episode.js';

export function episodeEntryKey(key: EpisodeKey): string {
  return entryKey('episode', key);
}

export function windowEntryKey(key: EpisodeKey): string {
  return entryKey('window', key);
}

export function stateEntryKey(key: EpisodeKey): string {
  return entryKey('state', key);
}

function entryKey(kind: string, { detector, source, part, timeline, site }: EpisodeKey): string {
  const key = [kind, detector, source, part, timeline];
  return JSON.stringify(site === '' ? key : [...key, site]);
}
