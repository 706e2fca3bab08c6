/**
 * The local Apache Kafka: one KRaft node, broker and controller at once, listening on 127.0.0.1 only.
 *
 *     <directory>/kafka/server.properties   written at each start; holds passwords, mode 0600
 *                /kafka/data/               the topics, formatted once
 *                /kafka.json                ports and processes
 *                /kafka-password, /kafka.properties   see kafka-login.ts
 *                /logs/kafka*.log
 *
 * Measured on 2 cores with Java 17: ready 4.2 s after the first start, 2.4 s after later ones. The difference is the
 * class data archive (a dump of the loaded classes that the JVM maps at start), which the first stop writes. Stopping
 * the compiler at its first tier would save 0.4 s more at the cost of every request afterwards.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../runtime/process/log.js';
import { projectRoot } from '../../runtime/process/project.js';
import { draftOf, removeAbandonedDrafts } from './draft.js';
import type { GuardedProcessOptions } from './guarded-process.js';
import { javaEnvironment } from './java.js';
import { renderKafkaConfiguration } from './kafka-configuration.js';
import type { KafkaDistribution } from './kafka-distribution.js';
import { type KafkaLogin, provideKafkaLogin, writeKafkaClientFile } from './kafka-login.js';
import { awaitKafka, awaitListener } from './kafka-readiness.js';
import { addLogin, CONFIGURATION, DATA, formatStorage, type KafkaStorage, knowsLogin } from './kafka-storage.js';
import { LocalServer, type ServerKind } from './local-server.js';
import { randomSecret, writePrivateFile } from './secret-file.js';

export interface KafkaBrokerOptions {
  readonly directory: string;
  readonly distribution: KafkaDistribution;
  readonly log: Logger;
  /** Broker settings in place of ours; Kafka's names. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Listeners beside our own: name → port. */
  readonly listeners?: Readonly<Record<string, number>>;
  /** As LocalServer's `keepsRunning`. */
  readonly keepRunning?: boolean;
}

/** Within this the broker has closed its segments, and written the class data archive if it had to (4 s). */
const STOP_MS = 20_000;
const START_TIMEOUT_MS = 90_000;
const HEAP = '-Xmx512m';
/** What Kafka's own start script gives the JVM. */
const COLLECTOR = ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'];
/** Has the right to give a storage without a user one, for one start. */
const FOUNDER = 'founder';

export class KafkaBroker extends LocalServer {
  readonly #directory: string;

  constructor(options: KafkaBrokerOptions) {
    super(kafkaKind(options), options.directory, options.log, options.keepRunning);
    this.#directory = options.directory;
  }

  /** Of the one user that the broker lets in. */
  get login(): KafkaLogin {
    return provideKafkaLogin(this.#directory);
  }

  /** For `KAFKA_BROKERS`. */
  get brokers(): string[] {
    return [`127.0.0.1:${this.ports['broker']}`];
  }
}

function kafkaKind(options: KafkaBrokerOptions): ServerKind {
  const { directory, distribution } = options;
  const archive = new ClassDataArchive(distribution.classDataArchive);
  const home = join(directory, 'kafka');
  const logs = join(directory, 'logs');
  const storage: KafkaStorage = { distribution, home, logs };
  let founder: KafkaLogin | undefined;
  return {
    title: 'Kafka',
    name: 'kafka',
    failureCode: 'KAFKA_START',
    portRoles: ['broker', 'controller'],
    startTimeoutMs: START_TIMEOUT_MS,
    logFiles: [join(logs, 'kafka.log')],
    isRetriable: (tail) => /Address already in use|BindException/.test(tail),
    prepare: async (ports, outputFile): Promise<GuardedProcessOptions> => {
      mkdirSync(home, { recursive: true, mode: 0o700 });
      mkdirSync(logs, { recursive: true, mode: 0o700 });
      const login = provideKafkaLogin(directory);
      const configuration = {
        brokerPort: ports['broker'] ?? 0,
        controllerPort: ports['controller'] ?? 0,
        listeners: options.listeners ?? {},
        overrides: options.properties ?? {},
        login,
        controllerLogin: { user: 'controller', password: randomSecret() },
      };
      if (!existsSync(join(home, DATA))) {
        await formatStorage(storage, login, (logDirectory) =>
          renderKafkaConfiguration({ ...configuration, logDirectory }),
        );
      }
      founder = knowsLogin(storage, login) ? undefined : { user: FOUNDER, password: randomSecret() };
      writePrivateFile(
        join(home, CONFIGURATION),
        renderKafkaConfiguration({ ...configuration, logDirectory: DATA, ...(founder ? { founder } : {}) }),
      );
      writeKafkaClientFile(directory, configuration.brokerPort, login);
      return {
        command: distribution.java.command,
        args: [
          HEAP,
          ...COLLECTOR,
          ...archive.javaOptions(),
          '-Djava.awt.headless=true',
          `-Dlog4j2.configurationFile=${join(projectRoot, 'deploy/local-stack/kafka/log4j2.properties')}`,
          `-Dnta.logs=${logs}`,
          '-cp',
          distribution.classPath,
          'kafka.Kafka',
          CONFIGURATION,
        ],
        workingDirectory: home,
        environment: javaEnvironment(),
        outputFile,
        stopSequence: [{ signal: 'SIGTERM', waitMs: STOP_MS }],
      };
    },
    awaitReady: async (ports, signal) => {
      const port = ports['broker'] ?? 0;
      const login = provideKafkaLogin(directory);
      if (founder !== undefined) {
        await awaitListener(port, signal);
        await addLogin(storage, port, founder, login);
      }
      await awaitKafka(port, login, signal);
    },
    onStopped: ({ signal }) => {
      if (signal !== 'SIGKILL') archive.adopt();
    },
  };
}

/**
 * The JVM's archive of the broker's classes (JEP 350), which halves the start. It can only be written when a JVM ends,
 * so the first broker of a distribution writes it aside while stopping, and only a complete one is moved into place.
 */
class ClassDataArchive {
  readonly #path: string;
  #draft: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** A JVM that finds the archive unfit goes on without it. */
  javaOptions(): string[] {
    this.#draft = undefined;
    if (existsSync(this.#path)) return [`-XX:SharedArchiveFile=${this.#path}`, '-Xlog:cds*=off'];
    removeAbandonedDrafts(this.#path);
    this.#draft = draftOf(this.#path);
    return [`-XX:ArchiveClassesAtExit=${this.#draft}`, '-Xlog:cds*=off'];
  }

  /** Moves the archive into place after the JVM has ended by itself. */
  adopt(): void {
    if (this.#draft === undefined || !existsSync(this.#draft)) return;
    renameSync(this.#draft, this.#path);
    this.#draft = undefined;
  }
}
