import { join } from 'node:path';
import type { Admin, Kafka } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessSettings } from '../../processors/process-options.js';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { Registry } from '../../runtime/process/metrics.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { progress, readAlerts, readTopic } from '../support/alert-log.js';
import { attackStream, SPREAD_SCANNER, type StreamRecord, spreadScan } from '../support/attack-stream.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../support/local-stack.js';
import { createTopicsFor, publishStream, recreateTopic } from '../support/packet-topic.js';
import { ProcessorProcess, processSettings } from '../support/processor-process.js';
import { TRAFFIC_START } from '../support/traffic.js';

const PARTITIONS = 6;
const DAY_MICROS = 86_400e6;

describe('processor', () => {
  let topics: TestTopics;
  let kafka: Kafka;
  let admin: Admin;
  let running: Processor[];
  const registry = new Registry();

  beforeEach(async () => {
    topics = createTestTopics();
    kafka = quietKafka(topics.brokers);
    admin = kafka.admin();
    await admin.connect();
    running = [];
    await createTopicsFor(topics, PARTITIONS);
  });

  afterEach(async () => {
    await Promise.all(running.map((processor) => processor.stop()));
    await admin.disconnect();
    await topics.remove();
    registry.clear();
  });

  function createWorker(changes: Partial<ProcessSettings> = {}, metrics = new Registry()): Processor {
    const processor = createProcessor({ ...processSettings(changes), ...topics.settings }, testLog(), metrics);
    running.push(processor);
    return processor;
  }

  async function stopWorker(processor: Processor): Promise<void> {
    running = running.filter((other) => other !== processor);
    await processor.stop();
  }

  function publish(records: Iterable<StreamRecord>): Promise<number> {
    return publishStream(topics, PARTITIONS, records);
  }

  function processed(): ReturnType<typeof progress> {
    return progress(admin, groupName('processors', topics.prefix), topicName('packets', topics.prefix));
  }

  async function alertsSent(): Promise<AlertDocument[]> {
    return readAlerts(kafka, topicName('alerts', topics.prefix), (await processed()).alerts);
  }

  it('commits the count of packets with the offsets', async () => {
    const worker = createWorker();
    await worker.start();
    const packets = await publish(
      attackStream({ seed: 1, seconds: 20, captureNodes: 3, backgroundRate: 500, backgroundSources: 20 }),
    );
    await expect.poll(processed, { timeout: 60_000 }).toMatchObject({ packets, left: 0 });
    expect(worker.readiness()).toBeNull();
  });

  it('sees one scan when twenty capture nodes see one port each and three workers share the work', async () => {
    const workers = [createWorker(), createWorker(), createWorker()];
    await Promise.all(workers.map((worker) => worker.start()));
    await expect
      .poll(() => workers.map((worker) => worker.readiness()), { timeout: 60_000 })
      .toEqual([null, null, null]);
    await publish(spreadScan(20));
    await expect.poll(async () => (await processed()).left, { timeout: 60_000 }).toBe(0);
    const alerts = await alertsSent();
    expect(new Set(alerts.map(({ nta }) => nta.alert.id)).size).toBe(1);
    const last = alerts.at(-1)!;
    expect(last.source.ip).toBe(SPREAD_SCANNER);

    // The close of the episode has everything.
    await publish([
      ...attackStream({ seed: 1, seconds: 0, captureNodes: 20, backgroundRate: 0, backgroundSources: 1 }),
    ]);
    await expect.poll(async () => (await processed()).left, { timeout: 60_000 }).toBe(0);
    const closed = (await alertsSent()).at(-1)!;
    expect(closed.event.action).toBe('close');
    expect(closed.nta.alert.evidence.ports?.distinct).toBe(20);
    expect(closed.observer.name).toEqual(
      Array.from({ length: 20 }, (_, node) => `node-${String(node).padStart(2, '0')}`),
    );
  });

  it('sets records aside that cannot be used, with the reason, and goes on', async () => {
    const worker = createWorker();
    await worker.start();
    const good = [...spreadScan(12)];
    const late = { ...good[0]!, value: Buffer.from([0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9]) };
    await publish([{ ...good[0]!, value: Buffer.from('garbage') }, late, ...good]);
    await expect.poll(processed, { timeout: 60_000 }).toMatchObject({ packets: 12, left: 0 });

    const letters = (await readTopic(kafka, topicName('packetsDeadLetter', topics.prefix))).flat();
    const reasons = letters.map(({ headers }) => String(headers?.reason)).sort();
    expect(new Set(reasons)).toEqual(new Set(['not_avro', 'unknown_schema']));
    const garbage = letters.find(({ headers }) => String(headers?.reason) === 'not_avro')!;
    expect(garbage.value?.toString()).toBe('garbage');
    expect(garbage.key?.toString()).toBe(SPREAD_SCANNER);
    expect(String(garbage.headers?.['source-topic'])).toBe(topicName('packets', topics.prefix));
    expect(Number(String(garbage.headers?.['source-offset']))).toBeGreaterThanOrEqual(0);
    const [opened] = await alertsSent();
    expect(opened?.source.ip).toBe(SPREAD_SCANNER);
    expect(Date.parse(opened!['@timestamp']) * 1000 - TRAFFIC_START).toBeLessThan(DAY_MICROS);
  });

  it('goes on when a detector of someone’s own fails, and says which', async () => {
    const module = join(projectRoot, 'test/processors/detectors/failing.js');
    const worker = new ProcessorProcess({ ...processSettings({ detector: [module] }), ...topics.settings });
    try {
      await worker.joined();
      await expect.poll(() => worker.readiness, { timeout: 60_000 }).toBeNull();
      await publish(spreadScan(20)); // ports 1000 … 1019
      await expect.poll(processed, { timeout: 60_000 }).toMatchObject({ packets: 20, left: 0 });
      const alerts = await alertsSent();
      const scans = alerts.filter(({ rule }) => rule.id === 'port-scan');
      expect(scans.at(-1)?.nta.alert.evidence.ports?.distinct).toBe(20);
      expect(alerts.find(({ rule }) => rule.id === 'failing')?.message).toBe(`Failing: ${SPREAD_SCANNER}, 2 packets`);
      // Ten odd ports, and the words of its alerts at 2, 4 and 8 packets.
      await expect
        .poll(() => worker.metric('nta_process_detector_failures_total'))
        .toEqual([{ labels: { detector: 'failing' }, value: 13 }]);
      expect(worker.readiness).toMatch(
        /^the detector failing fails: --detector .*failing\.js: failing\.observe: port \d+ is odd$/,
      );
      const lines = worker.log.filter((line) => line.includes('the detector failing fails'));
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', detector: 'failing' });
    } finally {
      expect(await worker.stop()).toBe(0);
    }
  });

  it('keeps the partitions of a worker where they are when another joins and leaves', async () => {
    const first = createWorker();
    await first.start();
    await expect.poll(() => first.readiness(), { timeout: 60_000 }).toBeNull();
    const metrics = new Registry();
    const second = createWorker({}, metrics);
    await second.start();
    await expect.poll(() => second.readiness(), { timeout: 60_000 }).toBeNull();
    await expect.poll(() => partitionsOf(metrics)).toBe(PARTITIONS / 2);
    expect(await recoveries(metrics)).toBe(PARTITIONS / 2);
    await stopWorker(first);
    await expect.poll(() => partitionsOf(metrics), { timeout: 60_000 }).toBe(PARTITIONS);
    await expect.poll(() => second.readiness(), { timeout: 60_000 }).toBeNull();
    // Only those that came were recovered.
    expect(await recoveries(metrics)).toBe(PARTITIONS);
  });

  it('processes a topic that is made anew from its start, and closes what the old one had left open', async () => {
    const worker = createWorker();
    await worker.start();
    await publish(spreadScan(20));
    await expect.poll(async () => (await processed()).left, { timeout: 60_000 }).toBe(0);
    const before = await alertsSent();
    expect(before.map(({ event }) => event.action)).toContain('open');
    await recreateTopic(topics, topicName('packets', topics.prefix), PARTITIONS);
    // Fewer records than before: the log ends below the positions of those that read it.
    await publish(spreadScan(12));
    const events = async () => {
      const records = (await readTopic(kafka, topicName('alerts', topics.prefix))).flat();
      return records.map(({ value }) => JSON.parse(value!.toString()) as AlertDocument).slice(before.length);
    };
    const told = async () => (await events()).map(({ event, nta }) => [event.action, nta.alert.close_reason]);
    await expect.poll(told, { timeout: 60_000 }).toEqual([
      ['close', 'cut_off'],
      ['open', undefined],
    ]);
    expect((await events())[1]?.event.id).toBe(before[0]!.event.id);
    await expect.poll(async () => (await processed()).left, { timeout: 60_000 }).toBe(0);
    await expect.poll(() => worker.readiness(), { timeout: 60_000 }).toBeNull();
  });

  it('refuses to start without topics and names the remedy', async () => {
    const other = createProcessor(
      { ...processSettings(), ...topics.settings, topicPrefix: `${topics.prefix}none-` },
      testLog(),
      registry,
    );
    await expect(other.start()).rejects.toThrow(/has no topic .*-none-packets.*nta setup/);
    await other.stop();
  });
});

async function partitionsOf(metrics: Registry): Promise<number | undefined> {
  const metric = await metrics.getSingleMetric('nta_process_partitions')?.get();
  return metric?.values[0]?.value;
}

async function recoveries(metrics: Registry): Promise<number | undefined> {
  const metric = await metrics.getSingleMetric('nta_process_recovery_seconds')?.get();
  return metric?.values.find((value) => (value as { metricName?: string }).metricName?.endsWith('_count'))?.value;
}
