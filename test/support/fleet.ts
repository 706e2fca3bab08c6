/**
 * A fleet of processes over servers that it shares with other rounds: processor workers, a Postgres sink, and capture nodes
 * that play captures. Every part may be killed, paused and restarted, and one that ends by itself is started again, as a
 * supervisor does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import type { Admin } from 'kafkajs';
import { messageOf } from '../../runtime/process/failure.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { skewedScan } from './attack-stream.js';
import type { Fault } from './chaos-plan.js';
import { type PrivateStack, quietKafka, stackEnvironment, type TestDatabase, type TestTopics } from './local-stack.js';
import { runNta, startNta } from './nta-command.js';
import { createTopicsFor, publishStream } from './packet-topic.js';
import { ProcessorProcess, processSettings } from './processor-process.js';
import { SinkProcess } from './sink-process.js';
import { StoredRows, until } from './sink-rows.js';

const WORKERS = 2;
const SESSION_TIMEOUT_MS = 2_000;
const CATCH_UP_MS = 120_000;
/** More often no replay breaks off: Kafka is away for seconds. */
const PLAYS_MAX = 60;
const SUPERVISION_MS = 500;
/** Said for a minute after a packet of a clock that is ahead. */
const CLOCK_AHEAD = /^the clock of capture node node-00 is \d+ s ahead/;
/** So long probes may be under way: behind a clock by the tolerance for it (2 s), their age (1 s) and this, they are not late yet. */
const PUBLISHED_WITHIN_MS = 2_000;
/** A capture node's process on a quiet machine. */
const NODE_START_MS = 500;

/** One run of a capture node over its capture. */
export interface Play {
  readonly lane: string;
  /** Whether the node said that every packet is published. */
  readonly complete: boolean;
  /** Whether it was of the whole capture. */
  readonly whole: boolean;
  /** Whether the topic it went to is still there, or was when all of it had been worked on. */
  kept: boolean;
}

export interface FleetOptions {
  readonly stack: PrivateStack;
  readonly topics: TestTopics;
  readonly database: TestDatabase;
  readonly partitions: number;
}

export class Fleet {
  /** How often a scan by a source was published: one whose publishing took too long may have counted all the same. */
  readonly scansPublished = new Map<string, number>();
  /** What happened, in its order. */
  readonly story: string[] = [];
  readonly plays: Play[] = [];
  readonly rows: StoredRows;
  partitions: number;
  private workers: ProcessorProcess[];
  private readonly ended: ProcessorProcess[] = [];
  private sink!: SinkProcess;
  private sinkPort = 0;
  private readonly environment: Record<string, string>;
  private readonly supervision: NodeJS.Timeout;
  private readonly startedAt = performance.now();

  constructor(private readonly options: FleetOptions) {
    this.partitions = options.partitions;
    this.rows = new StoredRows(options.database.connection);
    this.environment = stackEnvironment(options.topics, options.database);
    this.workers = Array.from({ length: WORKERS }, () => this.startWorker());
    this.supervision = setInterval(() => this.supervise(), SUPERVISION_MS);
  }

  async start(): Promise<void> {
    this.sinkPort = await getPort();
    this.sink = this.startSink();
  }

  async stop(): Promise<void> {
    clearInterval(this.supervision);
    await Promise.all([...this.workers, this.sink].map((part) => part?.kill()));
  }

  tell(what: string): void {
    this.story.push(`${((performance.now() - this.startedAt) / 1000).toFixed(1)} s ${what}`);
  }

  /** What its processes logged last, for a round that failed. */
  get log(): string {
    return [...this.ended, ...this.workers, this.sink]
      .map(({ log }) => log.slice(-12).join('\n'))
      .filter((text) => text !== '')
      .join('\n--\n');
  }

  get kafka(): ReturnType<typeof quietKafka> {
    return quietKafka(this.options.topics.brokers);
  }

  topic(name: 'packets' | 'alerts'): string {
    return topicName(name, this.options.topics.prefix);
  }

  private startWorker(): ProcessorProcess {
    const settings = processSettings({ sessionTimeout: SESSION_TIMEOUT_MS });
    return new ProcessorProcess({ ...settings, ...this.options.topics.settings }, 'warn');
  }

  private startSink(): SinkProcess {
    const { topics, database } = this.options;
    return new SinkProcess(topics.settings, database.settings, [`--metrics-port=${this.sinkPort}`]);
  }

  private supervise(): void {
    this.workers = this.workers.map((worker) => {
      if (worker.isRunning) return worker;
      this.ended.push(worker);
      return this.startWorker();
    });
  }

