/**
 * Where a partition begins, from what the group has committed and what the topics hold now. A commit belongs to the topic it
 * was made for: one recreated under the same name begins at its first record, with empty windows, and the count of packets
 * goes on, as it does in the sink.
 */
import { positionBeyondEnd } from '../../runtime/kafka/reading-place.js';
import type { NodeClocks } from './live-clocks.js';
import { readCommitMetadata } from './partition-publisher.js';

export interface TopicBounds {
  readonly low: number;
  readonly high: number;
}

export interface CommittedState {
  readonly topic: string;
  readonly partition: number;
  readonly groupId: string;
  /** The group's commit; offset -1 when there is none. */
  readonly committed: { readonly offset: number; readonly metadata: string | null };
  readonly input: TopicBounds;
  readonly changelog: TopicBounds;
  /** Of the input topic as it is now; '' where the broker gives none (before Kafka 2.8). */
  readonly topicId: string;
}

export interface StartingPoint {
  /** Offset of the first record to process. */
  readonly offset: number;
  /** Offset of the first record to read again. */
  readonly replayFrom: number;
  readonly changelogFrom: number;
  /** Whether the changelog is that of this point; otherwise what it holds open is closed. */
  readonly isContinued: boolean;
  readonly packets: number;
  readonly alertEvents: number;
  readonly silentNodes: NodeClocks;
  /** Records that are gone before they were processed. */
  readonly lost: number;
  /** What the operator should know of it, or null. */
  readonly warning: string | null;
}

/** @throws Failure `PROCESS_POSITION` when the topic is the same and has lost what the group has processed. */
export function findStartingPoint(state: CommittedState): StartingPoint {
  const { committed, input, changelog, topicId, topic, partition } = state;
  const metadata = readCommitMetadata(committed.metadata);
  const fresh = {
    offset: input.low,
    replayFrom: input.low,
    changelogFrom: changelog.low,
    isContinued: false,
    packets: metadata?.packets ?? 0,
    alertEvents: metadata?.alert_events ?? 0,
    silentNodes: {},
    lost: 0,
    warning: null,
  };
  if (committed.offset < 0) return fresh;
  const committedTopic = metadata?.topic_id ?? '';
  const isKnown = committedTopic !== '' && topicId !== '';
  if (isKnown && committedTopic !== topicId)
    return { ...fresh, warning: `${topic} was recreated; it is processed from its start, with empty windows` };
  if (committed.offset > input.high) {
    // A commit of before there were ids in it, of a topic deleted since.
    if (!isKnown)
      return {
        ...fresh,
        warning: `${topic} ends before what was processed of it; it is processed from its start, with empty windows`,
      };
    throw positionBeyondEnd(
      'PROCESS_POSITION',
      { topic, partition, end: input.high, position: committed.offset },
      'the processors have processed',
      `stop them and start over with kafka-consumer-groups.sh --group ${state.groupId} --topic ${topic}:${partition} --reset-offsets --to-latest --execute`,
    );
  }
  const offset = Math.max(committed.offset, input.low);
  const lost = offset - committed.offset;
  if (metadata === null) {
    const warning = 'the committed offset is not this program’s: starting there with empty windows';
    return { ...fresh, offset, replayFrom: offset, lost, warning };
  }
  const isChangelogGone = metadata.changelog_from > changelog.high;
  return {
    offset,
    replayFrom: Math.min(Math.max(metadata.replay_from, input.low), offset),
    changelogFrom: isChangelogGone ? changelog.low : Math.max(metadata.changelog_from, changelog.low),
    isContinued: true,
    packets: metadata.packets,
    alertEvents: metadata.alert_events,
    silentNodes: metadata.silent_nodes ?? {},
    lost,
    warning: isChangelogGone
      ? 'the changelog ends before what was committed: the topic was recreated or lost records; alerts that were open may stay open'
      : null,
  };
}
