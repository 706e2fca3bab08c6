/** Creates the topics of the catalogue that are missing. Existing ones are never changed, shrunk or deleted. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { TOPICS, type TopicId, topicName } from '../../schemas/topics.js';
import { Failure, messageOf } from '../process/failure.js';
import { defineOptions, type Settings } from '../process/options.js';

export const topicOptions = defineOptions({
  partitions: {
    kind: 'integer',
    env: 'NTA_PARTITIONS',
    default: 4,
    minimum: 1,
    maximum: 10_000,
    unit: 'partitions',
    help: 'partitions of topics that are created: the most processor workers that can share the work',
  },
  replicationFactor: {
    kind: 'integer',
    env: 'NTA_REPLICATION_FACTOR',
    default: 0,
    minimum: 0,
    maximum: 100,
    unit: 'replicas',
    help: 'replicas of topics that are created; 0 takes three, or as many brokers as there are',
  },
  retentionHours: {
    kind: 'integer',
    env: 'NTA_TOPIC_RETENTION_HOURS',
    default: 24,
    minimum: 1,
    maximum: 8_760,
    unit: 'hours',
    help: 'how long the topic packets keeps records, when it is created',
  },
  retentionBytes: {
    kind: 'size',
    env: 'NTA_TOPIC_RETENTION_BYTES',
    default: 0,
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    help: 'bound on each partition of packets, when it is created; 0 is none',
  },
});
export type TopicSettings = Settings<typeof topicOptions> & { readonly topicPrefix: string };

export interface TopicSetupResult {
  readonly created: readonly string[];
  readonly existing: readonly string[];
}

/**
 * @throws Failure `TOPIC_LAYOUT` when topics that workers read partition by partition differ in their partition counts.
 */
export async function ensureTopics(kafka: Kafka, settings: TopicSettings): Promise<TopicSetupResult> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const wanted = (Object.keys(TOPICS) as TopicId[]).map((id) => ({ id, name: topicName(id, settings.topicPrefix) }));
    const missing = wanted.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) await createTopics(admin, missing, settings);
    await checkCopartitioning(admin, settings.topicPrefix);
    return {
      created: missing.map(({ name }) => name),
      existing: wanted.filter(({ name }) => existing.has(name)).map(({ name }) => name),
    };
  } finally {
    await admin.disconnect();
  }
}

async function createTopics(
  admin: Admin,
  topics: readonly { id: TopicId; name: string }[],
  settings: TopicSettings,
): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = settings.replicationFactor || Math.min(3, brokers.length);
  // A fleet that adds topics later keeps the partition count that `packets` already has.
  const packets = topicName('packets', settings.topicPrefix);
  const partitions = topics.some(({ id }) => id === 'packets')
    ? settings.partitions
    : await partitionCount(admin, packets);
  try {
    await admin.createTopics({
      waitForLeaders: false,
      timeout: 30_000,
      topics: topics.map(({ id, name }) => ({
        topic: name,
        numPartitions: TOPICS[id].copartitioned ? partitions : 1,
        replicationFactor,
        configEntries: Object.entries({ ...TOPICS[id].config, ...packetRetention(id, settings) }).map(
          ([key, value]) => ({
            name: key,
            value,
          }),
        ),
      })),
    });
    await awaitLeaders(
      admin,
      topics.map(({ name }) => name),
    );
  } catch (error) {
    throw new Failure(
      'TOPIC_CREATE',
      `cannot create topics ${topics.map(({ name }) => name).join(', ')}: ${messageOf(error)}; the Kafka user needs Create on them, and --replication-factor must not exceed the ${brokers.length} broker(s)`,
      { cause: error },
    );
  }
}

/** How long new topics may take until every partition has a leader, milliseconds. */
const LEADER_TIMEOUT_MS = 30_000;
const LEADER_POLL_MS = 100;
/** Kafka's code of a topic that the broker asked has not heard of yet, and of a partition without a leader. */
const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);

/**
 * kafkajs waits for leaders itself, but gives up at once when the broker has not yet heard of the topic, which a KRaft
 * broker under load has not for some time after it was created.
 */
async function awaitLeaders(admin: Admin, names: string[]): Promise<void> {
  const deadline = performance.now() + LEADER_TIMEOUT_MS;
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      if (topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return;
    } catch (error) {
      if (!NOT_YET.has((error as { type?: string }).type ?? '') || performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) throw new Error(`no leaders for them within ${LEADER_TIMEOUT_MS / 1000} s`);
    await sleep(LEADER_POLL_MS);
  }
}

function packetRetention(id: TopicId, settings: TopicSettings): Record<string, string> {
  if (id !== 'packets') return {};
  return {
    'retention.ms': String(settings.retentionHours * 3_600_000),
    ...(settings.retentionBytes > 0 ? { 'retention.bytes': String(settings.retentionBytes) } : {}),
  };
}

/** From the metadata: offsets cannot be asked for as long as a partition that was just made has no leader. */
async function partitionCount(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.length ?? 0;
}

async function checkCopartitioning(admin: Admin, prefix: string): Promise<void> {
  const counts = new Map<string, number>();
  for (const id of Object.keys(TOPICS) as TopicId[]) {
    if (!TOPICS[id].copartitioned) continue;
    const name = topicName(id, prefix);
    counts.set(name, await partitionCount(admin, name));
  }
  if (new Set(counts.values()).size > 1) {
    const layout = [...counts].map(([name, count]) => `${name} has ${count}`).join(', ');
    throw new Failure(
      'TOPIC_LAYOUT',
      `topics must have the same number of partitions, but ${layout}: add partitions with kafka-topics.sh --alter, or use another --topic-prefix`,
    );
  }
}