  /** Plays a file to its end, however often that takes while servers are killed. */
  async play(lane: string, file: string, finish: boolean, whole: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { code, stderr } = await this.capture(lane, file, finish ? ['--finish-timeline'] : []).ended;
      this.plays.push({ lane, complete: code === 0, whole, kept: true });
      this.tell(`${lane} played ${finish ? '' : 'without an end '}${code === 0 ? '' : `, broke off (${code})`}`);
      if (code === 0) return;
      if (attempt === PLAYS_MAX) throw new Error(`${lane} cannot be played: ${stderr}`);
      await sleep(500);
    }
  }

  /** Plays a file and kills the node so long after its process has come up. */
  async playAndKill(lane: string, file: string, paced: boolean, afterMs: number): Promise<void> {
    const node = this.capture(lane, file, paced ? ['--pace'] : []);
    await Promise.race([sleep(NODE_START_MS + afterMs), node.ended]);
    node.child.kill('SIGKILL');
    const { code } = await node.ended;
    this.plays.push({ lane, complete: code === 0, whole: true, kept: true });
    this.tell(`${lane} ${code === null ? 'killed' : `ended (${code})`} ${afterMs} ms after it began`);
  }

  private capture(lane: string, file: string, extra: readonly string[]): ReturnType<typeof startNta> {
    const args = ['capture', `--read=${file}`, `--timeline=${lane}`, `--node-id=${lane}`, ...extra];
    return startNta(args, { env: this.environment });
  }

  async inject({ kind, forMs, which }: Fault): Promise<void> {
    this.tell(kind);
    const { stack } = this.options;
    const index = which % this.workers.length;
    switch (kind) {
      case 'kill worker':
        return this.workers[index]!.kill();
      case 'restart worker':
        return void (await this.workers[index]!.stop());
      case 'pause worker':
        return pause(this.workers[index]!, forMs);
      case 'kill sink':
        return this.sink.signal('SIGKILL');
      case 'restart sink':
        return this.sink.signal('SIGTERM');
      case 'pause sink':
        return pause(this.sink, forMs);
      case 'kill Postgres':
        await stack.postgres!.control.kill9();
        await sleep(forMs);
        return stack.postgres!.control.start();
      case 'kill Kafka':
        await stack.kafka!.control.kill9();
        await sleep(forMs);
        // Without a broker every round after this one would fail as well.
        return stack.kafka!.control.start().catch(() => stack.kafka!.control.start());
    }
  }

  /** Adds partitions as an operator does. */
  async grow(by: number): Promise<void> {
    const partitions = this.partitions + by;
    for (let attempt = 1; ; attempt++) {
      const { code, stderr } = await runNta(['setup', `--partitions=${partitions}`], { env: this.environment });
      if (code === 0) break;
      if (attempt === PLAYS_MAX) throw new Error(`nta setup cannot add partitions: ${stderr}`);
      await sleep(500); // a server is away
    }
    this.partitions = partitions;
    this.tell(`${partitions} partitions`);
  }

  /** Deletes `packets` and makes it again. */
  async remakeTopic(): Promise<void> {
    const topic = this.topic('packets');
    await until(() =>
      this.withAdmin(async (admin) => {
        if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
        return !(await admin.listTopics()).includes(topic);
      }),
    );
    await until(() => createTopicsFor(this.options.topics, this.partitions).then(() => true));
    this.tell('packets recreated');
  }

  /** Live traffic: a scan by this source, before which one node's packet is hours ahead of the other's. */
  async scanWithClockAhead(source: string, hours: number): Promise<void> {
    await until(async () => {
      const begun = Date.now();
      await publishStream(this.options.topics, this.partitions, skewedScan(source, begun * 1000, hours * 3_600e6));
      this.scansPublished.set(source, (this.scansPublished.get(source) ?? 0) + 1);
      // By a broker that comes back slowly Kafka's clock, to which the one ahead is taken back, is itself ahead of the probes.
      return Date.now() - begun < PUBLISHED_WITHIN_MS;
    });
    this.tell(`a scan by ${source} with a clock ${hours} h ahead`);
  }

  /** Resolves when everything published is processed and stored, and every part says that it is ready. */
  async caughtUp(): Promise<void> {
    let state = 'nothing was looked at';
    await until(async () => {
      state = await this.backlog().catch(messageOf);
      return state === '';
    }, CATCH_UP_MS).catch((error: unknown) => {
      throw new Error(`not caught up: ${state}`, { cause: error });
    });
    this.tell('caught up');
  }

  /** What is not done yet; empty when everything is. */
  private async backlog(): Promise<string> {
    const topic = this.topic('packets');
    const [ends, commits] = await this.withAdmin(async (admin) => [
      await admin.fetchTopicOffsets(topic),
      (await admin.fetchOffsets({ groupId: groupName('processors', this.options.topics.prefix), topics: [topic] }))[0]!,
    ]);
    const stored = await this.rows.query<{ partition: number; next_offset: string }>(
      'SELECT partition, next_offset FROM sink_offsets WHERE topic = $1',
      [topic],
    );
    for (const { partition, high } of ends) {
      const end = Number(high);
      const committed = Number(commits.partitions.find((commit) => commit.partition === partition)?.offset ?? -1);
      if (committed !== end && !(end === 0 && committed <= 0))
        return `processed up to ${committed} of ${end} on partition ${partition}`;
      const next = Number(stored.find((row) => row.partition === partition)?.next_offset ?? 0);
      if (next !== end) return `stored up to ${next} of ${end} on partition ${partition}`;
    }
    for (const { readiness } of this.workers)
      if (readiness !== null && !CLOCK_AHEAD.test(readiness)) return `a worker says ${readiness}`;
    const answer = await fetch(`http://127.0.0.1:${this.sinkPort}/ready`);
    return answer.ok ? '' : `the sink says ${await answer.text()}`;
  }

  async withAdmin<Result>(use: (admin: Admin) => Promise<Result>): Promise<Result> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}

async function pause(part: { signal(signal: NodeJS.Signals): void }, forMs: number): Promise<void> {
  part.signal('SIGSTOP');
  await sleep(forMs);
  part.signal('SIGCONT');
}
