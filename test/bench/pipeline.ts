/** A pipeline of its own for a bench: topics under a random prefix, a database, the product's own parts as processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { captureOptions, createCapture } from '../../producers/capture.js';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import { kafkaOptions } from '../../runtime/kafka/client.js';
import { createLog } from '../../runtime/process/log.js';
import { Registry } from '../../runtime/process/metrics.js';
import { readSettings } from '../../runtime/process/options.js';
import { projectRoot } from '../../runtime/process/project.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { type BenchContext, type BenchServers, type DatabaseAddress, nodeArguments } from './bench.js';
import type { Progress } from './statistics.js';
import { timeRun } from './yardsticks.js';

const NTA = join(projectRoot, 'dist', 'deploy', 'nta', 'main.js');

export interface PipelineOptions {
  readonly partitions?: number;
  /** Whether it has a database with our tables too. */
  readonly database?: boolean;
}

/** Packets that have come through a stage, and whether it is at the end of the topic. */
export interface StageProgress extends Progress {
  readonly atEnd: boolean;
}

export class Pipeline {
  readonly prefix = `bench-${randomBytes(4).toString('hex')}-`;
  readonly database: DatabaseAddress;
  readonly kafka: Kafka;
  private readonly admin: Admin;
  private client: pg.Client | undefined;
  private readonly parts = new Set<Part>();

