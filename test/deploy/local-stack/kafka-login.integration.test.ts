/** The local Kafka is for the account that started it alone, although every account of the machine reaches its port. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { provideKafkaDistribution } from '../../../deploy/local-stack/kafka-distribution.js';
import { kafkaClientFile } from '../../../deploy/local-stack/kafka-login.js';
import { type LocalStack, startLocalStack } from '../../../deploy/local-stack/local-stack.js';
import { projectRoot } from '../../../runtime/process/project.js';
import {
  giveKafkaPassword,
  type PrivateStack,
  quietKafka,
  startPrivateStack,
  testLog,
} from '../../support/local-stack.js';

const execute = promisify(execFile);
const INTRUDER = join(projectRoot, 'dist/test/support/kafka-intruder.js');

let stack: PrivateStack;

beforeAll(async () => {
  stack = await startPrivateStack({ kafka: true, postgres: false });
  await createTopic('alerts');
});

afterAll(async () => {
  await stack?.remove();
});

async function createTopic(topic: string): Promise<void> {
  const admin = quietKafka(stack.kafka!.brokers).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
  await admin.disconnect();
}

async function topicEnd(topic: string): Promise<string> {
  const admin = quietKafka(stack.kafka!.brokers).admin();
  await admin.connect();
  const [offsets] = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return offsets!.high;
}

test('another account can neither publish nor read, nor find the password', async () => {
  const ports = JSON.parse(readFileSync(join(stack.dataDir, 'kafka.json'), 'utf8')).ports as Record<string, number>;
  const { stdout } = await execute(process.execPath, [
    INTRUDER,
    stack.dataDir,
    String(ports['broker']),
    String(ports['controller']),
  ]);
  const { uid, results, commandLines } = JSON.parse(stdout) as {
    uid: number;
    results: Record<string, string>;
    commandLines: string[];
  };
  const filesAreOurs = uid === process.getuid?.();
  for (const [what, result] of Object.entries(results)) {
    if (filesAreOurs && what.startsWith('read ')) continue;
    expect(result, what).toMatch(/^refused: /);
  }
  expect(Object.keys(results).length).toBeGreaterThan(10);
  expect(commandLines.join('\n')).not.toContain(stack.kafka!.password);
  expect(await topicEnd('alerts')).toBe('0');
});

test('its secrets are in files of mode 0600', () => {
  for (const file of ['kafka-password', 'kafka.properties', 'kafka/server.properties', 'kafka/login'])
    expect(statSync(join(stack.dataDir, file)).mode & 0o777, file).toBe(0o600);
});

describe('who has the file kafka.properties', () => {
  test("uses Kafka's own tools", async () => {
    const { java, classPath } = await provideKafkaDistribution({ dataDir: stack.dataDir });
    const { stdout } = await execute(java.command, [
      ...['-XX:TieredStopAtLevel=1', '-cp', classPath, 'org.apache.kafka.tools.TopicCommand', '--list'],
      ...['--bootstrap-server', stack.kafka!.brokers[0]!, '--command-config', kafkaClientFile(stack.dataDir)],
    ]);
    expect(stdout.split('\n')).toContain('alerts');
  });
});

test('data that knows no login, or another one, is given it at the next start and kept', async () => {
  await createTopic('kept');
  await stack.stop();
  // As older versions left it, which asked nobody.
  rmSync(join(stack.dataDir, 'kafka/login'));
  giveKafkaPassword(stack.dataDir, 'another-password-of-32-characters');
  stack = { ...stack, ...(await startAgain()) };
  expect(stack.kafka!.password).toBe('another-password-of-32-characters');
  await stack.stop();
  giveKafkaPassword(stack.dataDir, inject('kafkaPassword'));
  stack = { ...stack, ...(await startAgain()) };
  expect(await topicEnd('kept')).toBe('0');
});

async function startAgain(): Promise<LocalStack> {
  return startLocalStack({ kafka: true, postgres: false, dataDir: stack.dataDir, log: testLog() });
}
