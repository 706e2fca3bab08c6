/** Conversations by service, outcome, pair and port of the service, of a minute and an hour and a capture node, before they are added to the table. */

/** What is counted of a conversation, once the transaction knows what has been counted of it before. */
export interface CountedConversation {
  /** Signed, as bigint is written. */
  readonly id: string;
  /** Place among the rows. */
  readonly row: number;
  readonly ended: boolean;
  /** Whether it may be in the partition of those that are open. */
  readonly mayBeOpen: boolean;
  /** µs of its last packet. */
  readonly last: number;
  readonly captureNode: string;
  readonly service: string;
  readonly outcome: string;
  readonly pair: string;
  /** IP protocol and the port that was called, "6 443"; null where there are no ports. */
  readonly port: string | null;
  readonly packets: number;
  readonly bytes: number;
  /** Where it came from. */
  readonly partition: number;
  readonly offset: number;
}

export const ROLLUP_KINDS = ['service', 'outcome', 'pair', 'port'] as const;
export type RollupKind = (typeof ROLLUP_KINDS)[number];

export interface ConversationTally {
  conversations: number;
  packets: number;
  bytes: number;
}

/** What has been counted of a conversation while it was open. */
export interface CountedBefore {
  readonly packets: number;
  readonly bytes: number;
}

export interface RollupBucket {
  /** Minutes: 1 or 60. */
  readonly resolution: number;
  /** Start, seconds since 1970-01-01 UTC. */
  readonly startSeconds: number;
  readonly captureNode: string;
  readonly kind: RollupKind;
  readonly tallies: Map<string, ConversationTally>;
}

const SECOND_MICROS = 1e6;
const RESOLUTIONS = [1, 60] as const;

export function rollUp(
  conversations: readonly CountedConversation[],
  before: ReadonlyMap<string, CountedBefore>,
): RollupBucket[] {
  const buckets = new Map<string, RollupBucket>();
  for (const conversation of conversations) {
    const counted = before.get(conversation.id);
    // A node that was started again may know less of it than was told before.
    const tally = {
      conversations: conversation.ended ? 1 : 0,
      packets: Math.max(0, conversation.packets - (counted?.packets ?? 0)),
      bytes: Math.max(0, conversation.bytes - (counted?.bytes ?? 0)),
    };
    for (const resolution of RESOLUTIONS) {
      const seconds = 60 * resolution;
      const startSeconds = Math.floor(conversation.last / SECOND_MICROS / seconds) * seconds;
      for (const kind of ROLLUP_KINDS) {
        const name = conversation[kind];
        if (name === null) continue;
        const key = `${resolution} ${startSeconds} ${kind} ${conversation.captureNode}`;
        let bucket = buckets.get(key);
        if (bucket === undefined) {
          bucket = { resolution, startSeconds, captureNode: conversation.captureNode, kind, tallies: new Map() };
          buckets.set(key, bucket);
        }
        addTo(bucket.tallies, name, tally);
      }
    }
  }
  return [...buckets.values()];
}

function addTo(tallies: Map<string, ConversationTally>, name: string, added: ConversationTally): void {
  const tally = tallies.get(name);
  if (tally === undefined) {
    tallies.set(name, { ...added });
    return;
  }
  tally.conversations += added.conversations;
  tally.packets += added.packets;
  tally.bytes += added.bytes;
}

/** The row of all names that are not among the largest. */
export const REST = 'other';

export interface BoundedTallies {
  /** What to add to the rows of these names, that of the rest among them. */
  readonly additions: ReadonlyMap<string, ConversationTally>;
  /** Names whose rows go; what they held is added to the rest. */
  readonly removals: readonly string[];
}

/** Keeps the names with the most bytes, so that the rows of a bucket are bounded whatever the traffic and still add up. */
export function boundTallies(
  stored: ReadonlyMap<string, ConversationTally>,
  added: ReadonlyMap<string, ConversationTally>,
  limit: number,
): BoundedTallies {
  const names = [...new Set([...stored.keys(), ...added.keys()])].filter((name) => name !== REST);
  const total = (name: string): number => (stored.get(name)?.bytes ?? 0) + (added.get(name)?.bytes ?? 0);
  // Of names with as many bytes those that are there stay.
  names.sort((a, b) => total(b) - total(a) || Number(stored.has(b)) - Number(stored.has(a)));
  const additions = new Map<string, ConversationTally>();
  for (const name of names.slice(0, limit)) {
    const tally = added.get(name);
    if (tally !== undefined) additions.set(name, tally);
  }
  const removals: string[] = [];
  const rest = new Map<string, ConversationTally>();
  for (const name of names.slice(limit)) {
    const before = stored.get(name);
    if (before !== undefined) {
      removals.push(name);
      addTo(rest, REST, before);
    }
    const tally = added.get(name);
    if (tally !== undefined) addTo(rest, REST, tally);
  }
  const given = added.get(REST);
  if (given !== undefined) addTo(rest, REST, given);
  const left = rest.get(REST);
  if (left !== undefined) additions.set(REST, left);
  return { additions, removals };
}
