/** Postgres sinks as processes of their own, started as users start them, for tests that kill, pause and restart them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { KafkaSettings } from '../../runtime/kafka.js';
import type { PostgresSettings } from '../../runtime/postgres.js';
import { projectRoot } from '../../runtime/project.js';
import { until } from './sink-rows.js';

const ENTRY = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');

export class SinkProcess {
  /** What it wrote to its log, a JSON line each. */
  readonly log: string[] = [];
  readonly exited: Promise<number | NodeJS.Signals>;
  private readonly child: ChildProcess;

  constructor(kafka: KafkaSettings, postgres: PostgresSettings, args: readonly string[] = []) {
    this.child = spawn(
      process.execPath,
      [
        ENTRY,
        'sink',
        'postgres',
        `--kafka-brokers=${kafka.kafkaBrokers.join(',')}`,
        `--topic-prefix=${kafka.topicPrefix}`,
        `--db-host=${postgres.dbHost}`,
        `--db-port=${postgres.dbPort}`,
        `--db-name=${postgres.dbName}`,
        `--db-user=${postgres.dbUser}`,
        ...args,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, DB_PASSWORD: postgres.dbPassword } },
    );
    this.child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => this.log.push(...text.split('\n').filter((line) => line !== '')));
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
  }

  /** Resolves when it reads and stores. */
  async joined(): Promise<void> {
    await until(async () => this.log.some((line) => line.includes('storing into Postgres')));
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  /** SIGTERM, then waits. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }
}
