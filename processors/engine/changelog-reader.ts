/**
 * Entries of the changelog read back. Apart from the engine, which writes them, because the validator takes a tenth of a
 * second to load and nobody but a worker has a changelog.
 */
import { z } from 'zod';
import type { ChangelogEntry } from './changelog-entry.js';

/** Whose incident it is (incidents.ts). */
const incidentShape = {
  timeline: z.string(),
  site: z.string(),
  role: z.enum(['source', 'target']),
  owner: z.string(),
  id: z.string(),
};

const snapshotSchema = z.strictObject({
  kind: z.literal('episode'),
  timeline: z.string(),
  /** Entries of before there were sites have none. */
  site: z.string().optional(),
  severity: z.number().int().optional(),
  source: z.string(),
  detector: z.string(),
  version: z.string(),
  part: z.number().int(),
  crossed: z.number(),
  firstSeen: z.number(),
  lastSeen: z.number(),
  lastFull: z.number(),
  packets: z.number(),
  peak: z.number(),
  sequence: z.number().int(),
  nextUpdate: z.number(),
  valueChanges: z.number(),
  lastValue: z.number(),
  captureNodes: z.array(z.string()),
  lastNode: z.string(),
  /** The timeline of the last packet; entries of before there were groups have none. */
  run: z.string().optional(),
  /** The clock of its source. */
  clock: z.number(),
  /** Distinct values: a list, or for many ports a bitmap of 65,536 bits in base64. */
  values: z.union([z.array(z.number()), z.base64()]),
  valueSample: z.array(z.number()),
  targets: z.array(z.number()),
  targetSample: z.array(z.string()),
  macs: z.array(z.tuple([z.number(), z.number(), z.number()])),
  /** What became of the attempts of the latest full window; older entries have none. */
  outcomes: z
    .object({
      failed: z.number(),
      answered: z.number(),
      halfOpen: z.number(),
      unseen: z.number(),
      failedAtOne: z.number(),
      failedTargets: z.number(),
    })
    .nullish(),
  /** Entries of before there were incidents have none. */
  incident: z.strictObject(incidentShape).nullish(),
  /** The exception that keeps it from being published, and up to when, µs; null when that does not end. */
  excepted: z.strictObject({ id: z.string(), until: z.number().nullable() }).nullish(),
  /** What its watcher had to say of it; older entries have none. */
  words: z.looseObject({ message: z.string() }).nullish(),
  /** Community IDs, and how many rows were asked for theirs; older entries have none. */
  conversations: z.array(z.string()).optional(),
  conversationsAsked: z.number().int().optional(),
});
/** An open episode as the changelog holds it. */
export type EpisodeSnapshot = z.infer<typeof snapshotSchema>;

const windowSchema = z.strictObject({
  kind: z.literal('window'),
  /** The timeline group. */
  timeline: z.string(),
  site: z.string().optional(),
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

const stateSchema = z.strictObject({
  kind: z.literal('state'),
  timeline: z.string(),
  site: z.string(),
  source: z.string(),
  detector: z.string(),
  version: z.string(),
  part: z.number().int(),
  clock: z.number(),
  run: z.string(),
  first: z.number(),
  last: z.number(),
  recent: z.array(z.tuple([z.string(), z.number()])),
  /** What the watcher's `save` gave. */
  value: z.unknown(),
});

/** The state of a durable watcher. */
export type DurableState = z.infer<typeof stateSchema>;

const incidentSchema = z.strictObject({
  kind: z.literal('incident'),
  ...incidentShape,
  began: z.number(),
  quietAt: z.number(),
});
/** An incident that episodes may still join. */
export type IncidentSnapshot = z.infer<typeof incidentSchema>;

export type ChangelogState = EpisodeSnapshot | DurableWindow | DurableState | IncidentSnapshot;

const SCHEMAS = {
  episode: snapshotSchema,
  window: windowSchema,
  state: stateSchema,
  incident: incidentSchema,
} as const;

/** A key that is not gone, with its entry or the reason why that cannot be read. */
export interface ChangelogReading {
  readonly key: string;
  readonly entry: ChangelogState | string;
}

export function readChangelog(entries: Iterable<ChangelogEntry>): ChangelogReading[] {
  const readings: ChangelogReading[] = [];
  for (const { key, value } of entries) {
    if (value !== null) readings.push({ key, entry: readEntry(value) });
  }
  return readings;
}

function readEntry(text: string): ChangelogState | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const kind = (value as { kind?: keyof typeof SCHEMAS } | null)?.kind ?? 'episode';
  const result = (SCHEMAS[kind] ?? snapshotSchema).safeParse(value);
  return result.success ? result.data : z.prettifyError(result.error).replace(/\s+/g, ' ');
}
