/** The local Apache Kafka and PostgreSQL that `nta run`, the tests and CI use when they are given no others. */
import { chmodSync, existsSync, rmSync, statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { makeFolder } from '../../runtime/process/folder.js';
import type { Logger } from '../../runtime/process/log.js';
import { type DataDirectoryLock, lockDataDirectory } from './data-directory-lock.js';
import { KafkaBroker } from './kafka-broker.js';
import { provideKafkaDistribution } from './kafka-distribution.js';
import { type PostgresConnection, PostgresServer, postgresSystemFolder } from './postgres-server.js';

export interface LocalStackOptions {
  /** Made when it is missing. Holds everything: data, logs, ports, password. */
  readonly dataDir: string;
  readonly kafka: boolean;
  readonly postgres: boolean;
  readonly log: Logger;
  /** Takes one line at a time while something long goes on. */
  readonly onProgress?: (message: string) => void;
  /** Starts a server again, on its ports, when it ends although nobody stopped it; `failed` does not hear of it then. */
  readonly keepRunning?: boolean;
  /** Broker settings in place of ours; Kafka's names. */
  readonly kafkaProperties?: Readonly<Record<string, string>>;
  /** Listeners of the broker beside its own, name → port, which `kafkaProperties` secure. For tests of TLS and SASL. */
  readonly kafkaListeners?: Readonly<Record<string, number>>;
  /** Server settings in place of ours; PostgreSQL's names. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
}

/** What a server of the stack can be asked to do. `pause`, `kill9` and `restart` are for tests of faults. */
export type ServerControl = Pick<
  KafkaBroker,
  'start' | 'stop' | 'restart' | 'pause' | 'resume' | 'kill9' | 'pid' | 'failed'
>;

export interface LocalKafka {
  readonly brokers: readonly string[];
  /** SCRAM-SHA-256, for `KAFKA_SASL_USERNAME` and `KAFKA_SASL_PASSWORD`. */
  readonly user: string;
  readonly password: string;
  readonly control: ServerControl;
}

export interface LocalPostgres extends PostgresConnection {
  readonly control: ServerControl;
}

export interface LocalStack {
  /** Absent when not asked for. */
  readonly kafka?: LocalKafka;
  /** Absent when not asked for. */
  readonly postgres?: LocalPostgres;
  /** Rejects with a Failure when one of them ends although nobody stopped it. */
  readonly failed: Promise<never>;
  /** Stops both; the data stays. */
  stop(): Promise<void>;
}

/** Programs, their empty data and some room for traffic. */
const LEAST_FREE_BYTES = 1_000_000_000;

/**
 * Brings up what is asked for, both at once, on 127.0.0.1 and ports that are kept between runs. Nothing of it outlives
 * this process, however that ends.
 *
 * @throws Failure `DATA_DIRECTORY`, `DATA_DIRECTORY_IN_USE`, `DISK_FULL`, those of provideKafkaDistribution, `KAFKA_FORMAT`,
 *   `KAFKA_LOGIN`, `KAFKA_START`, `POSTGRES_ACCOUNT`, `POSTGRES_MISSING`, `POSTGRES_INIT`, `POSTGRES_START`; everything is stopped then.
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const dataDir = resolve(options.dataDir);
  const lock = prepareDataDirectory(dataDir);
  const [kafka, postgres] = await Promise.allSettled([
    options.kafka ? startKafka(options, dataDir) : undefined,
    options.postgres ? startPostgres(options, dataDir) : undefined,
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([fulfilled(kafka)?.stop(), fulfilled(postgres)?.stop()]);
    lock.release();
  };
  for (const start of [kafka, postgres]) {
    if (start.status === 'fulfilled') continue;
    await stop();
    throw start.reason;
  }
  return describeStack(fulfilled(kafka), fulfilled(postgres), stop);
}

function describeStack(
  kafka: KafkaBroker | undefined,
  postgres: PostgresServer | undefined,
  stop: () => Promise<void>,
): LocalStack {
  const failed = Promise.race([kafka?.failed, postgres?.failed].filter((promise) => promise !== undefined));
  failed.catch(() => undefined);
  return {
    ...(kafka ? { kafka: { brokers: kafka.brokers, ...kafka.login, control: kafka } } : {}),
    ...(postgres ? { postgres: { ...postgres.connection, control: postgres } } : {}),
    failed,
    stop,
  };
}

/** Removes a data directory that no run uses, with what Postgres may have had to keep outside of it. */
export function removeLocalStackData(dataDir: string): void {
  const directory = resolve(dataDir);
  for (const folder of [directory, postgresSystemFolder(directory)]) rmSync(folder, { recursive: true, force: true });
}

async function startKafka(options: LocalStackOptions, dataDir: string): Promise<KafkaBroker> {
  const progress = options.onProgress ?? (() => undefined);
  const distribution = await provideKafkaDistribution({ dataDir, onProgress: progress });
  progress(`starting Apache Kafka ${distribution.version}`);
  const kafka = new KafkaBroker({
    directory: dataDir,
    distribution,
    log: options.log,
    properties: options.kafkaProperties ?? {},
    listeners: options.kafkaListeners ?? {},
    keepRunning: options.keepRunning ?? false,
  });
  await kafka.start();
  return kafka;
}

async function startPostgres(options: LocalStackOptions, dataDir: string): Promise<PostgresServer> {
  options.onProgress?.('starting PostgreSQL');
  const postgres = new PostgresServer({
    directory: dataDir,
    log: options.log,
    settings: options.postgresSettings ?? {},
    keepRunning: options.keepRunning ?? false,
  });
  await postgres.start();
  return postgres;
}

function prepareDataDirectory(dataDir: string): DataDirectoryLock {
  try {
    if (!existsSync(dataDir)) {
      makeFolder(dataDir);
      // Under a strict umask the user that runs Postgres for root could not enter. Nothing in it is readable for that.
      if (process.getuid?.() === 0) chmodSync(dataDir, 0o711);
    }
    checkFreeSpace(dataDir);
    return lockDataDirectory(dataDir);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      'DATA_DIRECTORY',
      `cannot use the data directory ${dataDir}: ${messageOf(error)}; give a --data-dir that this user can write to and others can enter, such as /var/tmp/nta`,
      { cause: error },
    );
  }
}

function checkFreeSpace(dataDir: string): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  if (free >= LEAST_FREE_BYTES) return;
  throw new Failure(
    'DISK_FULL',
    `${dataDir} has ${Math.floor(free / 1e6)} MB free, and the local Kafka and Postgres need at least ${LEAST_FREE_BYTES / 1e6} MB; free some or give another --data-dir`,
  );
}

function fulfilled<T>(result: PromiseSettledResult<T>): T | undefined {
  return result.status === 'fulfilled' ? result.value : undefined;
}
