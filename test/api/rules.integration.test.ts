/** What processors look for: told by a real one on its topic, stored, shown; those that differ, and those that have fallen silent. */
import { rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Rules } from '../../api/routes/rules.js';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { defaultRules } from '../../processors/rules/default-rules.js';
import { withoutHunted } from '../../processors/rules/hunted-rules.js';
import { describeRules } from '../../processors/rules/rules-in-force.js';
import { Registry } from '../../runtime/process/metrics.js';
import type { RulesInForce } from '../../schemas/nodes/rules-in-force.js';
import { topicName } from '../../schemas/topics.js';
import { storeRules } from '../../sinks/nodes/rule-sink.js';
import { readTopic } from '../support/alert-log.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../support/local-stack.js';
import { createTopicsFor } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';

const FILE = join(tmpdir(), `nta-rules-${process.pid}.yaml`);

let api: ApiFixture;
let topics: TestTopics;
let processor: Processor | undefined;

beforeAll(async () => {
  [api, topics] = await Promise.all([createApiFixture(), createTestTopics()]);
  await createTopicsFor(topics, 1);
});
afterAll(async () => {
  await processor?.stop();
  await topics?.remove();
  await api?.remove();
  await rm(FILE, { force: true });
});

async function store(messages: readonly { value: Buffer; timestamp: string }[]): Promise<number> {
  const client = await api.pool.connect();
  try {
    return await storeRules(client, messages as never);
  } finally {
    client.release();
  }
}

/** What was told last, once it is what is waited for. */
async function told(isIt: (told: RulesInForce) => boolean): Promise<{ value: Buffer; timestamp: string }> {
  let found: { value: Buffer; timestamp: string } | undefined;
  await expect
    .poll(
      async () => {
        const last = (await readTopic(quietKafka(topics.brokers), topicName('rules', topics.prefix))).flat().at(-1);
        if (last?.value == null) return false;
        found = { value: last.value, timestamp: last.timestamp };
        return isIt(JSON.parse(last.value.toString()) as RulesInForce);
      },
      { timeout: 30_000, interval: 200 },
    )
    .toBe(true);
  return found!;
}

const ruleOf = ({ rules }: { rules: readonly { id: string }[] }, id: string) => rules.find((rule) => rule.id === id);

test('a database without processors has no rules', async () => {
  expect(await api.get<Rules>('/api/rules')).toEqual({ processors: [], rules: [], agree: true });
});

test('a processor tells what it has in force, and again when its file changes', async () => {
  await writeFile(
    FILE,
    'detectors:\n  port-scan: { threshold: 15, window: 90s, severity: critical }\n  arp-spoofing: { enabled: false }\n',
  );
  processor = createProcessor(
    { ...processSettings({ detectionConfig: FILE }), ...topics.settings },
    testLog(),
    new Registry(),
  );
  await processor.start();
  expect(await store([await told(() => true)])).toBe(0);
  const shown = await api.get<Rules>('/api/rules');
  expect(shown).toMatchObject({
    agree: true,
    processors: [{ processor: hostname(), configuration: FILE, state: 'online' }],
  });
  expect(ruleOf(shown, 'port-scan')).toMatchObject({
    enabled: true,
    threshold: 15,
    window_seconds: 90,
    severity: 5,
    keyed_by: 'source',
    techniques: [{ id: 'T1046' }],
    processors: [0],
  });
  expect(ruleOf(shown, 'arp-spoofing')).toMatchObject({ enabled: false, has_exceptions: false });

  await writeFile(FILE, 'detectors:\n  port-scan: { threshold: 20 }\n');
  await store([
    await told((now) => (ruleOf(now, 'port-scan') as { threshold?: number } | undefined)?.threshold === 20),
  ]);
  expect(ruleOf(await api.get<Rules>('/api/rules'), 'arp-spoofing')).toMatchObject({ enabled: true });
});

const message = (value: object | string, ageMs = 0) => ({
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  timestamp: String(Date.now() - ageMs),
});

test('processors that differ are told apart; those that are silent count no more; what is no rule is passed over', async () => {
  await api.pool.query('TRUNCATE rules_in_force');
  const rules = describeRules('worker', withoutHunted(defaultRules()));
  const of = (processorName: string): RulesInForce => ({
    processor: processorName,
    part: 'worker',
    configuration: '',
    version: '1',
    sent_at: new Date().toISOString(),
    interval_ms: 60_000,
    rules,
  });
  const other = rules.map((rule) => (rule.id === 'port-scan' ? { ...rule, threshold: 99 } : rule));
  expect(
    await store([
      message(of('a')),
      message({ ...of('b'), rules: other }),
      message({ ...of('gone'), rules: [] }, 600_000),
      message({ ...of('a'), part: 'hunt', rules: [] }),
      message('no json'),
      message({ ...of('c'), rules: [null] }),
    ]),
  ).toBe(2);
  const shown = await api.get<Rules>('/api/rules');
  expect(shown.agree).toBe(false);
  expect(shown.processors.map(({ processor: name, state }) => [name, state])).toEqual([
    ['a', 'online'],
    ['a', 'online'],
    ['b', 'online'],
    ['gone', 'silent'],
  ]);
  expect(shown.rules.filter(({ id }) => id === 'port-scan').map((rule) => [rule.threshold, rule.processors])).toEqual([
    [rules.find(({ id }) => id === 'port-scan')!.threshold, [1]],
    [99, [2]],
  ]);
  expect(shown.rules).toHaveLength(rules.length + 1);
  // Silent for a day, one is forgotten.
  await store([message(of('relic'), 2 * 86_400_000)]);
  expect((await api.get<Rules>('/api/rules')).processors.map(({ processor: name }) => name)).not.toContain('relic');
});
