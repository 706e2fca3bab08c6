/** The Kafka and the Postgres of a run: fresh, of their own, started when the first bench needs them. */
import { join } from 'node:path';
import { kafkaClientFile } from '../../deploy/local-stack/kafka-login.js';
import { type LocalStack, removeLocalStackData, startLocalStack } from '../../deploy/local-stack/local-stack.js';
import { createLog } from '../../runtime/process/log.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { BenchServers } from './bench.js';

export class BenchStack {
  private stack: LocalStack | undefined;

  constructor(
    private readonly dataDir: string,
    private readonly say: (line: string) => void,
  ) {}

  async servers(): Promise<BenchServers> {
    // What `nta run` has fetched in this folder is not fetched again.
    process.env['NTA_CACHE_DIR'] ??= join(projectRoot, '.nta');
    this.stack ??= await startLocalStack({
      dataDir: this.dataDir,
      kafka: true,
      postgres: true,
      log: createLog({ level: 'warn', file: '', part: 'bench' }),
      onProgress: this.say,
    });
    const { kafka, postgres } = this.stack;
    const { host, port, user, password, database } = postgres!;
    return {
      brokers: kafka!.brokers,
      kafkaUser: kafka!.user,
      kafkaPassword: kafka!.password,
      kafkaClientFile: kafkaClientFile(this.dataDir),
      postgres: { host, port, user, password, database },
      kafkaPid: kafka!.control.pid!,
      postgresPid: postgres!.control.pid!,
      kafkaDirectory: join(this.dataDir, 'kafka'),
    };
  }

  async stop(): Promise<void> {
    if (this.stack === undefined) return;
    await this.stack.stop();
    removeLocalStackData(this.dataDir);
  }
}
