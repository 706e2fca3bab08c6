/**
 * Kafka and Postgres for tests: a corner of the shared ones (a topic prefix, a database), or private ones for tests that
 * kill, pause or restart them. Each has a `remove` that the test calls when it is done.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import pino from 'pino';
import { inject } from 'vitest';
import { KAFKA_USER } from '../../deploy/local-stack/kafka-login.js';
import {
  type LocalStack,
  type LocalStackOptions,
  removeLocalStackData,
  startLocalStack,
} from '../../deploy/local-stack/local-stack.js';
import type { PostgresConnection } from '../../deploy/local-stack/postgres-server.js';
import { writePrivateFile } from '../../deploy/local-stack/secret-file.js';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import type { PostgresSettings } from '../../runtime/postgres/client.js';

declare module 'vitest' {
  /** What the global setup of the integration tests hands over. */
  interface ProvidedContext {
    kafkaBrokers: string[];
    /** Of every local Kafka of the run, the private ones too. */
    kafkaPassword: string;
    postgres: PostgresConnection;
  }
}

export interface TestTopics {
  /** Put in front of every topic and group of the test. */
  readonly prefix: string;
  readonly brokers: string[];
  /** For createKafka of runtime/. */
  readonly settings: KafkaSettings;
  /** Deletes the topics and groups with the prefix. */
  remove(): Promise<void>;
}

export interface TestDatabase {
  readonly connection: PostgresConnection;
  /** For createPool of runtime/. */
  readonly settings: PostgresSettings;
  /** Drops the database, ending whatever is connected to it. */
  remove(): Promise<void>;
}

export interface PrivateStack extends LocalStack {
  readonly dataDir: string;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** A prefix on the shared broker, or on the given ones, that no other test has. */
export function createTestTopics(brokers: readonly string[] = inject('kafkaBrokers')): TestTopics {
  const prefix = `test-${randomBytes(6).toString('hex')}-`;
  return {
    prefix,
    brokers: [...brokers],
    settings: kafkaSettings(brokers, prefix),
    remove: async () => {
      const admin = quietKafka(brokers).admin();
      await admin.connect();
      try {
        const { groups } = await admin.listGroups();
        const groupIds = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix));
        if (groupIds.length > 0) await admin.deleteGroups(groupIds);
        const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
        if (topics.length > 0) await admin.deleteTopics({ topics });
      } finally {
        await admin.disconnect();
      }
    },
  };
}

/** A database on the shared server, or on the given one: empty, or as one that nobody is connected to. */
export async function createTestDatabase(
  server: PostgresConnection = inject('postgres'),
  template = 'template1',
): Promise<TestDatabase> {
  const database = `test_${randomBytes(6).toString('hex')}`;
  const connection = { ...server, database };
  await administer(server, `CREATE DATABASE ${database} TEMPLATE ${template}`);
  return {
    connection,
    settings: postgresSettings(connection),
    remove: () => administer(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`),
  };
}

/** A Kafka, a Postgres or both for one test alone; its `control`s pause, kill and restart them. */
export async function startPrivateStack(
  options: Pick<LocalStackOptions, 'kafka' | 'postgres'> & Partial<LocalStackOptions>,
): Promise<PrivateStack> {
  const dataDir = options.dataDir ?? createDataDirectory();
  if (options.kafka) giveKafkaPassword(dataDir);
  const stack = await startLocalStack({ log: testLog(), ...options, dataDir }).catch((error: unknown) => {
    // A directory that was given may hold data, or belong to a run.
    if (options.dataDir === undefined) removeLocalStackData(dataDir);
    throw error;
  });
  return {
    ...stack,
    dataDir,
    remove: async () => {
      await stack.stop();
      removeLocalStackData(dataDir);
    },
  };
}

/** A Kafka that is started on the directory asks for the password that clients of the tests know. */
export function giveKafkaPassword(dataDir: string, password = inject('kafkaPassword')): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  writePrivateFile(join(dataDir, 'kafka-password'), `${password}\n`);
}

/** An empty folder that the user who runs Postgres can enter. */
export function createDataDirectory(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'nta-test-'));
  chmodSync(dataDir, 0o711);
  return dataDir;
}

export function kafkaSettings(brokers: readonly string[], topicPrefix: string): KafkaSettings {
  return {
    kafkaBrokers: [...brokers],
    kafkaSsl: false,
    kafkaSslCa: '',
    kafkaSslCert: '',
    kafkaSslKey: '',
    ...kafkaLogin(),
    schemaRegistryUrl: '',
    topicPrefix,
  };
}

/** Unit tests have no Kafka, and no login. */
function kafkaLogin(): Pick<KafkaSettings, 'kafkaSaslMechanism' | 'kafkaSaslUsername' | 'kafkaSaslPassword'> {
  const password = inject('kafkaPassword') as string | undefined;
  return password === undefined
    ? { kafkaSaslMechanism: 'none', kafkaSaslUsername: '', kafkaSaslPassword: '' }
    : { kafkaSaslMechanism: 'scram-sha-256', kafkaSaslUsername: KAFKA_USER, kafkaSaslPassword: password };
}

/** The same for the environment of a process under test. */
export function kafkaLoginEnvironment(): Record<string, string> {
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = kafkaLogin();
  return {
    KAFKA_SASL_MECHANISM: kafkaSaslMechanism,
    KAFKA_SASL_USERNAME: kafkaSaslUsername,
    KAFKA_SASL_PASSWORD: kafkaSaslPassword,
  };
}

export function postgresSettings(connection: PostgresConnection): PostgresSettings {
  return {
    dbHost: connection.host,
    dbPort: connection.port,
    dbName: connection.database,
    dbUser: connection.user,
    dbPassword: connection.password,
    dbSslmode: 'disable',
    dbSslCa: '',
    dbMaxConn: 10,
  };
}

/** For the environment of a process under test: the shared or given servers, and the test's corner of them. */
export function stackEnvironment(topics?: TestTopics, database?: TestDatabase): Record<string, string> {
  return {
    ...(topics
      ? { KAFKA_BROKERS: topics.brokers.join(','), NTA_TOPIC_PREFIX: topics.prefix, ...kafkaLoginEnvironment() }
      : {}),
    ...(database
      ? {
          DB_HOST: database.connection.host,
          DB_PORT: String(database.connection.port),
          DB_NAME: database.connection.database,
          DB_USER: database.connection.user,
          DB_PASSWORD: database.connection.password,
        }
      : {}),
  };
}

/** A client that keeps quiet: what a test provokes is no news. */
export function quietKafka(brokers: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'nta-test',
    brokers: [...brokers],
    sasl: { mechanism: 'scram-sha-256', username: KAFKA_USER, password: inject('kafkaPassword') },
    logLevel: logLevel.NOTHING,
  });
}

/** Warnings and worse, or what NTA_TEST_LOG_LEVEL says. */
export function testLog(): pino.Logger {
  return pino({ level: process.env.NTA_TEST_LOG_LEVEL ?? 'warn' });
}

async function administer(server: PostgresConnection, statement: string): Promise<void> {
  const { host, port, user, password, database } = server;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
