/**
 * The Kafka users of the manifests, each with its list of what it may do, on a broker that holds them to it: the whole
 * pipeline runs, every part as its own user, and none may do another's work.
 */
import { join } from 'node:path';
import getPort from 'get-port';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { grantLists, kafkaUsers } from '../support/kafka-users.js';
import { type PrivateStack, startPrivateStack } from '../support/local-stack.js';
import { type RunningCommand, runNta, startNta } from '../support/nta-command.js';
import { StoredRows } from '../support/sink-rows.js';

const PASSWORD = 'of-the-test';
let stack: PrivateStack;
let port: number;
const running: RunningCommand[] = [];

function clientOf(part: string): Kafka {
  return new Kafka({
    brokers: [`127.0.0.1:${port}`],
    sasl: { mechanism: 'plain', username: `nta-kafka-${part}`, password: PASSWORD },
    logLevel: logLevel.NOTHING,
    retry: { retries: 1 },
  });
}

function environmentOf(part: string): NodeJS.ProcessEnv {
  const { host, port: dbPort, user, password, database } = stack.postgres!;
  return {
    KAFKA_BROKERS: `127.0.0.1:${port}`,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: `nta-kafka-${part}`,
    KAFKA_SASL_PASSWORD: PASSWORD,
    DB_HOST: host,
    DB_PORT: String(dbPort),
    DB_NAME: database,
    DB_USER: user,
    DB_PASSWORD: password,
    // As on Kubernetes: what a part waits for it must be allowed to see.
    NTA_SETUP_WAIT: '15s',
  };
}

beforeAll(async () => {
  port = await getPort({ host: '127.0.0.1' });
  const logins = kafkaUsers.map(({ metadata }) => `user_${metadata.name}="${PASSWORD}"`).join(' ');
  stack = await startPrivateStack({
    kafka: true,
    postgres: true,
    kafkaListeners: { SASL_PLAINTEXT: port },
    kafkaProperties: {
      'listener.security.protocol.map': 'LOCAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
      'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${logins};`,
    },
  });
  const { brokers, user: username, password } = stack.kafka!;
  const admin = new Kafka({
    brokers: [...brokers],
    sasl: { mechanism: 'scram-sha-256', username, password },
    logLevel: logLevel.NOTHING,
  }).admin();
  await admin.connect();
  await grantLists(admin, (name) => `User:${name}`);
  await admin.disconnect();
});
afterAll(async () => {
  await Promise.all(running.map((part) => part.interrupt()));
  await stack?.remove();
});

it('run the whole pipeline, every part as its own', async () => {
  expect(await runNta(['setup'], { env: environmentOf('maintenance') })).toMatchObject({ code: 0, stderr: '' });
  for (const [part, args] of [
    ['processors', ['process']],
    ['sink', ['sink', 'postgres']],
    ['webhook', ['sink', 'webhook', '--webhook-url=http://127.0.0.1:9/', '--webhook-start=earliest']],
  ] as const)
    running.push(startNta([...args, '--log-level=debug'], { env: environmentOf(part) }));
  for (const part of running) await part.printed(/"service":"(processor|.*sink)","msg":"started"/);
  const capture = join(projectRoot, 'deploy', 'demonstration', 'demonstration.pcap');
  const replay = await runNta(['capture', `--read=${capture}`], { env: environmentOf('capture') });
  expect(replay.code, replay.stderr).toBe(0);
  const rows = new StoredRows(stack.postgres!);
  await expect.poll(() => rows.value('SELECT count(*) > 0 FROM alerts'), { timeout: 60_000 }).toBe(true);
  await expect.poll(() => rows.value('SELECT count(*) > 0 FROM capture_nodes'), { timeout: 60_000 }).toBe(true);
  const apiPort = await getPort({ host: '127.0.0.1' });
  const token = 'a-token-of-the-users-0123456789';
  const api = startNta(['api', `--api-port=${apiPort}`], { env: { ...environmentOf('api'), NTA_API_TOKEN: token } });
  running.push(api);
  await api.printed(/API and dashboard listen/);
  const made = await fetch(`http://127.0.0.1:${apiPort}/api/exceptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ rules: ['traceroute'], note: 'of the test' }),
  });
  expect(await made.json()).toMatchObject({ published: true });
  await running[0]!.printed(/exceptions in force/);
  // A beacon, stored as a sink would have.
  await rows.value(`WITH stored AS (
    INSERT INTO conversations (ended_at, started_at, id, originator_bytes, responder_bytes, originator_payload, responder_payload,
      originator_packets, responder_packets, origin_id, originator_port, responder_port, ip_protocol, state, outcome, begun, originator, responder)
    SELECT last_at, last_at, call, 700, 900, 400, 600, 5, 4, (SELECT min(id) FROM origins), 40000 + call, 443, 6, 4, 2, true, '10.0.0.7', '203.0.113.9'
    FROM (SELECT call, (SELECT max(ended_at) FROM conversations WHERE isfinite(ended_at)) - call * interval '4 minutes' AS last_at
          FROM generate_series(0, 29) AS call) AS calls RETURNING 1
  ) SELECT count(*) FROM stored`);
  const hunted = await runNta(['hunt', '--format=json'], { env: environmentOf('hunt') });
  expect(hunted, hunted.stderr).toMatchObject({ code: 0 });
  expect(hunted.stdout).toContain('"beacon"');
  await expect
    .poll(() => rows.value("SELECT count(*) FROM alerts WHERE rule_id = 'beacon'"), { timeout: 60_000 })
    .toBe('1');
  // It has read the alerts, and its receiver is nobody.
  await running[2]!.printed(/ECONNREFUSED|does not answer|refus/i);
  for (const part of running) expect(part.output().stderr).not.toMatch(/not authorized|AUTHORIZATION_FAILED/i);
});

it('may not do another’s work', async () => {
  const write = async (part: string, topic: string): Promise<string> => {
    const producer = clientOf(part).producer({ allowAutoTopicCreation: false });
    try {
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'forged' }] });
      return 'written';
    } catch (error) {
      return (error as Error).message;
    } finally {
      await producer.disconnect();
    }
  };
  const read = async (part: string, topic: string): Promise<string> => {
    const admin = clientOf(part).admin();
    try {
      await admin.connect();
      await admin.fetchTopicMetadata({ topics: [topic] });
      return 'read';
    } catch (error) {
      return (error as Error).message;
    } finally {
      await admin.disconnect();
    }
  };
  for (const [part, topic] of [
    ['capture', 'alerts'],
    ['sink', 'packets'],
    ['webhook', 'alerts'],
    ['processors', 'capture-nodes'],
    ['maintenance', 'packets'],
    ['hunt', 'packets'],
    ['api', 'alerts'],
    ['processors', 'exceptions'],
  ] as const)
    expect(await write(part, topic), `${part} to ${topic}`).toMatch(/not authorized/i);
  for (const [part, topic] of [
    ['capture', 'alerts'],
    ['webhook', 'packets'],
  ] as const)
    expect(await read(part, topic), `${part} of ${topic}`).toMatch(/not authorized/i);
});
