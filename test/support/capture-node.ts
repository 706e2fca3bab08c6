/** Capture services for tests: the real ones, with the defaults of their options. */
import { type CaptureService, type CaptureSettings, captureOptions, createCapture } from '../../producers/capture.js';
import { createKafka, type KafkaSettings } from '../../runtime/kafka/client.js';
import { ensureTopics, topicOptions } from '../../runtime/kafka/topic-setup.js';
import { Registry } from '../../runtime/process/metrics.js';
import type { OptionTable, Settings } from '../../runtime/process/options.js';
import { topicName } from '../../schemas/topics.js';
import { type TestTopics, testLog } from './local-stack.js';

export function defaultsOf<T extends OptionTable>(table: T): Settings<T> {
  return Object.fromEntries(Object.entries(table).map(([key, option]) => [key, option.default])) as Settings<T>;
}

export interface TestCapture {
  readonly service: CaptureService;
  readonly registry: Registry;
}

/** A node that is not started yet; no spool unless `spoolDir` is given. */
export function createTestCapture(kafka: KafkaSettings, settings: Partial<CaptureSettings>): TestCapture {
  const registry = new Registry();
  const all = { ...defaultsOf(captureOptions), nodeId: 'node-1', spoolDir: '', ...settings, ...kafka };
  return { service: createCapture(all, testLog(), registry), registry };
}

export async function createTopics(topics: TestTopics): Promise<void> {
  const kafka = createKafka(topics.settings, 'nta-test', testLog());
  await ensureTopics(kafka, { ...defaultsOf(topicOptions), ...topics.settings });
  // Partitions that were just made have no offsets for a while, and tests ask for them even where nothing was published.
  const admin = kafka.admin();
  await admin.connect();
  try {
    await until('the topics can be read', async () => {
      const reads = (['packets', 'captureNodes'] as const).map((id) =>
        admin.fetchTopicOffsets(topicName(id, topics.prefix)),
      );
      return Promise.all(reads).then(
        () => true,
        () => false,
      );
    });
  } finally {
    await admin.disconnect();
  }
}

/** Resolves when the condition holds. @throws Error with `what` when it does not in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
