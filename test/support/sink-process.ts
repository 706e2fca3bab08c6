/**
 * Postgres sinks as processes of their own, started as users start them, for tests that kill, pause and restart them. One that
 * ends by itself (Postgres was away when it started) is started again, as a supervisor does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import type { PostgresSettings } from '../../runtime/postgres/client.js';
import { projectRoot } from '../../runtime/process/project.js';
import { until } from './sink-rows.js';

const ENTRY = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');

export class SinkProcess {
  /** What it wrote to its log, a JSON line each. */
  readonly log: string[] = [];
  /** With the exit code or the signal that ended it for good. */
  readonly exited: Promise<number | NodeJS.Signals>;
  private child!: ChildProcess;
  private ending = false;

  constructor(kafka: KafkaSettings, postgres: PostgresSettings, args: readonly string[] = []) {
    const command = [
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
    ];
    this.exited = this.supervise(command, {
      ...process.env,
      KAFKA_SASL_MECHANISM: kafka.kafkaSaslMechanism,
      KAFKA_SASL_USERNAME: kafka.kafkaSaslUsername,
      KAFKA_SASL_PASSWORD: kafka.kafkaSaslPassword,
      DB_PASSWORD: postgres.dbPassword,
    });
  }

  private async supervise(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number | NodeJS.Signals> {
    for (;;) {
      const how = await this.run(command, env);
      if (!this.ending) await sleep(500);
      if (this.ending) return how;
      this.log.push(`ended (${how}), started again`);
    }
  }

  private run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number | NodeJS.Signals> {
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.child = child;
    child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => this.log.push(...text.split('\n').filter((line) => line !== '')));
    return new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
  }

  /** Resolves when it reads and stores. @throws Error with the end of its log. */
  async joined(): Promise<void> {
    const lastStart = (): number => this.log.findLastIndex((line) => line.startsWith('ended ('));
    await until(async () =>
      this.log.slice(lastStart() + 1).some((line) => line.includes('storing into Postgres')),
    ).catch((error: unknown) => {
      throw new Error(`the sink did not start:\n${this.log.slice(-20).join('\n')}`, { cause: error });
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  /** SIGTERM, then waits. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.ending = true;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    this.ending = true;
    this.signal('SIGKILL');
    await this.exited;
  }
}
