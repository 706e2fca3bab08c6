/**
 * A whole fleet through anything: while captures are played, in part and again, capture nodes are killed in the middle, clocks
 * are ahead, workers, the sink, Kafka and Postgres are killed, paused and restarted, partitions are added and the topic
 * `packets` is made anew, as a seed decides (support/chaos-plan.ts). In the end every capture has been played whole, and
 * packets, conversations and alerts must be what chaos-outcome.ts says. `NTA_FAULTS=long` runs 20 rounds,
 * `NTA_FAULT_ROUNDS` as many as it says from `NTA_FAULT_SEED` on.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../sinks/migrations/migration.js';
import { readTopic } from '../support/alert-log.js';
import { type ChaosTruth, truthOf } from '../support/chaos-expectations.js';
import { differences, type EarlierTopic, LIVE_NETWORK } from '../support/chaos-outcome.js';
import { type ChaosPlan, describePlan, drawPlan, type Lane } from '../support/chaos-plan.js';
import { Fleet } from '../support/fleet.js';
import {
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  startPrivateStack,
  type TestDatabase,
  testLog,
} from '../support/local-stack.js';
import { createTopicsFor } from '../support/packet-topic.js';

const isLong = process.env.NTA_FAULTS === 'long' || process.env.NTA_FAULT_SEED !== undefined;
const FIRST_SEED = Number(process.env.NTA_FAULT_SEED ?? 1);
const ROUNDS = Number(process.env.NTA_FAULT_ROUNDS ?? (process.env.NTA_FAULT_SEED === undefined ? 20 : 1));
/** Short ones that have most of what may happen; Kafka is killed in long runs only. */
const QUICK_SEEDS = [3, 31, 32];
const SEEDS = isLong ? Array.from({ length: ROUNDS }, (_, index) => FIRST_SEED + index) : QUICK_SEEDS;
/** What the last records become takes a moment to be stored. */
const SETTLE_MS = 30_000;

describe('a fleet under chaos', () => {
  let stack: PrivateStack;
  let folder: string;
  /** With tables, for the databases of the rounds. */
  let template: TestDatabase;

  beforeAll(async () => {
    stack = await startPrivateStack({ kafka: true, postgres: true });
    template = await createTestDatabase(stack.postgres!);
    await migrate(template.settings, testLog());
    folder = mkdtempSync(join(tmpdir(), 'nta-chaos-'));
  });

  afterAll(async () => {
    await stack?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(SEEDS)('stores and says what an undisturbed one does, seed %i', { timeout: 400_000 }, async (seed) => {
    const plan = drawPlan(seed);
    const topics = createTestTopics(stack.kafka!.brokers);
    const database = await createTestDatabase(stack.postgres!, template.connection.database);
    await createTopicsFor(topics, plan.partitions);
    const fleet = new Fleet({ stack, topics, database, partitions: plan.partitions });
    try {
      await fleet.start();
      const round = new Round(plan, fleet, folder);
      await round.play();
      await fleet.caughtUp();
      const poll = expect.poll(() => round.differences(), { timeout: SETTLE_MS, interval: 1_000 });
      await poll.toEqual([]);
    } catch (error) {
      const repeat = `NTA_FAULT_SEED=${seed} npx vitest run --project integration test/faults/fleet.test.ts`;
      const story = [describePlan(plan), ...fleet.story, fleet.log, `again: ${repeat}`];
      // At once: a long run has others after this one.
      process.stderr.write(`${inspect(error, { depth: 5, maxStringLength: 2_000 })}\n${story.join('\n')}\n`);
      throw new Error(`${(error as Error).message}\n${story.join('\n')}`, { cause: error });
    } finally {
      await fleet.stop();
      // What failed first is the news: a server that is away then must not take its place.
      await database.remove().catch(() => undefined);
      await topics.remove().catch(() => undefined);
    }
  });
});

class Round {
  private truth: ChaosTruth | undefined;
  private readonly files = new Map<string, string>();
  private earlier: EarlierTopic | null = null;

  constructor(
    private readonly plan: ChaosPlan,
    private readonly fleet: Fleet,
    private readonly folder: string,
  ) {}

  async play(): Promise<void> {
    const { plan, fleet } = this;
    const disturbance = this.disturb();
    disturbance.catch(() => undefined); // awaited below, but it may fail before
    const growth = plan.growBy > 0 ? sleep(1_000).then(() => fleet.grow(plan.growBy)) : Promise.resolve();
    await Promise.all([growth, ...plan.lanes.map((lane) => this.playEarly(lane))]);
    if (plan.remake !== 'no') await this.remake(plan.remake === 'calm');
    const scan =
      plan.hoursAhead > 0 ? fleet.scanWithClockAhead(`${LIVE_NETWORK}${plan.seed % 250}`, plan.hoursAhead) : undefined;
    await Promise.all([scan, ...plan.lanes.map((lane) => this.playWhole(lane, true))]);
    await disturbance;
  }

  /** What is wrong with what is there now. */
  async differences(): Promise<string[]> {
    const { plan, fleet, files } = this;
    this.truth ??= await truthOf(plan.lanes.map((lane) => this.write(lane, lane.capture)));
    const live = plan.hoursAhead > 0 ? [`${LIVE_NETWORK}${plan.seed % 250}`] : [];
    return differences(fleet, files, this.truth, this.earlier, live);
  }

  private async playEarly(lane: Lane): Promise<void> {
    for (const play of lane.early) {
      if (play.kind === 'killed')
        await this.fleet.playAndKill(lane.name, this.write(lane, lane.capture), play.paced, play.afterMs);
      else if (play.kind === 'whole') await this.playWhole(lane, play.finish);
      else {
        const part = firstFrames(lane.capture, play.share);
        await this.fleet.play(lane.name, this.write(lane, part), play.finish, false);
      }
    }
  }

  private playWhole(lane: Lane, finish: boolean): Promise<void> {
    return this.fleet.play(lane.name, this.write(lane, lane.capture), finish, true);
  }

  /** Under one name, whatever is in it: a node's capture that grew is played again. */
  private write(lane: Lane, capture: Buffer): string {
    const file = join(this.folder, `${lane.name}.pcap`);
    writeFileSync(file, capture);
    this.files.set(lane.name, file);
    return file;
  }

  private async remake(calm: boolean): Promise<void> {
    const { fleet } = this;
    if (calm) await fleet.caughtUp();
    // Records that a killed node's last request brings after this would be lost unseen: none is on its way any more.
    const records = calm ? await readTopic(fleet.kafka, fleet.topic('packets')) : [];
    this.earlier = { records, workedOn: calm };
    if (!calm) for (const play of fleet.plays) play.kept = false;
    await fleet.remakeTopic();
  }

  private async disturb(): Promise<void> {
    for (const fault of this.plan.faults) {
      await sleep(fault.afterMs);
      await this.fleet.inject(fault);
    }
  }
}

/** The start of a pcap file, one frame at least. */
function firstFrames(capture: Buffer, share: number): Buffer {
  const ends: number[] = [];
  for (let at = 24; at + 16 <= capture.length; ends.push(at)) at += 16 + capture.readUInt32LE(at + 8);
  return capture.subarray(0, ends[Math.floor(share * (ends.length - 1))]);
}
