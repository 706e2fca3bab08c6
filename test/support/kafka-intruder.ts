/**
 * Somebody else on the machine who would publish an alert: `node kafka-intruder.js DATA_DIR BROKER_PORT CONTROLLER_PORT`. Started by
 * root it becomes the user 65534. Prints what became of each attempt as a JSON object: "refused: …", or what it got.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';

const [dataDir = '', brokerPort = '', controllerPort = ''] = process.argv.slice(2);
const NOBODY = 65_534;

if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

async function attempt(action: () => unknown): Promise<string> {
  try {
    return `done: ${JSON.stringify(await action())}`;
  } catch (error) {
    return `refused: ${String(error)}`;
  }
}

function client(port: string, login: Partial<KafkaConfig>): Kafka {
  return new Kafka({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 3_000,
    retry: { retries: 0 },
    ...login,
  });
}

async function forge(port: string, login: Partial<KafkaConfig>): Promise<unknown> {
  const producer = client(port, login).producer();
  try {
    await producer.connect();
    return await producer.send({ topic: 'alerts', messages: [{ value: '{"message":"forged"}' }] });
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
}

async function listTopics(port: string): Promise<unknown> {
  const admin = client(port, {}).admin();
  try {
    await admin.connect();
    return await admin.listTopics();
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

const guess = (mechanism: 'scram-sha-256' | 'plain', username: string): Partial<KafkaConfig> => ({
  sasl: { mechanism, username, password: 'guessed' } as KafkaConfig['sasl'] & object,
});

const files = ['kafka-password', 'kafka.properties', 'kafka/server.properties', 'kafka/login', 'logs/kafka.log'];
const results: Record<string, string> = {
  'publish without a login': await attempt(() => forge(brokerPort, {})),
  'publish with a guess': await attempt(() => forge(brokerPort, guess('scram-sha-256', 'nta'))),
  'publish with PLAIN': await attempt(() => forge(brokerPort, guess('plain', 'founder'))),
  'publish through the controller': await attempt(() => forge(controllerPort, guess('plain', 'controller'))),
  'list topics': await attempt(() => listTopics(brokerPort)),
  'list topics at the controller': await attempt(() => listTopics(controllerPort)),
};
for (const file of files) results[`read ${file}`] = await attempt(() => readFileSync(join(dataDir, file), 'utf8'));
// What `ps` shows to everybody.
const commandLines = readdirSync('/proc').flatMap((pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return [];
  }
});
process.stdout.write(JSON.stringify({ uid: process.getuid?.(), results, commandLines }));
process.exit(0);