  private constructor(
    private readonly servers: BenchServers,
    private readonly nodeArguments: readonly string[],
    private readonly options: PipelineOptions,
  ) {
    this.kafka = new Kafka({
      clientId: 'nta-bench',
      brokers: [...servers.brokers],
      sasl: { mechanism: 'scram-sha-256', username: servers.kafkaUser, password: servers.kafkaPassword },
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20 },
    });
    this.admin = this.kafka.admin();
    this.database = { ...servers.postgres, database: `bench_${this.prefix.slice(6, -1)}` };
  }

  static async create(context: BenchContext, options: PipelineOptions = {}): Promise<Pipeline> {
    const pipeline = new Pipeline(context.servers(), nodeArguments(context.scale), options);
    await pipeline.setUp();
    return pipeline;
  }

  private async setUp(): Promise<void> {
    const { options } = this;
    await this.admin.connect();
    if (options.database) await query(this.servers.postgres, `CREATE DATABASE ${this.database.database}`);
    await this.run(['setup', `--partitions=${options.partitions ?? 4}`]);
    if (options.database) {
      this.client = new pg.Client(this.database);
      this.client.on('error', () => undefined);
      await this.client.connect();
    }
  }

  get topic(): string {
    return topicName('packets', this.prefix);
  }

  get kafkaSettings(): KafkaSettings {
    const flags = {
      kafkaBrokers: [...this.servers.brokers],
      kafkaSaslMechanism: 'scram-sha-256',
      kafkaSaslUsername: this.servers.kafkaUser,
      kafkaSaslPassword: this.servers.kafkaPassword,
      topicPrefix: this.prefix,
    };
    return readSettings(kafkaOptions, flags, {}) as KafkaSettings;
  }

  /** Runs a sub-command that ends by itself, and gives what it printed. */
  async run(args: readonly string[]): Promise<string> {
    const { stdout } = await timeRun(process.execPath, [NTA, ...args, ...this.addresses(args[0]!)], {
      env: this.environment(args[0]!),
    });
    return stdout;
  }

  /** Starts a part, such as `['process', '--workers=2']`; resolves when it says that it is ready. */
  async start(args: readonly string[]): Promise<Part> {
    const part = new Part(
      spawnPart([...this.nodeArguments, NTA, ...args, ...this.addresses(args[0]!)], this.environment(args[0]!)),
      args[0]!,
    );
    this.parts.add(part);
    await part.ready;
    return part;
  }

  private addresses(command: string): string[] {
    const { host, port, user, database } = this.database;
    const kafka = [
      `--kafka-brokers=${this.servers.brokers.join(',')}`,
      '--kafka-sasl-mechanism=scram-sha-256',
      `--kafka-sasl-username=${this.servers.kafkaUser}`,
      `--topic-prefix=${this.prefix}`,
    ];
    const postgres = [`--db-host=${host}`, `--db-port=${port}`, `--db-user=${user}`, `--db-name=${database}`];
    if (command === 'api' || command === 'cleanup') return postgres;
    return this.options.database && (command === 'setup' || command === 'sink') ? [...kafka, ...postgres] : kafka;
  }

  private environment(command: string): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(NTA|KAFKA|DB)_/.test(name));
    return {
      ...Object.fromEntries(own),
      DB_PASSWORD: this.database.password,
      // Without a mechanism, as for the API and cleanup, it would be refused.
      ...(command === 'api' || command === 'cleanup' ? {} : { KAFKA_SASL_PASSWORD: this.servers.kafkaPassword }),
    };
  }

  /** Replays captures in this process, as `nta capture --read` does, and resolves when Kafka has acknowledged everything. */
  publish(files: readonly string[]): Promise<PublishResult> {
    return this.replay([{ nodeId: 'bench', read: [...files] }], false);
  }

  /** Each capture by a node of its own, all at once and at the speed of the captures; the nodes share this process. */
  publishFromNodes(files: readonly string[]): Promise<PublishResult> {
    const nodes = files.map((file, index) => ({ nodeId: `bench-${index + 1}`, read: [file] }));
    return this.replay(nodes, true);
  }

  private async replay(
    nodes: readonly { readonly nodeId: string; readonly read: readonly string[] }[],
    pace: boolean,
  ): Promise<PublishResult> {
    const log = createLog({ level: 'warn', file: '', part: 'bench' });
    const captures = nodes.map((node) => {
      const settings = readSettings(captureOptions, { ...node, pace, spoolDir: '' }, {});
      return createCapture({ ...settings, ...this.kafkaSettings }, log, new Registry());
    });
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    try {
      await Promise.all(captures.map((capture) => capture.start()));
      await Promise.all(captures.map((capture) => capture.done));
    } finally {
      await Promise.all(captures.map((capture) => capture.stop()));
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const balances = captures.map((capture) => capture.balance());
    return {
      seconds,
      published: balances.reduce((sum, { published }) => sum + published, 0),
      seen: balances.reduce((sum, { seen }) => sum + seen, 0),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
  }

  /** Makes the processors start from the beginning again: forgets what they have committed and what they wrote. */
  async forgetProcessing(): Promise<void> {
    await this.admin.deleteGroups([groupName('processors', this.prefix)]);
    await this.admin.deleteTopics({
      topics: [topicName('alerts', this.prefix), topicName('alertEpisodes', this.prefix)],
    });
    await this.run(['setup']);
  }

  /** Records on the topic `packets`, by partition. */
  async ends(): Promise<number[]> {
    const offsets = await this.admin.fetchTopicOffsets(this.topic);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  }

  /** What the topic `packets` takes on the broker's disk. */
  topicBytes(): number {
    let bytes = 0;
    for (const entry of readdirSync(this.servers.kafkaDirectory, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.log')) continue;
      const folder = basename(entry.parentPath);
      if (folder.replace(/-\d+$/, '') === this.topic) bytes += statSync(join(entry.parentPath, entry.name)).size;
    }
    return bytes;
  }

  /** What packets take in Postgres with their indexes. */
  async tableBytes(): Promise<number> {
    const { rows } = await this.sql<{ bytes: string }>(
      `SELECT sum(pg_total_relation_size(relid)) AS bytes FROM pg_partition_tree('packet_segments')`,
    );
    return Number(rows[0]!.bytes);
  }

  /** What the processors have committed, by partition. */
  async committed(): Promise<{ readonly partition: number; readonly offset: number; readonly packets: number }[]> {
    const groups = await this.admin.fetchOffsets({
      groupId: groupName('processors', this.prefix),
      topics: [this.topic],
    });
    return groups
      .flatMap((group) => group.partitions)
      .map(({ partition, offset, metadata }) => ({ partition, offset: Number(offset), packets: packetsOf(metadata) }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** How far the processors have come; `ends` is what they have to reach. */
  async processed(ends: readonly number[]): Promise<StageProgress> {
    const committed = await this.committed();
    return {
      at: performance.now(),
      count: committed.reduce((sum, { packets }) => sum + packets, 0),
      atEnd: ends.every((end, partition) => end === 0 || (committed[partition]?.offset ?? -1) >= end),
    };
  }

  /** How far the Postgres sink has come. */
  async stored(ends: readonly number[]): Promise<StageProgress> {
    const { rows } = await this.sql<{ partition: number; next_offset: string; packets: string }>(
      `SELECT partition, next_offset, packets FROM sink_offsets WHERE topic = '${this.topic}'`,
    );
    const offsets = new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
    return {
      at: performance.now(),
      count: rows.reduce((sum, { packets }) => sum + Number(packets), 0),
      atEnd: ends.every((end, partition) => end === 0 || (offsets.get(partition) ?? -1) >= end),
    };
  }

  sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    if (this.client === undefined) throw new Error('this pipeline has no database');
    return this.client.query<Row>(text, values);
  }

  /** Stops what runs and removes topics, groups and the database. */
  async remove(): Promise<void> {
    await Promise.all([...this.parts].map((part) => part.stop()));
    await this.client?.end();
    const topics = (await this.admin.listTopics()).filter((name) => name.startsWith(this.prefix));
    if (topics.length > 0) await this.admin.deleteTopics({ topics });
    await this.admin.disconnect();
    if (this.options.database)
      await query(this.servers.postgres, `DROP DATABASE ${this.database.database} WITH (FORCE)`);
  }
}

export interface PublishResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly seen: number;
  readonly published: number;
}

function spawnPart(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, ['--enable-source-maps', ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
}

/** A part of the product as a process. It ends when this process does, since its channel closes then. */
export class Part {
  readonly ready: Promise<void>;
  readonly ended: Promise<number | NodeJS.Signals>;
  /** What it reported at its end: a finite capture its balance. */
  result: unknown;
  private output = '';

  constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)));
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (message: { type: string; result?: unknown }) => {
        if (message.type === 'ready') resolve();
        if (message.type === 'result') this.result = message.result;
      });
      void this.ended.then((how) => reject(new Error(`nta ${name} ended (${how}): ${this.log.slice(-2000)}`)));
    });
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What it wrote to its log and its output. */
  get log(): string {
    return this.output;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  async stop(): Promise<void> {
    this.kill('SIGTERM');
    await this.ended;
  }

  /** Throws when it ends while `work` goes on, instead of letting that wait for ever. */
  async during<T>(work: Promise<T>): Promise<T> {
    const failed = this.ended.then((how): never => {
      throw new Error(`nta ${this.name} ended (${how}) in the middle of the measurement: ${this.log.slice(-2000)}`);
    });
    return Promise.race([work, failed]);
  }
}

function packetsOf(metadata: string | null): number {
  if (metadata === null || metadata === '') return 0;
  return Number((JSON.parse(metadata) as { packets?: number }).packets ?? 0);
}

async function query(address: DatabaseAddress, statement: string): Promise<void> {
  const client = new pg.Client(address);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

const POLL_MS = 100;
const STALL_MS = 120_000;

/**
 * Looks at a stage until it is at the end of the topic.
 *
 * @throws Error when it stands still for too long.
 */
export async function followStage(look: () => Promise<StageProgress>): Promise<Progress[]> {
  const samples: Progress[] = [];
  let movedAt = performance.now();
  for (;;) {
    const progress = await look();
    if (progress.count !== samples.at(-1)?.count) movedAt = progress.at;
    samples.push(progress);
    if (progress.atEnd) return samples;
    if (progress.at - movedAt > STALL_MS)
      throw new Error(`no progress for ${STALL_MS / 1000} s at ${progress.count} packets`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
