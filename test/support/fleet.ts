/**
 * A fleet of processes over servers of its own, for rounds of faults: processors, a Postgres sink, and capture nodes that play
 * captures. Every part may be killed, paused and restarted; what is compared in the end is what the tables say of the alerts.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Message, Partitioners } from 'kafkajs';
import type { KafkaSettings } from '../../runtime/kafka/client.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { compareProgress } from '../../schemas/alerts/episode-progress.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { progress } from './alert-log.js';
import { skewedScan } from './attack-stream.js';
import { type PrivateStack, quietKafka, type TestDatabase } from './local-stack.js';
import { type RunningCommand, runNta, startNta } from './nta-command.js';
import { createTopicsFor } from './packet-topic.js';
import { ProcessorProcess, processSettings } from './processor-process.js';
import type { Random } from './random.js';
import { SinkProcess } from './sink-process.js';
import { StoredRows, until } from './sink-rows.js';

/** The capture node of all captures, so that one played again is known as the same. */
const NODE = 'node-1';
/** Of sources of live traffic; no capture has them. */
export const LIVE_NETWORK = '198.19.7.';
const CATCH_UP_MS = 120_000;
const PAUSE_MS = 4_000;

export type PartFault =
  | 'kill worker'
  | 'pause worker'
  | 'restart worker'
  | 'kill sink'
  | 'kill Postgres'
  | 'kill Kafka';
export const PART_FAULTS: readonly PartFault[] = [
  'kill worker',
  'pause worker',
  'restart worker',
  'kill sink',
  'kill Postgres',
  'kill Kafka',
];

export interface FleetOptions {
  readonly stack: PrivateStack;
  readonly kafka: KafkaSettings;
  readonly database: TestDatabase;
  readonly partitions: number;
  readonly workers: number;
  /** For captures that are cut off. */
  readonly folder: string;
}

export class Fleet {
  readonly faults: string[] = [];
  private partitions: number;
  private workers: ProcessorProcess[] = [];
  private sink: SinkProcess;
  private readonly rows: StoredRows;

