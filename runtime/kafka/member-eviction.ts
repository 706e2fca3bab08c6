/**
 * Leaves the consumer group in the name of a member whose process has ended, so that its partitions go to others at once
 * and not after the session timeout. kafkajs has no such call of its own; the connection to the group's coordinator, which
 * it lends to partition assigners, has.
 */
import type { Cluster, Kafka } from 'kafkajs';
import { groupCoordinator } from './kafkajs-internals.js';

/** @throws Error of Kafka's when the group does not know the member or cannot be reached. */
export async function evictMember(kafka: Kafka, groupId: string, memberId: string): Promise<void> {
  let cluster: Cluster | undefined;
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners: [
      (config) => {
        cluster = config.cluster;
        return { name: 'none', version: 0, assign: unused, protocol: unused };
      },
    ],
  });
  await consumer.connect();
  try {
    const coordinator = await groupCoordinator(cluster!, groupId);
    await coordinator.leaveGroup({ groupId, memberId });
  } finally {
    await consumer.disconnect();
  }
}

/** The consumer never joins. */
function unused(): never {
  throw new Error('this consumer is not meant to join its group');
}
