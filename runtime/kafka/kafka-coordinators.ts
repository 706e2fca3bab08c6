/**
 * Coordinators of groups and transactions, asked for once in a while. kafkajs asks which broker it is before each step of a
 * transaction, four times in all: nearly half of its round trips, one after the other.
 */
import type { Kafka } from 'kafkajs';
import { type CoordinatorOf, withClusters } from './kafkajs-internals.js';

/** Longer than a transaction takes, and no more: who asks the wrong broker is refused and has to start again. ms. */
const KNOWN_FOR_MS = 200;

interface KnownCoordinator {
  readonly metadata: Promise<unknown>;
  readonly until: number;
}

/** A client like `kafka` whose producers share what they learn of coordinators. */
export function withKnownCoordinators(kafka: Kafka): Kafka {
  const known = new Map<string, KnownCoordinator>();
  return withClusters(kafka, (cluster) => {
    const ask = cluster.findGroupCoordinatorMetadata.bind(cluster);
    cluster.findGroupCoordinatorMetadata = (of: CoordinatorOf) => {
      const key = `${of.coordinatorType} ${of.groupId}`;
      const now = performance.now();
      const last = known.get(key);
      if (last !== undefined && now < last.until) return last.metadata;
      const metadata = ask(of);
      known.set(key, { metadata, until: now + KNOWN_FOR_MS });
      metadata.catch(() => known.delete(key));
      return metadata;
    };
  });
}