  constructor(private readonly options: FleetOptions) {
    this.partitions = options.partitions;
    this.rows = new StoredRows(options.database.connection);
    this.workers = Array.from({ length: options.workers }, () => this.startWorker());
    this.sink = this.startSink();
    mkdirSync(options.folder, { recursive: true });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.workers, this.sink].map((part) => part.kill()));
  }

  /** What its processes logged last, for a round that failed. */
  get log(): string {
    return [...this.workers, this.sink].map(({ log }) => log.slice(-15).join('\n')).join('\n--\n');
  }

  private startWorker(): ProcessorProcess {
    const { kafka } = this.options;
    return new ProcessorProcess({ ...processSettings({ sessionTimeout: 2_000 }), ...kafka }, 'warn');
  }

  private startSink(): SinkProcess {
    return new SinkProcess(this.options.kafka, this.options.database.settings);
  }

  /** Plays a capture to its end, however often that takes while servers are killed. */
  async play(file: string, timeline: string, finish = true): Promise<void> {
    for (;;) {
      const { code } = await this.capture(file, timeline, finish ? ['--finish-timeline'] : []).ended;
      if (code === 0) return;
      this.faults.push(`${timeline} broke off`);
      await sleep(500);
    }
  }

  /** Plays a capture's first frames. */
  async playPart(file: string, timeline: string, random: Random): Promise<void> {
    const content = readFileSync(file);
    const ends = frameEnds(content);
    const frames = 1 + random.below(ends.length);
    const part = join(this.options.folder, 'part.pcap');
    writeFileSync(part, content.subarray(0, ends[frames - 1]));
    const finish = random.below(2) === 0;
    this.faults.push(`${frames} frames of ${timeline}${finish ? ', finished' : ''}`);
    await this.play(part, timeline, finish);
  }

  /** Plays a capture at its own speed, and kills the node in the middle. */
  async playAndKill(file: string, timeline: string, random: Random): Promise<void> {
    const afterMs = random.below(3_000);
    const node = this.capture(file, timeline, ['--pace']);
    await Promise.race([sleep(1_000 + afterMs), node.ended]);
    this.faults.push(`killed the node of ${timeline} after ${afterMs} ms`);
    node.child.kill('SIGKILL');
    await node.ended;
  }

  private capture(file: string, timeline: string, extra: readonly string[]): RunningCommand {
    const { kafkaBrokers, topicPrefix } = this.options.kafka;
    return startNta(['capture', '--read', file, `--timeline=${timeline}`, `--node-id=${NODE}`, ...extra], {
      env: { KAFKA_BROKERS: kafkaBrokers.join(','), NTA_TOPIC_PREFIX: topicPrefix },
    });
  }

  async inject(fault: PartFault, random: Random): Promise<void> {
    this.faults.push(fault);
    const { stack } = this.options;
    const which = random.below(this.workers.length);
    switch (fault) {
      case 'kill worker':
        await this.workers[which]!.kill();
        this.workers[which] = this.startWorker();
        return;
      case 'restart worker':
        await this.workers[which]!.stop();
        this.workers[which] = this.startWorker();
        return;
      case 'pause worker':
        this.workers[which]!.signal('SIGSTOP');
        await sleep(PAUSE_MS);
        this.workers[which]!.signal('SIGCONT');
        return;
      case 'kill sink':
        await this.sink.kill();
        this.sink = this.startSink();
        return;
      case 'kill Postgres':
        await stack.postgres!.control.kill9();
        await sleep(500);
        return stack.postgres!.control.start();
      case 'kill Kafka':
        await stack.kafka!.control.kill9();
        await sleep(random.below(4_000));
        return stack.kafka!.control.start().catch(() => stack.kafka!.control.start());
    }
  }

  /** Workers that ended by themselves (Kafka was away at their start) are started again, as a supervisor does. */
  reviveWorkers(): void {
    this.workers = this.workers.map((worker) => (worker.isRunning ? worker : this.startWorker()));
  }

  /** Adds partitions to `packets`, and with the delay of an operator to what goes with it. */
  async grow(): Promise<void> {
    this.partitions += 2;
    this.faults.push(`${this.partitions} partitions`);
    await this.withAdmin(async (admin) => {
      const topic = topicName('packets', this.options.kafka.topicPrefix);
      await admin.createPartitions({ topicPartitions: [{ topic, count: this.partitions }] });
    });
    await createTopicsFor(
      { brokers: [...this.options.kafka.kafkaBrokers], settings: this.options.kafka },
      this.partitions,
    );
  }

  /** Deletes `packets` and makes it again; everything on it has been worked on before. */
  async remakeTopic(): Promise<void> {
    await this.caughtUp();
    this.faults.push('packets made anew');
    const topic = topicName('packets', this.options.kafka.topicPrefix);
    await this.withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic] });
      await until(async () => !(await admin.listTopics()).includes(topic));
    });
    await createTopicsFor(
      { brokers: [...this.options.kafka.kafkaBrokers], settings: this.options.kafka },
      this.partitions,
    );
  }

  /** Live traffic: a scan by this source, whose clock one node's packet moves by hours. */
  async skewClock(source: string, random: Random): Promise<void> {
    const hours = 1 + random.below(23);
    this.faults.push(`a clock ${hours} hours ahead`);
    const kafka = quietKafka(this.options.kafka.kafkaBrokers);
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const records = skewedScan(source, Date.now() * 1000, hours * 3_600e6);
    const messages = [...records].flatMap(({ key, value }): Message[] =>
      key === null
        ? Array.from({ length: this.partitions }, (_, partition) => ({ key, value, partition }))
        : [{ key, value }],
    );
    await producer.send({ topic: topicName('packets', this.options.kafka.topicPrefix), acks: -1, messages });
    await producer.disconnect();
  }

  /** Resolves when everything published is processed and stored. */
  async caughtUp(): Promise<void> {
    const { topicPrefix } = this.options.kafka;
    const topic = topicName('packets', topicPrefix);
    await until(async () => {
      this.reviveWorkers();
      const { left } = await this.withAdmin((admin) => progress(admin, groupName('processors', topicPrefix), topic));
      if (left > 0) return false;
      const ends = await this.withAdmin((admin) => admin.fetchTopicOffsets(topic));
      const stored = await this.rows.query<{ partition: number; next_offset: string }>(
        'SELECT partition, next_offset FROM sink_offsets WHERE topic = $1',
        [topic],
      );
      const offsets = new Map(stored.map((row) => [row.partition, Number(row.next_offset)]));
      return ends.every(({ partition, high }) => (offsets.get(partition) ?? 0) >= Number(high));
    }, CATCH_UP_MS);
  }

  /** The sources of live traffic with an alert. */
  async liveSources(): Promise<string[]> {
    const sql = `SELECT DISTINCT source FROM alerts WHERE source LIKE '${LIVE_NETWORK}%' AND rule_id = 'port-scan' ORDER BY source`;
    return (await this.rows.query<{ source: string }>(sql)).map(({ source }) => source);
  }

  /** What the table says of each alert of the captures, by id. */
  async alerts(): Promise<Record<string, unknown>> {
    const sql = `SELECT id, document FROM alerts WHERE source NOT LIKE '${LIVE_NETWORK}%'`;
    const stored = await this.rows.query<{ id: string; document: AlertDocument }>(sql);
    return Object.fromEntries(stored.map(({ id, document }) => [id, endState(document)]));
  }

  private async withAdmin<Result>(
    use: (admin: ReturnType<ReturnType<typeof quietKafka>['admin']>) => Promise<Result>,
  ): Promise<Result> {
    const admin = quietKafka(this.options.kafka.kafkaBrokers).admin();
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}

/** The alerts of an undisturbed run of a capture, as `alerts` gives them. */
export async function undisturbedAlertsOf(file: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runNta(['analyze', file, '--format', 'json']);
  if (code !== 0) throw new Error(stderr);
  const lines = stdout.split('\n').filter((line) => line !== '');
  const events = lines.map((line) => JSON.parse(line) as AlertDocument);
  const furthest = new Map<string, AlertDocument>();
  for (const event of events) {
    const known = furthest.get(event.nta.alert.id);
    if (known === undefined || compareProgress(known, event) < 0) furthest.set(event.nta.alert.id, event);
  }
  return Object.fromEntries([...furthest].map(([id, document]) => [id, endState(document)]));
}

/** What of a document has to be the same. */
function endState({ event, rule, source, message, nta }: AlertDocument): object {
  const { status, close_reason, sequence, crossed, evidence } = nta.alert;
  const { severity, id } = event;
  return {
    id,
    rule: rule.id,
    source: source.address,
    severity,
    message,
    status,
    close_reason,
    sequence,
    crossed,
    evidence,
  };
}

/** Where each frame of a pcap file ends. */
function frameEnds(content: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 24; at + 16 <= content.length; ) {
    at += 16 + content.readUInt32LE(at + 8);
    ends.push(at);
  }
  return ends;
}
