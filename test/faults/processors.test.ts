/**
 * Exactly once through any crash: while a stream with attacks in packets and in conversations is published, workers and the broker are killed,
 * paused and restarted at seeded moments. Every alert event of an undisturbed run must be there, with the same content,
 * and nothing else. `NTA_FAULTS=long` runs 50 rounds and more; the seed of a round stands in its name.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { progress, readAlerts, readTopic, undisturbedAlerts } from '../support/alert-log.js';
import { attackStream, type StreamRecord, steadyTraffic } from '../support/attack-stream.js';
import { arpSpoofing, bruteForce, portScan, synFlood } from '../support/attack-traffic.js';
import { capturedRecords } from '../support/captured-records.js';
import { kafkaSettings, type PrivateStack, quietKafka, startPrivateStack } from '../support/local-stack.js';
import { GATEWAY, normalTraffic } from '../support/normal-traffic.js';
import { createTopicsFor, publishStream } from '../support/packet-topic.js';
import { type Fault, type FaultOutcome, runFaultRound } from '../support/processor-faults.js';
import { ProcessorProcess, processSettings } from '../support/processor-process.js';
import { mergeTraffic, SECOND, TRAFFIC_START, trafficFile } from '../support/traffic.js';
import { type TrafficHost, trafficHost } from '../support/traffic-host.js';

const isLong = process.env.NTA_FAULTS === 'long';
const ROUNDS = isLong ? Number(process.env.NTA_FAULT_ROUNDS ?? 50) : 2;
const FIRST_SEED = Number(process.env.NTA_FAULT_SEED ?? 1);
const STREAM_SECONDS = isLong ? 150 : 50;
const ROUND_LIMIT_MS = isLong ? 420_000 : 180_000;

describe('processors under faults', () => {
  let stack: PrivateStack;

  beforeAll(async () => {
    stack = await startPrivateStack({ kafka: true, postgres: false });
  });

  afterAll(async () => {
    await stack?.remove();
  });

  it('fences a worker that was paused for longer than its session', { timeout: 120_000 }, async () => {
    const { brokers } = stack.kafka!;
    const topics = { brokers: [...brokers], prefix: 'zombie-', settings: kafkaSettings(brokers, 'zombie-') };
    await createTopicsFor(topics, 4);
    const settings = { ...processSettings({ sessionTimeout: 2_000 }), ...topics.settings };
    const zombie = new ProcessorProcess(settings);
    const heir = new ProcessorProcess(settings);
    try {
      await Promise.all([zombie.joined(), heir.joined()]);
      await expect.poll(() => [partitionsOf(zombie), partitionsOf(heir)], { timeout: 30_000 }).toEqual([2, 2]);
      const stream = [
        ...attackStream({ seed: 7, seconds: 60, captureNodes: 3, backgroundRate: 300, backgroundSources: 30 }),
      ];
      const half = Math.floor(stream.length / 2);
      // Paused while it works: there is a batch in its hands, and most likely a transaction under way.
      const published = publishStream(topics, 4, stream.slice(0, half));
      zombie.signal('SIGSTOP');
      await published;
      await expect.poll(() => partitionsOf(heir), { timeout: 30_000 }).toBe(4);
      await expect.poll(() => left(topics), { timeout: 60_000 }).toBe(0);
      const before = await alertsOf(topics);
      zombie.signal('SIGCONT');
      // It comes back as a new member, and takes its share again.
      await expect.poll(() => [partitionsOf(zombie), partitionsOf(heir)], { timeout: 30_000 }).toEqual([2, 2]);
      expect(await alertsOf(topics)).toEqual(before);
      await publishStream(topics, 4, stream.slice(half));
      await expect.poll(() => left(topics), { timeout: 60_000 }).toBe(0);
      const packets = await readTopic(quietKafka(brokers), topicName('packets', topics.prefix));
      const committed = await alertsOf(topics);
      expect(committed).toHaveLength(new Set(committed.map(({ event }) => event.id)).size);
      expect(byId(committed)).toEqual(byId(undisturbedAlerts(packets)));
    } finally {
      await Promise.all([zombie.kill(), heir.kill()]);
    }
  });

  it('processes a killed worker’s partitions again', { timeout: 170_000 }, async () => {
    const { brokers } = stack.kafka!;
    const topics = { brokers: [...brokers], prefix: 'recovery-', settings: kafkaSettings(brokers, 'recovery-') };
    await createTopicsFor(topics, 4);
    const settings = { ...processSettings(), ...topics.settings };
    const workers = [new ProcessorProcess(settings), new ProcessorProcess(settings)];
    try {
      await Promise.all(workers.map((worker) => worker.joined()));
      // One window of 60 s at 50,000 packets a second.
      const traffic = { packetsPerSecond: 50_000, packetsPerRecord: 500, sources: 2_000, synEvery: 50 };
      const window = steadyTraffic({ ...traffic, seconds: 60, start: TRAFFIC_START });
      let packets = 0;
      for (let records = take(window, 500); records.length > 0; records = take(window, 500)) {
        packets += await publishStream(topics, 4, records);
      }
      await expect.poll(() => left(topics), { timeout: 60_000 }).toBe(0);
      await expect.poll(() => workers.map(partitionsOf), { timeout: 10_000 }).toEqual([2, 2]);
      await workers[0]!.kill();
      const killedAt = performance.now();
      packets += await publishStream(topics, 4, steadyTraffic({ ...traffic, seconds: 1, start: TRAFFIC_START + 60e6 }));
      await expect.poll(() => left(topics), { timeout: 60_000, interval: 50 }).toBe(0);
      const seconds = (performance.now() - killedAt) / 1000;
      const replayed = workers[1]!.metric('nta_process_replayed_packets_total')[0]?.value ?? 0;
      process.stderr.write(
        `recovery: ${seconds.toFixed(1)} s from kill -9 to everything processed, of which ${settings.sessionTimeout / 1000} s session timeout; ${replayed} packets replayed\n`,
      );
      expect(await processedPackets(topics)).toBe(packets);
      // 5 s is what an idle machine is held to, by the benchmark; here other tests may share the cores.
      expect(seconds).toBeLessThan(30);
    } finally {
      await Promise.all(workers.map((worker) => worker.kill()));
    }
  });

  const seeds = Array.from({ length: ROUNDS }, (_, index) => FIRST_SEED + index);
  it.each(seeds)('gives the alerts of an undisturbed run, seed %i', { timeout: ROUND_LIMIT_MS }, async (seed) => {
    const { brokers, control } = stack.kafka!;
    // Every second round leaves the broker alone, so that workers come further between two faults.
    const faults: Fault[] = seed % 2 === 0 ? ['kill', 'pause', 'restart', 'broker'] : ['kill', 'pause', 'restart'];
    const outcome = await runFaultRound({
      kafka: kafkaSettings(brokers, `faults-${seed}-`),
      partitions: 6,
      workers: 3,
      seed,
      faults,
      stream: [
        ...attackStream({
          seed,
          seconds: STREAM_SECONDS,
          captureNodes: 20,
          backgroundRate: 1_000,
          backgroundSources: 50,
        }),
        ...conversationRecords(seed),
      ].sort((a, b) => a.time - b.time),
      recordsPerSend: 1_000,
      pauseMs: 100,
      catchUpMs: 60_000,
      restartBroker: async () => {
        await control.kill9();
        // Without a broker every round after this one would fail as well.
        await control.start().catch(() => control.start());
      },
    });
    expectUndisturbed(outcome);
  });
});

type Topics = Parameters<typeof publishStream>[0];

async function alertsOf(topics: Topics): Promise<AlertDocument[]> {
  const { alerts } = await stateOf(topics);
  return readAlerts(quietKafka(topics.brokers), topicName('alerts', topics.prefix), alerts);
}

function stateOf({ brokers, prefix }: Topics): ReturnType<typeof progress> {
  return withAdmin(brokers, (admin) => progress(admin, groupName('processors', prefix), topicName('packets', prefix)));
}

async function left(topics: Topics): Promise<number> {
  return (await stateOf(topics)).left;
}

async function processedPackets(topics: Topics): Promise<number> {
  return (await stateOf(topics)).packets;
}

async function withAdmin<Result>(brokers: readonly string[], use: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

function partitionsOf(worker: ProcessorProcess): number | undefined {
  return worker.readiness === null ? worker.metric('nta_process_partitions')[0]?.value : undefined;
}

function take<Item>(items: Iterator<Item>, count: number): Item[] {
  const taken: Item[] = [];
  for (let step = items.next(); !step.done; step = items.next()) {
    taken.push(step.value);
    if (taken.length === count) break;
  }
  return taken;
}

function expectUndisturbed(outcome: FaultOutcome): void {
  const { published, processed, committed, undisturbed, faults } = outcome;
  expect(faults.length, 'faults').toBeGreaterThan(0);
  expect(processed, `packets processed, after ${faults.join('; ')}`).toBe(published);
  const ids = committed.map(({ event }) => event.id);
  expect(new Set(ids).size, 'no event twice').toBe(ids.length);
  expect(differences(byId(committed), byId(undisturbed)), `after ${faults.join('; ')}`).toEqual([]);
  const detectors = new Set(undisturbed.map(({ rule }) => rule.id));
  const judged = ['distributed-flood', 'slow-scan'];
  expect([...detectors]).toEqual(
    expect.arrayContaining(['arp-spoofing', 'brute-force', 'port-scan', 'syn-flood', ...judged]),
  );
  const outcomes = new Set(undisturbed.map(({ nta }) => nta.alert.evidence.details?.['outcome']));
  expect([...outcomes]).toContain('failed');
}

/** What a whole document on either side would hide in a log of thousands of lines. */
function differences(
  actual: Readonly<Record<string, AlertDocument>>,
  expected: Readonly<Record<string, AlertDocument>>,
): string[] {
  const ids = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...ids].flatMap((id) => {
    if (isDeepStrictEqual(actual[id], expected[id])) return [];
    const problem = actual[id] === undefined ? 'missing' : expected[id] === undefined ? 'invented' : 'other';
    return `${problem}: ${JSON.stringify(actual[id])} instead of ${JSON.stringify(expected[id])}`;
  });
}

