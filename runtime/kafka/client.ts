/** The Kafka client of a process: settings, connection, and kafkajs's log in the product's own. */
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { Failure, messageOf } from '../process/failure.js';
import type { Logger } from '../process/log.js';
import { defineOptions, type Settings } from '../process/options.js';
import { explainRefusal } from './kafka-refusal.js';
import { kafkaSecurity } from './kafka-security.js';

export const kafkaOptions = defineOptions({
  kafkaBrokers: {
    kind: 'list',
    env: 'KAFKA_BROKERS',
    default: [],
    placeholder: '<host:port>',
    help: 'Kafka bootstrap brokers',
  },
  kafkaSsl: { kind: 'boolean', env: 'KAFKA_SSL', default: false, help: 'connect to Kafka with TLS' },
  kafkaSslCa: {
    kind: 'string',
    env: 'KAFKA_SSL_CA',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the authority that signed the brokers’ certificates; the ones Node.js knows when empty',
  },
  kafkaSslCert: {
    kind: 'string',
    env: 'KAFKA_SSL_CERT',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the certificate to show brokers that ask for one (ssl.client.auth)',
  },
  kafkaSslKey: {
    kind: 'string',
    env: 'KAFKA_SSL_KEY',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the key of --kafka-ssl-cert, without a passphrase',
  },
  kafkaSaslMechanism: {
    kind: 'string',
    env: 'KAFKA_SASL_MECHANISM',
    default: 'none',
    choices: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    help: 'SASL mechanism',
  },
  kafkaSaslUsername: {
    kind: 'string',
    env: 'KAFKA_SASL_USERNAME',
    default: '',
    placeholder: '<name>',
    help: 'SASL user',
  },
  kafkaSaslPassword: {
    kind: 'string',
    env: 'KAFKA_SASL_PASSWORD',
    default: '',
    secret: true,
    placeholder: '<password>',
    help: 'SASL password; prefer the environment variable, flags are visible to other users',
  },
  schemaRegistryUrl: {
    kind: 'string',
    env: 'SCHEMA_REGISTRY_URL',
    default: '',
    secret: true,
    placeholder: '<url>',
    pattern: { test: /^(https?:\/\/\S+)?$/, description: 'an http or https URL' },
    help: 'schema registry to register the packets’ schema with, and to frame records for; may carry user:password@',
  },
  topicPrefix: {
    kind: 'string',
    env: 'NTA_TOPIC_PREFIX',
    default: '',
    placeholder: '<prefix>',
    pattern: {
      test: /^[A-Za-z0-9._-]{0,100}$/,
      description: 'letters, digits, dots, underscores and hyphens, at most 100',
    },
    help: 'put in front of every topic and group name, so that two fleets share a cluster',
  },
});
export type KafkaSettings = Settings<typeof kafkaOptions>;

/** What changes of a topic (its partitions, their leaders) is known to clients that read or write it after this, milliseconds. */
export const METADATA_AGE_MAX_MS = 10_000;

/** How long a first connection may take before the broker counts as away, milliseconds. */
const CONNECTION_TIMEOUT_MS = 5_000;
/** How long a broker that has taken the connection may take to answer before it counts as hung, milliseconds. */
const CHECK_TIMEOUT_MS = 5_000;

/**
 * A kafkajs client. Retries start at 5 ms instead of kafkajs's 300 ms: with the default every transaction waits
 * 300 ms for its first retriable answer (measured: 296 ms a transaction against 24 ms).
 */
export function createKafka(
  settings: KafkaSettings,
  clientId: string,
  log: Logger,
  overrides: Partial<KafkaConfig> = {},
): Kafka {
  if (settings.kafkaBrokers.length === 0) {
    throw new Failure('CONFIGURATION', 'no Kafka brokers: give --kafka-brokers host:port or set KAFKA_BROKERS');
  }
  const config: KafkaConfig = {
    clientId,
    brokers: [...settings.kafkaBrokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 5, maxRetryTime: 2_000, multiplier: 3, retries: 12 },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = entry.log;
      log[PINO_LEVELS[entry.level] ?? 'debug']({ kafka: entry.namespace, ...fields }, message);
    },
    ...kafkaSecurity(settings),
    ...overrides,
  };
  return new Kafka(config);
}

/**
 * kafkajs levels → ours. One step lower for most: kafkajs says ERROR of every broken connection that it then mends by
 * itself; what it cannot mend reaches us as a rejected promise or a CRASH event and is logged there.
 */
const PINO_LEVELS: Readonly<Record<number, 'warn' | 'info' | 'debug' | 'trace'>> = {
  [logLevel.ERROR]: 'debug',
  [logLevel.WARN]: 'debug',
  [logLevel.INFO]: 'trace',
  [logLevel.DEBUG]: 'trace',
};

/**
 * Fails with one clear line when no broker answers, the credentials are refused or TLS does not match.
 *
 * @throws Failure `KAFKA_SECURITY` when the broker and we refuse each other, which waiting does not mend;
 * `KAFKA_UNREACHABLE`, retriable, when none answers.
 */
export async function checkKafka(settings: KafkaSettings, log: Logger): Promise<void> {
  const kafka = createKafka(settings, 'nta-check', log, {
    requestTimeout: CHECK_TIMEOUT_MS,
    authenticationTimeout: CHECK_TIMEOUT_MS,
    retry: { initialRetryTime: 50, retries: 2 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.describeCluster();
  } catch (error) {
    const brokers = settings.kafkaBrokers.join(', ');
    const refusal = await explainRefusal(error, settings);
    if (refusal !== null) throw new Failure('KAFKA_SECURITY', `Kafka at ${brokers}: ${refusal}`, { cause: error });
    throw new Failure(
      'KAFKA_UNREACHABLE',
      `no Kafka broker answers at ${brokers}: ${messageOf(error)}; check --kafka-brokers (KAFKA_BROKERS), and KAFKA_SSL and KAFKA_SASL_… if the cluster asks for them`,
      { cause: error, retriable: true },
    );
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Whether an error is kafkajs's own, most of which it mends itself or says so with CRASH. */
export function isKafkaError(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}
