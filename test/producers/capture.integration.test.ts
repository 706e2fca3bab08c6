import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptureSettings } from '../../producers/capture.js';
import type { CaptureNodeStatus } from '../../schemas/nodes/capture-node.js';
import { publishedSchemas } from '../../schemas/packets/packet-batch-schemas.js';
import { forgetRegisteredSchemas } from '../../schemas/packets/schema-registry.js';
import { topicName } from '../../schemas/topics.js';
import { readTopic } from '../support/alert-log.js';
import { pcapFile } from '../support/capture-file.js';
import { createTestCapture, createTopics, type TestCapture } from '../support/capture-node.js';
import { createTestTopics, quietKafka, type TestTopics } from '../support/local-stack.js';
import { requireTool } from '../support/requirement.js';
import { FIRST_SCHEMA_ID, startTestRegistry } from '../support/schema-registry.js';
import { readSequences, type SequenceReport, sequencedCapture } from '../support/sequenced-traffic.js';

const SOURCES = 50;
const LENGTH = 200;
const PACKETS = SOURCES * LENGTH;

let folder: string;
let whole: string;
let topics: TestTopics;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-capture-'));
  whole = join(folder, 'whole.pcap');
  writeFileSync(whole, sequencedCapture(SOURCES, LENGTH));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Replays to the end and reads the topic; what `done` was rejected with is in `error`. */
async function replay(
  settings: Partial<CaptureSettings>,
): Promise<{ capture: TestCapture; report: SequenceReport; error: unknown }> {
  topics = createTestTopics();
  try {
    await createTopics(topics);
    const capture = createTestCapture(topics.settings, settings);
    let error: unknown = null;
    try {
      await capture.service.start();
      await capture.service.done;
    } catch (caught) {
      error = caught;
    } finally {
      await capture.service.stop();
    }
    const records = await readTopic(quietKafka(topics.brokers), topicName('packets', topics.prefix));
    return { capture, report: readSequences(records, LENGTH), error };
  } finally {
    await topics.remove();
  }
}

