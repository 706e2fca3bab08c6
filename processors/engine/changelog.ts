/** Entries of the changelog: their keys, and reading their values back. */
import { z } from 'zod';
import { type EpisodeKey, type EpisodeSnapshot, parseEpisodeSnapshot } from './episode.js';

const windowSchema = z.strictObject({
  kind: z.literal('window'),
  /** The timeline group. */
  timeline: z.string(),
  source: z.string(),
  detector: z.string(),
  version: z.string(),
  part: z.number().int(),
  /** The clock of its source, and the timeline of its last packet; entries of before there were groups have none. */
  clock: z.number(),
  run: z.string().optional(),
  /** Time, value, how many it stands for, target, capture node. */
  sightings: z.array(z.tuple([z.number(), z.number(), z.number().int(), z.string(), z.string()])),
});

/** The window of a detector that remembers longer than input is re-read. */
export type DurableWindow = z.infer<typeof windowSchema>;

export function episodeEntryKey(key: EpisodeKey): string {
  return entryKey('episode', key);
}

export function windowEntryKey(key: EpisodeKey): string {
  return entryKey('window', key);
}

function entryKey(kind: string, { detector, source, part, timeline }: EpisodeKey): string {
  return JSON.stringify([kind, detector, source, part, timeline]);
}

/** An entry from its text, or the reason it is none. */
export function parseChangelogEntry(text: string): EpisodeSnapshot | DurableWindow | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if ((value as { kind?: unknown } | null)?.kind !== 'window') return parseEpisodeSnapshot(value);
  const result = windowSchema.safeParse(value);
  return result.success ? result.data : z.prettifyError(result.error).replace(/\s+/g, ' ');
}
