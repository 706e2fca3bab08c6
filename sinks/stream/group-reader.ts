/** What every sink that reads a topic as a member of a group has in common. */
import { METADATA_AGE_MAX_MS } from '../../runtime/kafka/client.js';
import { Failure, messageOf } from '../../runtime/process/failure.js';

const HEARTBEAT_INTERVAL_MS = 1_000;

/** Settings of the consumer. */
export const GROUP_READER = {
  allowAutoTopicCreation: false,
  /** Kafka takes a member that is silent for this long for dead; the least that brokers allow by default. */
  sessionTimeout: 6_000,
  heartbeatInterval: HEARTBEAT_INTERVAL_MS,
  maxWaitTimeInMs: 100,
  metadataMaxAge: METADATA_AGE_MAX_MS,
} as const;

/** Offsets are committed no more often. */
export const COMMIT_INTERVAL_MS = 1_000;

/**
 * Sends heartbeats while the work goes on, so that a long wait does not cost the assignment. A heartbeat that fails says that
 * the group rebalances: the work may look at it, and its end is that error, which lets kafkajs join again.
 */
export async function withHeartbeats(
  heartbeat: () => Promise<void>,
  work: (hasFailed: () => boolean) => Promise<void>,
): Promise<void> {
  let failure: unknown = null;
  const timer = setInterval(() => {
    heartbeat().catch((error: unknown) => {
      failure = error;
    });
  }, HEARTBEAT_INTERVAL_MS);
  try {
    await work(() => failure !== null);
  } finally {
    clearInterval(timer);
  }
  if (failure !== null) throw failure;
}

/** For a consumer that has stopped for good. */
export function readingStopped(topic: string, cause: unknown): Failure {
  return new Failure(
    'SINK_CONSUMER',
    `reading ${topic} has stopped: ${messageOf(cause)}; the process ends, so that its supervisor starts it again`,
    { cause },
  );
}