describe('a replay', () => {
  it('publishes every packet once, in order, and the balance closes', async () => {
    const { capture, report, error } = await replay({ read: [whole] });
    expect(error).toBeNull();
    // At its end the clock of the capture goes on once, on each of four partitions.
    expect(report).toEqual({ packets: PACKETS, sources: SOURCES, breaks: [], others: 0, ticks: 4, endsOfTimeline: 0 });
    expect(capture.service.balance()).toMatchObject({ seen: PACKETS, published: PACKETS, pending: 0, spooled: 0 });
    const metrics = await capture.registry.metrics();
    expect(metrics).toContain(`nta_capture_packets_seen_total{interface="${whole}"} ${PACKETS}`);
    expect(metrics).toContain(`nta_capture_packets_published_total{interface="${whole}"} ${PACKETS}`);
  });

  it('ends each timeline on every partition after its packets', async () => {
    const { report } = await replay({ read: [whole, whole], finishTimeline: true });
    expect(report).toMatchObject({ packets: 2 * PACKETS, breaks: [], endsOfTimeline: 8 });
  });

  it('publishes what a truncated file holds, plays the others, and fails', async () => {
    const cut = join(folder, 'cut.pcap');
    writeFileSync(cut, sequencedCapture(SOURCES, LENGTH).subarray(0, 24 + 76 * 1000 + 30));
    const { capture, report, error } = await replay({ read: [cut, whole] });
    expect(error).toMatchObject({
      code: 'CAPTURE_FILE',
      message: expect.stringContaining(`${cut}: the capture is cut off`),
    });
    expect(capture.service.balance()).toMatchObject({ seen: 1000 + PACKETS, published: 1000 + PACKETS, pending: 0 });
    expect(report.packets).toBe(1000 + PACKETS);
  });

  it('refuses what is no capture before anything is published', async () => {
    const text = join(folder, 'text.pcap');
    writeFileSync(text, 'not a capture at all, only text');
    const { capture, report, error } = await replay({ read: [whole, text, join(folder, 'missing.pcap')] });
    expect(error).toMatchObject({ code: 'CAPTURE_FILE' });
    expect((error as Error).message.split('\n')).toEqual([
      expect.stringContaining(`${text}: not a capture file`),
      expect.stringContaining('missing.pcap: there is no such file'),
    ]);
    expect([report.packets, capture.service.balance().seen]).toEqual([0, 0]);
  });

  it('counts what --packet-filter leaves out', async (context) => {
    requireTool(context, 'tcpdump');
    const { capture, report } = await replay({ read: [whole], packetFilter: 'src host 198.18.0.7' });
    expect(capture.service.balance()).toMatchObject({
      seen: PACKETS,
      published: LENGTH,
      pending: 0,
      dropped: { filtered: PACKETS - LENGTH },
    });
    expect(report).toMatchObject({ packets: LENGTH, sources: 1, breaks: [] });
  });

  it('says in libpcap’s words what is wrong with a filter', async (context) => {
    requireTool(context, 'tcpdump');
    const { error } = await replay({ read: [whole], packetFilter: 'tcp prt 80' });
    expect(error).toMatchObject({ code: 'PACKET_FILTER', message: expect.stringContaining('syntax error') });
  });

  it.each([{ sample: '1/10' }, { sampleFlows: '1/10' }])(
    'samples %o, counts the rest and records the rate',
    async (sampling) => {
      const { capture, report } = await replay({ read: [whole], ...sampling });
      const balance = capture.service.balance();
      expect(balance.pending).toBe(0);
      expect(balance.published + balance.dropped.sampled_out).toBe(PACKETS);
      expect(balance.published).toBe(report.packets);
      expect(Math.abs(balance.published - PACKETS / 10)).toBeLessThan(PACKETS / 20);
    },
  );

  it('publishes frames that do not decode when their source is known, and counts the others by reason', async () => {
    const file = join(folder, 'broken.pcap');
    const time = 1_700_000_000_000_000;
    writeFileSync(
      file,
      pcapFile([
        { time, bytes: Buffer.alloc(5) },
        { time, bytes: Buffer.from('02000000000202000000000108004500', 'hex') },
      ]),
    );
    const { capture } = await replay({ read: [file] });
    expect(capture.service.balance()).toMatchObject({
      seen: 2,
      published: 1,
      pending: 0,
      dropped: { decode_failed: 1 },
      decodeFailed: { ethernet_truncated: 1 },
      decodeFailures: { ethernet_truncated: 1, ipv4_truncated: 1 },
    });
  });

  it('paced, takes as long as the capture and moves its clock by ticks', async () => {
    const file = join(folder, 'paced.pcap');
    const start = 1_700_000_000_000_000;
    const bytes = sequencedCapture(1, 1).subarray(40);
    writeFileSync(file, pcapFile([0, 400_000, 1_200_000].map((offset) => ({ time: start + offset, bytes }))));
    const began = performance.now();
    const { capture, report } = await replay({ read: [file], pace: true, tickInterval: 200 });
    expect(performance.now() - began).toBeGreaterThan(1_200);
    expect(capture.service.balance()).toMatchObject({ seen: 3, published: 3, pending: 0 });
    expect(report.ticks).toBeGreaterThanOrEqual(4);
  });

  it('reports itself on capture-nodes, and at the end that it has stopped', async () => {
    topics = createTestTopics();
    try {
      await createTopics(topics);
      const { service } = createTestCapture(topics.settings, { read: [whole], heartbeatInterval: 100 });
      await service.start();
      expect(service.readiness()).toBeNull();
      await service.done;
      await service.stop();
      const records = await readTopic(quietKafka(topics.brokers), topicName('captureNodes', topics.prefix));
      const beats = records.flat().map(({ value }) => JSON.parse(value!.toString()) as CaptureNodeStatus);
      expect(beats.length).toBeGreaterThanOrEqual(2);
      expect(beats[0]).toMatchObject({ capture_node: 'node-1', stopped: false, interval_ms: 100 });
      expect(beats.at(-1)).toMatchObject({ stopped: true, seen: PACKETS, published: PACKETS, spool_bytes: 0 });
    } finally {
      await topics.remove();
    }
  });

  it('writes records in the framing of the schema registry', async () => {
    const registry = await startTestRegistry();
    topics = createTestTopics();
    try {
      await createTopics(topics);
      const kafka = { ...topics.settings, schemaRegistryUrl: registry.url };
      const { service } = createTestCapture(kafka, { read: [whole] });
      await service.start();
      await service.done;
      await service.stop();
      const records = await readTopic(quietKafka(topics.brokers), topicName('packets', topics.prefix));
      const prefixes = new Set(records.flat().map(({ value }) => value!.readUIntBE(0, 5)));
      expect([...prefixes]).toEqual([FIRST_SCHEMA_ID + publishedSchemas().length - 1]);
      expect(readSequences(records, LENGTH)).toMatchObject({ packets: PACKETS, breaks: [] });
    } finally {
      forgetRegisteredSchemas();
      await topics.remove();
      await registry.stop();
    }
  });

  it('refuses to start without the schema registry that it is given', async () => {
    const registry = await startTestRegistry();
    await registry.stop();
    topics = createTestTopics();
    try {
      await createTopics(topics);
      const kafka = { ...topics.settings, schemaRegistryUrl: registry.url };
      const { service } = createTestCapture(kafka, { read: [whole] });
      await expect(service.start()).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY' });
      await service.stop();
    } finally {
      await topics.remove();
    }
  });

  it('refuses to start without its topic', async () => {
    topics = createTestTopics();
    const { service } = createTestCapture(topics.settings, { read: [whole] });
    await expect(service.start()).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
    await service.stop();
  });
});
