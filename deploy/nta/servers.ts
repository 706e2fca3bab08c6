/** The servers of `nta run`: its own Kafka and Postgres where no flag names others, with topics and tables in them. */
import { join, resolve } from 'node:path';
import { checkKafka, createKafka } from '../../runtime/kafka/client.js';
import { ensureTopics } from '../../runtime/kafka/topic-setup.js';
import { checkPostgres } from '../../runtime/postgres/client.js';
import { Failure } from '../../runtime/process/failure.js';
import type { Logger } from '../../runtime/process/log.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { type LocalStack, startLocalStack } from '../local-stack/local-stack.js';
import type { RunSettings } from './run-settings.js';

export interface ServerNeeds {
  readonly kafka: boolean;
  readonly postgres: boolean;
}

/**
 * Brings up what is needed and returns the settings that lead to it. `onStack` gets the local servers as soon as they
 * run, so that they are stopped even when what follows fails.
 */
export async function startServers(
  given: RunSettings,
  needs: ServerNeeds,
  log: Logger,
  say: (line: string) => void,
  onStack: (stack: LocalStack) => void,
): Promise<RunSettings> {
  const local = {
    kafka: needs.kafka && given.kafkaBrokers.length === 0,
    postgres: needs.postgres && given.dbHost === '',
  };
  if (local.kafka && (given.kafkaSsl || given.kafkaSaslMechanism !== 'none')) {
    throw new Failure(
      'CONFIGURATION',
      'TLS or a login is asked for and no broker is named: give --kafka-brokers (KAFKA_BROKERS), or leave out KAFKA_SSL and KAFKA_SASL_…: the Kafka of nta run itself has a login of its own',
    );
  }
  if (needs.kafka && !local.kafka) await checkKafka(given, log);
  if (needs.postgres && !local.postgres) await checkPostgres(given);
  let settings = given;
  if (local.kafka || local.postgres) {
    const stack = await startLocalStack({
      dataDir: resolve(given.dataDir),
      ...local,
      // A capture goes on without its servers, into the spool; it must not end with them.
      keepRunning: true,
      log,
      onProgress: (line) => process.stderr.write(`nta: ${line}\n`),
    });
    onStack(stack);
    if (stack.kafka) {
      const { brokers, user, password } = stack.kafka;
      settings = {
        ...settings,
        kafkaBrokers: brokers,
        kafkaSaslMechanism: 'scram-sha-256',
        kafkaSaslUsername: user,
        kafkaSaslPassword: password,
      };
    }
    if (stack.postgres) {
      const { host, port, user, password, database } = stack.postgres;
      settings = { ...settings, dbHost: host, dbPort: port, dbUser: user, dbPassword: password, dbName: database };
    }
  }
  if (needs.kafka) {
    say(`kafka      ${settings.kafkaBrokers.join(', ')}${local.kafka ? `, data in ${given.dataDir}` : ''}`);
    await ensureTopics(createKafka(settings, 'nta-setup', log), settings);
  }
  if (needs.postgres) {
    say(`postgres   ${describePostgres(settings)}${local.postgres ? `, data in ${given.dataDir}` : ''}`);
    await migrate(settings, log);
  }
  return settings.spoolDir === '' ? { ...settings, spoolDir: join(resolve(given.dataDir), 'spool') } : settings;
}

export function describePostgres(settings: RunSettings): string {
  return `${settings.dbHost}:${settings.dbPort}/${settings.dbName}`;
}