function byId(alerts: readonly AlertDocument[]): Record<string, AlertDocument> {
  return Object.fromEntries(alerts.map((alert) => [alert.event.id, alert]));
}

/** As another capture node publishes them: attacks that are told by what became of conversations, amid ordinary ones. */
function conversationRecords(seed: number): StreamRecord[] {
  const start = TRAFFIC_START + SECOND;
  const hosts = [66, 77, 20].map((byte) => trafficHost({ ipv4: `10.9.${seed % 200}.${byte}` }));
  const [scanner, guesser, target] = hosts as [TrafficHost, TrafficHost, TrafficHost];
  const ports = Array.from({ length: 80 }, (_, index) => 1 + index * 7);
  const traffic = mergeTraffic(
    normalTraffic({ seed, start, packetsPerSecond: 100 }),
    portScan({
      start: start + 2 * SECOND,
      attacker: scanner,
      targets: [target],
      ports,
      openPorts: [22, 85],
      interval: 400_000,
    }),
    bruteForce({ start: start + 3 * SECOND, attacker: guesser, target, port: 22, attempts: 40, interval: 900_000 }),
    synFlood({ start: start + 8 * SECOND, source: 'spoofed', target, packets: 2_000, packetsPerSecond: 120, seed }),
    // What ARP says is among a node's observations, which the packets of the other nodes here come without.
    arpSpoofing({ start: start + 5 * SECOND, attacker: scanner, gateway: GATEWAY, victim: guesser, replies: 20 }),
  );
  return capturedRecords(trafficFile(traffic, { until: TRAFFIC_START + STREAM_SECONDS * SECOND }), 'tap');
}
