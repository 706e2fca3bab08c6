/**
 * The state of one partition that must outlive its worker, as the topic `alert-episodes` has it: the newest value of
 * every key the engine gave. The topic is compacted, but compaction comes when it comes; so that a recovery stays short
 * the whole state is written again now and then, and a commit says from which offset on the topic is complete.
 */
import type { KafkaMessage, Message } from 'kafkajs';
import type { ChangelogEntry } from '../engine/changelog-entry.js';

/** A snapshot is written when so many entries, and four times the state, have been written since the last one … */
const SNAPSHOT_ENTRIES_MIN = 2000;
const SNAPSHOT_FACTOR = 4;
/** … or when the last one is so old; compaction leaves newer ones alone (`min.compaction.lag.ms`), ms. */
const SNAPSHOT_AGE_MS = 20 * 60_000;
/** Opens a snapshot, so that an empty one has an offset too. Engine keys never look like this. */
const SNAPSHOT_KEY = '#snapshot';

export class Changelog {
  private readonly values = new Map<string, string>();
  /** Keys that have to be deleted from the topic with the next append. */
  private leftOvers: string[] = [];
  private entriesSinceSnapshot = 0;
  private snapshotAt = Number.NEGATIVE_INFINITY;
  private start = 0;

  /** The offset from which on the topic is complete. */
  get from(): number {
    return this.start;
  }

  startAt(offset: number): void {
    this.start = offset;
  }

  /** The topic holds nothing of it any more: the next append writes everything. */
  rewrite(): void {
    this.snapshotAt = Number.NEGATIVE_INFINITY;
  }

  /** Takes up a record of the topic. */
  read(message: KafkaMessage): void {
    const key = message.key?.toString() ?? '';
    if (key === SNAPSHOT_KEY) return;
    if (message.value === null) this.values.delete(key);
    else this.values.set(key, message.value.toString());
    this.entriesSinceSnapshot++;
  }

  /** What has been read, for the engine. */
  restored(): ChangelogEntry[] {
    return [...this.values].map(([key, value]) => ({ key, value }));
  }

  /** Deletes an entry with the next append. */
  drop(key: string): void {
    if (this.values.delete(key)) this.leftOvers.push(key);
  }

  /** The records for what has changed; for everything when a snapshot is due. */
  append(
    changes: readonly ChangelogEntry[],
    nowMs: number,
  ): { readonly messages: readonly Message[]; readonly isSnapshot: boolean } {
    const messages: Message[] = this.leftOvers.map((key) => ({ key, value: null }));
    this.leftOvers = [];
    for (const { key, value } of changes) {
      if (value === null) {
        this.values.delete(key);
        messages.push({ key, value: null });
      } else {
        this.values.set(key, value);
      }
    }
    if (!this.isSnapshotDue(changes.length, nowMs)) {
      for (const { key, value } of changes) if (value !== null) messages.push({ key, value });
      this.entriesSinceSnapshot += messages.length;
      return { messages, isSnapshot: false };
    }
    this.entriesSinceSnapshot = 0;
    this.snapshotAt = nowMs;
    messages.unshift({ key: SNAPSHOT_KEY, value: null });
    for (const [key, value] of this.values) messages.push({ key, value });
    return { messages, isSnapshot: true };
  }

  private isSnapshotDue(changes: number, nowMs: number): boolean {
    const entries = this.entriesSinceSnapshot + changes;
    if (nowMs - this.snapshotAt > SNAPSHOT_AGE_MS) return true;
    return entries > SNAPSHOT_ENTRIES_MIN && entries > SNAPSHOT_FACTOR * this.values.size;
  }
}
