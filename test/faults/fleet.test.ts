/**
 * The stored end state through anything: while captures are played, parts of them are played first, capture nodes are killed in
 * the middle, clocks are ahead, workers, the sink, Kafka and Postgres are killed, paused and restarted, partitions are added and the topic
 * `packets` is made anew, at moments that a seed decides. In the end every capture has been played whole, and the table of
 * alerts must say what an undisturbed run says. `NTA_FAULTS=long` runs 20 rounds, `NTA_FAULT_ROUNDS` as many as it says.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { Fleet, LIVE_NETWORK, PART_FAULTS, undisturbedAlertsOf } from '../support/fleet.js';
import {
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  startPrivateStack,
  testLog,
} from '../support/local-stack.js';
import { createTopicsFor } from '../support/packet-topic.js';
import { Random } from '../support/random.js';

const isLong = process.env.NTA_FAULTS === 'long';
const ROUNDS = isLong ? Number(process.env.NTA_FAULT_ROUNDS ?? 20) : 1;
const FIRST_SEED = Number(process.env.NTA_FAULT_SEED ?? 1);
const PARTITIONS = 3;

const CAPTURES = ['port-scan-syn', 'syn-flood', 'brute-force', 'port-scan-connect', 'arp-spoofing', 'port-scan-ipv6'];
const CAPTURES_A_ROUND = isLong ? 4 : 2;

const fileOf = (name: string): string => join(projectRoot, 'test', 'fixtures', `${name}.pcap`);

describe('a fleet under faults', () => {
  let stack: PrivateStack;
  let folder: string;

  beforeAll(async () => {
    stack = await startPrivateStack({ kafka: true, postgres: true });
    folder = mkdtempSync(join(tmpdir(), 'nta-fleet-'));
  });

  afterAll(async () => {
    await stack?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const seeds = Array.from({ length: ROUNDS }, (_, index) => FIRST_SEED + index);
  it.each(seeds)('ends with the alerts of an undisturbed run, seed %i', { timeout: 600_000 }, async (seed) => {
    const random = new Random(seed);
    const topics = createTestTopics(stack.kafka!.brokers);
    const database = await createTestDatabase(stack.postgres!);
    await migrate(database.settings, testLog());
    await createTopicsFor(topics, PARTITIONS);
    const fleet = new Fleet({ stack, kafka: topics.settings, database, partitions: PARTITIONS, workers: 2, folder });
    const live: string[] = [];
    const captures = shuffled(CAPTURES, random).slice(0, CAPTURES_A_ROUND);
    try {
      const expected = Object.assign(
        {},
        ...(await Promise.all(captures.map((name) => undisturbedAlertsOf(fileOf(name))))),
      );
      for (const [index, name] of captures.entries()) {
        await betweenCaptures(fleet, random);
        if (random.below(2) === 0 || index === captures.length - 1) {
          live.push(`${LIVE_NETWORK}${index + 1}`);
          await fleet.skewClock(live.at(-1)!, random);
        }
        const calm = new AbortController();
        const disturbance = disturb(fleet, new Random(seed * 100 + index), calm.signal);
        disturbance.catch(() => undefined); // awaited below, but it may fail before
        if (random.below(2) === 0) await fleet.playAndKill(fileOf(name), name, random);
        if (random.below(3) > 0) await fleet.playPart(fileOf(name), name, random);
        if (random.below(4) === 0) await fleet.play(fileOf(name), name);
        calm.abort();
        await disturbance;
        await fleet.play(fileOf(name), name);
      }
      await fleet.caughtUp();
      const context = `after ${fleet.faults.join('; ')}`;
      await expect
        .poll(() => fleet.alerts(), { timeout: 60_000, message: context })
        .toEqual(expected)
        .catch((error: unknown) => {
          throw new Error(`${context}\n${fleet.log}`, { cause: error });
        });
      await expect.poll(() => fleet.liveSources(), { timeout: 60_000, message: context }).toEqual(live);
      expect(Object.keys(expected).length, context).toBeGreaterThan(0);
    } finally {
      await fleet.stop();
      // What failed first is the news: a server that is away then must not take its place.
      await database.remove().catch(() => undefined);
      await topics.remove().catch(() => undefined);
    }
  });
});

/** Does something to the fleet's layout while nothing is played: what is under way would move with it, as documented. */
async function betweenCaptures(fleet: Fleet, random: Random): Promise<void> {
  const choice = random.below(4);
  if (choice === 0) await fleet.grow();
  else if (choice === 1) await fleet.remakeTopic();
}

/** Does something bad now and then until it is told to stop; every part is running in the end. */
async function disturb(fleet: Fleet, random: Random, calm: AbortSignal): Promise<void> {
  while (!calm.aborted) {
    await sleep(300 + random.below(2_500), undefined, { signal: calm }).catch(() => undefined);
    if (calm.aborted) break;
    await fleet.inject(PART_FAULTS[random.below(PART_FAULTS.length)]!, random);
    fleet.reviveWorkers();
  }
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, rank: random.below(1_000_000) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
