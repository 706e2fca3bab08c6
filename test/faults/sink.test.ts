/**
 * Exactly once through any crash: while packets are published, sinks are killed, paused beyond their session (so that another
 * takes their partitions and they come back as zombies) and restarted, and Postgres and the broker are killed and
 * restarted, at seeded moments. Rows and statistics, of packets and of conversations, must be those of an undisturbed run. `NTA_FAULTS=long` runs 20 rounds,
 * `NTA_FAULT_ROUNDS` as many as it says; the seed of a round stands in its name.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKafka } from '../../runtime/kafka/client.js';
import { ensureTopics } from '../../runtime/kafka/topic-setup.js';
import { messageOf } from '../../runtime/process/failure.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { bruteForce, portScan } from '../support/attack-traffic.js';
import { capturedRecords } from '../support/captured-records.js';
import {
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  startPrivateStack,
  type TestDatabase,
  type TestTopics,
  testLog,
} from '../support/local-stack.js';
import { normalTraffic } from '../support/normal-traffic.js';
import { packetRecords, type TrafficOptions, type TrafficRecord } from '../support/packet-blocks.js';
import { Random } from '../support/random.js';
import { SinkProcess } from '../support/sink-process.js';
import { publishPackets, StoredRows, until } from '../support/sink-rows.js';
import { mergeTraffic, SECOND, TRAFFIC_START, trafficFile } from '../support/traffic.js';
import { trafficHost } from '../support/traffic-host.js';

const ROUNDS = process.env.NTA_FAULTS === 'long' ? Number(process.env.NTA_FAULT_ROUNDS ?? 20) : 1;
const PARTITIONS = 4;
const CATCH_UP_MS = 120_000;
/** Longer than the session of a group member. */
const PAUSE_MS = 8_000;

const FAULTS = ['kill', 'pause', 'restart', 'postgres', 'broker'] as const;
type Fault = (typeof FAULTS)[number];

describe('postgres sink under faults', () => {
  let stack: PrivateStack;

  beforeAll(async () => {
    stack = await startPrivateStack({ kafka: true, postgres: true });
  });

  afterAll(async () => {
    await stack?.remove();
  });

  const prepare = async (): Promise<{ topics: TestTopics; database: TestDatabase }> => {
    const topics = createTestTopics(stack.kafka!.brokers);
    const database = await createTestDatabase(stack.postgres!);
    await migrate(database.settings, testLog());
    await ensureTopics(createKafka(topics.settings, 'test', testLog()), {
      partitions: PARTITIONS,
      replicationFactor: 1,
      retentionHours: 24,
      retentionBytes: 0,
      topicPrefix: topics.prefix,
    });
    return { topics, database };
  };

  const inject = async (fault: Fault, sinks: SinkProcess[], which: number, start: () => SinkProcess): Promise<void> => {
    const sink = sinks[which]!;
    if (fault === 'postgres') {
      await stack.postgres!.control.kill9();
      await sleep(500);
      await stack.postgres!.control.start();
    } else if (fault === 'broker') {
      await stack.kafka!.control.kill9();
      // Without a broker every round after this one would fail as well.
      await stack.kafka!.control.start().catch(() => stack.kafka!.control.start());
    } else if (fault === 'pause') {
      sink.signal('SIGSTOP');
      await sleep(PAUSE_MS);
      sink.signal('SIGCONT');
    } else {
      await (fault === 'kill' ? sink.kill() : sink.stop());
      sinks[which] = start();
    }
  };

  it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'stores the rows of an undisturbed run, seed %i',
    { timeout: 400_000 },
    async (seed) => {
      const { topics, database } = await prepare();
      const random = new Random(seed);
      const traffic: TrafficOptions = {
        seed,
        records: 400,
        packets: 100,
        sources: 500,
        start: Date.UTC(2026, 0, 31, 23, 50) * 1000,
        step: 2_000,
      };
      const start = (): SinkProcess => new SinkProcess(topics.settings, database.settings);
      const sinks = [start(), start()];
      const rows = new StoredRows(database.connection);
      const faults: string[] = [];
      try {
        let published = 0;
        await until(async () => (await rows.value<number>('SELECT count(*)::int FROM partitions')) > 5);
        for (let round = 0; round < FAULTS.length; round++) {
          const fault = FAULTS[(seed + round) % FAULTS.length]!;
          const which = random.below(sinks.length);
          const at = random.below(1_000);
          const [packets] = await Promise.all([
            publishPackets(topics.settings, [
              ...packetRecords({ ...traffic, seed: seed * 100 + round }),
              ...conversationRecords(seed * 100 + round),
            ]),
            sleep(at).then(() => inject(fault, sinks, which, start)),
          ]);
          published += packets;
          faults.push(`${fault} of sink ${which} after ${at} ms`);
        }
        const context = faults.join('; ');
        await until(async () => (await rows.accounted()) === published, CATCH_UP_MS).catch(async (error: unknown) => {
          const logs = sinks.map(({ log }) => log.slice(-20).join('\n')).join('\n--\n');
          const accounted = await rows.accounted().catch(messageOf);
          throw new Error(`${accounted} of ${published} packets after ${context}:\n${logs}`, {
            cause: error,
          });
        });
        await Promise.all(sinks.map((sink) => sink.joined()));
        for (const sink of sinks) {
          if ((await sink.stop()) === 0) continue;
          // It may have been about to end by itself, for a broker that was away for long.
          expect(sink.log.slice(-20).join('\n'), context).toContain('so that its supervisor starts it again');
        }

        const undisturbed = await createTestDatabase(stack.postgres!);
        await migrate(undisturbed.settings, testLog());
        const sink = new SinkProcess(topics.settings, undisturbed.settings);
        const expected = new StoredRows(undisturbed.connection);
        await until(async () => (await expected.accounted()) === published, CATCH_UP_MS);
        await sink.stop();
        const stored = await expected.fingerprint();
        expect(await rows.fingerprint(), context).toEqual(stored);
        expect(stored.conversations[0]).toMatchObject({ rows: expect.any(Number), open: 0 });
        expect(stored.conversations[0]!['rows']).toBeGreaterThan(500);
        await undisturbed.remove();
      } finally {
        for (const sink of sinks) await sink.kill();
        // What failed first is the news: a database that is away then must not take its place.
        await database.remove().catch(() => undefined);
      }
    },
  );
});

/** As a capture node publishes them: what a scan, guesses at logins and ordinary traffic came to, beside their packets. */
function conversationRecords(seed: number): TrafficRecord[] {
  const start = TRAFFIC_START + seed * 60 * SECOND;
  const attacker = trafficHost({ ipv4: '10.9.0.66' });
  const target = trafficHost({ ipv4: '10.9.0.20' });
  const ports = Array.from({ length: 60 }, (_, index) => 1 + index * 7);
  const traffic = mergeTraffic(
    normalTraffic({ seed, start, packetsPerSecond: 300 }),
    portScan({ start: start + SECOND, attacker, targets: [target], ports, openPorts: [22, 85] }),
    bruteForce({ start: start + 2 * SECOND, attacker, target, port: 22, attempts: 30, interval: 100_000 }),
  );
  return capturedRecords(trafficFile(traffic, { until: start + 6 * SECOND }), 'node-2').flatMap(
    ({ key, value, packets }) => (key === null ? [] : [{ key, value, packets }]),
  );
}
