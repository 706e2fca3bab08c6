/** An exception made through the API is in force at a worker within seconds, is counted, and expires. */
import type { Admin, Kafka } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ApiService, createApi } from '../../api/server.js';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { createRegistry, Registry } from '../../runtime/process/metrics.js';
import { formatTimestamp } from '../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { apiSettings, TOKEN } from '../api/api-settings.js';
import { progress, readAlerts } from '../support/alert-log.js';
import { SPREAD_SCANNER, spreadScan } from '../support/attack-stream.js';
import {
  createTestDatabase,
  createTestTopics,
  quietKafka,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { createTopicsFor, publishStream } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';
import { SECOND, TRAFFIC_START } from '../support/traffic.js';

const PARTITIONS = 3;
/** What is promised. */
const IN_FORCE_WITHIN = 5_000;

let topics: TestTopics;
let database: TestDatabase;
let kafka: Kafka;
let admin: Admin;
let api: ApiService;
let worker: Processor;
let registry: Registry;

beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
  await createTopicsFor(topics, PARTITIONS);
  kafka = quietKafka(topics.brokers);
  admin = kafka.admin();
  await admin.connect();
  api = createApi({ ...database.settings, ...apiSettings() }, testLog(), createRegistry(), topics.settings);
  await api.start();
  registry = new Registry();
  worker = createProcessor({ ...processSettings({}), ...topics.settings }, testLog(), registry);
});

afterEach(async () => {
  await worker?.stop();
  await api?.stop();
  await admin?.disconnect();
  await topics.remove();
  await database.remove();
});

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${api.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = (await response.json()) as T;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

async function metric(name: string): Promise<number> {
  const values = (await registry.getSingleMetric(`nta_process_${name}`)!.get()).values;
  return values.reduce((sum, { value }) => sum + value, 0);
}

const inForce = (count: number) =>
  expect.poll(() => metric('exceptions'), { timeout: IN_FORCE_WITHIN, interval: 50 }).toBe(count);

async function alertsOf(timeline: string): Promise<string[]> {
  await publishStream(topics, PARTITIONS, spreadScan(20, timeline));
  const done = () => progress(admin, groupName('processors', topics.prefix), topicName('packets', topics.prefix));
  await expect.poll(async () => (await done()).left, { timeout: 60_000 }).toBe(0);
  const alerts = await readAlerts(kafka, topicName('alerts', topics.prefix), (await done()).alerts);
  return alerts.map((alert) => `${alert.event.action} ${alert['@timestamp']}`);
}

it('is heeded within five seconds, counted, and over when it expires or is taken back', async () => {
  const { id, published } = await call<{ id: string; published: boolean }>('POST', '/exceptions', {
    sources: [SPREAD_SCANNER],
    note: 'our own scanner',
  });
  expect(published).toBe(true);
  await worker.start();
  // A worker knows all exceptions before it begins.
  expect(await metric('exceptions')).toBe(1);
  expect(await alertsOf('one')).toEqual([]);
  await expect.poll(() => metric('excepted_alerts_total')).toBe(1);

  expect(await call('DELETE', `/exceptions/${id}`)).toMatchObject({ id, deleted_by: 'api', published: true });
  await inForce(0);
  const expiry = formatTimestamp(TRAFFIC_START + 45 * SECOND);
  await call('POST', '/exceptions', { sources: [SPREAD_SCANNER], note: 'until then', expires_at: expiry });
  await inForce(1);
  expect((await alertsOf('two'))[0]).toBe(`open ${expiry}`);
  expect(await call<{ exceptions: object[] }>('GET', '/exceptions?all=true')).toMatchObject({
    exceptions: [{ note: 'until then' }, { note: 'our own scanner', deleted_by: 'api' }],
  });
});
