/** One scan, of which each of twenty capture nodes holds a single probe in a capture file of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin, Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { Registry } from '../../runtime/process/metrics.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { progress, readAlerts } from '../support/alert-log.js';
import { pcapFile } from '../support/capture-file.js';
import { createTestCapture, until } from '../support/capture-node.js';
import { ethernet } from '../support/frames.js';
import { ipv4 } from '../support/ip-packets.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../support/local-stack.js';
import { createTopicsFor } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';
import { SECOND, TRAFFIC_START } from '../support/traffic.js';
import { tcp } from '../support/transport-segments.js';

const PARTITIONS = 6;
const NODES = 20;
const NODE_IDS = Array.from({ length: NODES }, (_, index) => `node-${String(index).padStart(2, '0')}`);

let folder: string;
let topics: TestTopics;
let kafka: Kafka;
let admin: Admin;
let workers: Processor[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nta-split-'));
  topics = createTestTopics();
  kafka = quietKafka(topics.brokers);
  admin = kafka.admin();
  await admin.connect();
  await createTopicsFor(topics, PARTITIONS);
  workers = Array.from({ length: 3 }, () =>
    createProcessor({ ...processSettings(), ...topics.settings }, testLog(), new Registry()),
  );
  await Promise.all(workers.map((worker) => worker.start()));
  await until('the workers are ready', () => workers.every((worker) => worker.readiness() === null), 60_000);
});

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await admin.disconnect();
  await topics.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a capture of one probe for each node; returns their names. */
function writeProbes(source: string, interval: number): string[] {
  return NODE_IDS.map((nodeId, index) => {
    const segment = tcp({ sourcePort: 40_000 + index, destinationPort: 1000 + index });
    const bytes = ethernet({ pad: true }, ipv4({ source, destination: '198.51.100.1' }, segment));
    const file = join(folder, `${source}-${nodeId}.pcap`);
    writeFileSync(file, pcapFile([{ time: TRAFFIC_START + index * interval, bytes }]));
    return file;
  });
}

/** `nta capture --read FILE --node-id NODE`. */
async function replay(file: string, nodeId: string): Promise<void> {
  const { service } = createTestCapture(topics.settings, { read: [file], nodeId });
  try {
    await service.start();
    await service.done;
  } finally {
    await service.stop();
  }
}

/** The events of the source's alerts once all that was published is processed. */
async function eventsOf(source: string): Promise<AlertDocument[]> {
  const group = groupName('processors', topics.prefix);
  const packets = topicName('packets', topics.prefix);
  await expect.poll(async () => (await progress(admin, group, packets)).left, { timeout: 60_000 }).toBe(0);
  const { alerts: count } = await progress(admin, group, packets);
  const alerts = await readAlerts(kafka, topicName('alerts', topics.prefix), count);
  return alerts.filter((alert) => alert.source.ip === source && alert.rule.id === 'port-scan');
}

/** What two replays of all the captures have to give: the same one scan twice, seen by every node. */
function expectTheSameScanTwice(first: readonly AlertDocument[], all: readonly AlertDocument[]): AlertDocument[] {
  expect(first[0]).toMatchObject({ event: { action: 'open' } });
  const [superseded, ...second] = all.slice(first.length);
  expect(superseded!.nta.alert.close_reason).toBe('superseded');
  expect(superseded!.observer.name).toEqual(NODE_IDS);
  expect(superseded!.nta.alert.evidence).toMatchObject({ packets: NODES, ports: { distinct: NODES } });
  expect(new Set(all.map(({ nta }) => nta.alert.id)).size).toBe(1);
  return second;
}

describe('a scan split over twenty replayed captures, over three workers', () => {
  it('is one alert when they are replayed one after the other in a mixed order, and the same one again', async () => {
    const source = '203.0.113.20';
    const files = writeProbes(source, SECOND / 5);
    const replayAll = async (): Promise<void> => {
      for (let i = 0; i < NODES; i++) await replay(files[(i * 7) % NODES]!, NODE_IDS[(i * 7) % NODES]!);
    };
    await replayAll();
    const first = await eventsOf(source);
    await replayAll();
    const second = expectTheSameScanTwice(first, await eventsOf(source));
    expect(first.map(({ event }) => event.action)).toEqual(['open', 'update']);
    expect(first[1]!.observer.name).toEqual(NODE_IDS);
    expect(second.map(({ event }) => event.id)).toEqual(first.map(({ event }) => event.id));
  });

  it('is one alert when they are replayed at the same time, and the same one again', async () => {
    const source = '203.0.113.21';
    // At one time, because the time of the crossing, which the id names, is that of the packets that had arrived.
    const files = writeProbes(source, 0);
    const replayAll = () => Promise.all(files.map((file, index) => replay(file, NODE_IDS[index]!)));
    await replayAll();
    const first = await eventsOf(source);
    await replayAll();
    // How much of the scan had come when its outcome was known differs from run to run; what it is does not.
    const second = expectTheSameScanTwice(first, await eventsOf(source));
    expect(second[0]).toMatchObject({ event: { action: 'open' } });
  });
});
