/**
 * Creates the topics of the catalogue that are missing, and gives those that workers read partition by partition the same
 * number of partitions. Nothing else of existing ones is changed, and nothing is shrunk or deleted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { TOPICS, type TopicId, topicName } from '../../schemas/topics.js';
import { Failure, messageOf } from '../process/failure.js';
import { defineOptions, type Settings } from '../process/options.js';

export const topicOptions = defineOptions({
  partitions: {
    kind: 'integer',
    env: 'NTA_PARTITIONS',
    default: 0,
    minimum: 0,
    maximum: 10_000,
    unit: 'partitions',
    help: 'the most processor workers that can share the work: partitions of topics that are created, and of existing ones that have fewer; 0 takes 4 for new ones and leaves those there are',
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

const NEW_PARTITIONS = 4;

export interface TopicSetupResult {
  readonly created: readonly string[];
  readonly existing: readonly string[];
  /** Existing ones that got partitions. */
  readonly grown: readonly TopicGrowth[];
  /** What was asked for and is not so, or null: Kafka takes no partitions away. */
  readonly note: string | null;
}

export interface TopicGrowth {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** @throws Failure `TOPIC_CREATE` or `TOPIC_GROW` with what Kafka says. */
export async function ensureTopics(kafka: Kafka, settings: TopicSettings): Promise<TopicSetupResult> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const wanted = (Object.keys(TOPICS) as TopicId[]).map((id) => ({ id, name: topicName(id, settings.topicPrefix) }));
    const missing = wanted.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) await createTopics(admin, missing, settings);
    const { grown, partitions } = await growTopics(admin, settings);
    const isMore = settings.partitions > 0 && partitions > settings.partitions;
    return {
      created: missing.map(({ name }) => name),
      existing: wanted.filter(({ name }) => existing.has(name)).map(({ name }) => name),
      grown,
      note: isMore
        ? `the topics have ${partitions} partitions and keep them: Kafka takes none away, so --partitions ${settings.partitions} changes nothing`
        : null,
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
    ? settings.partitions || NEW_PARTITIONS
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
async function awaitLeaders(admin: Admin, names: string[], least = 1): Promise<void> {
  const deadline = performance.now() + LEADER_TIMEOUT_MS;
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      if (topics.every(({ partitions }) => partitions.length >= least && partitions.every(({ leader }) => leader >= 0)))
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

/**
 * Topics that workers read partition by partition get as many partitions as the one that has most. `packets` comes last: what
 * it has is processed only where the others have it too.
 */
async function growTopics(
  admin: Admin,
  settings: TopicSettings,
): Promise<{ readonly grown: readonly TopicGrowth[]; readonly partitions: number }> {
  const ids = (Object.keys(TOPICS) as TopicId[]).filter((id) => TOPICS[id].copartitioned);
  const counted = await Promise.all(
    ids.map(async (id) => {
      const name = topicName(id, settings.topicPrefix);
      return { id, name, before: await partitionCount(admin, name) };
    }),
  );
  const partitions = Math.max(settings.partitions, ...counted.map(({ before }) => before));
  const grown = counted
    .filter(({ before }) => before < partitions)
    .sort((a, b) => Number(a.id === 'packets') - Number(b.id === 'packets'))
    .map(({ name, before }) => ({ name, before, after: partitions }));
  try {
    for (const { name } of grown) {
      await admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] });
      await awaitLeaders(admin, [name], partitions);
    }
  } catch (error) {
    const names = grown.map(({ name }) => name).join(', ');
    throw new Failure(
      'TOPIC_GROW',
      `cannot give ${names} ${partitions} partitions: ${messageOf(error)}; the Kafka user needs Alter on them`,
      { cause: error },
    );
  }
  return { grown, partitions };
}
