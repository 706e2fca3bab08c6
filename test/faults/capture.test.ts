/**
 * A capture node whose Kafka goes away under live traffic, of which packets and what became of conversations are held, and one
 * that is killed with a full spool. NTA_FAULTS=long
 * takes the broker away for a minute instead of ten seconds.
 */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { topicName } from '../../schemas/topics.js';
import { readTopic } from '../support/alert-log.js';
import { bruteForce, portScan } from '../support/attack-traffic.js';
import { createTestCapture, createTopics, until } from '../support/capture-node.js';
import { type CaptureWire, createCaptureWire } from '../support/capture-wire.js';
import { truthOf } from '../support/chaos-expectations.js';
import {
  createTestTopics,
  type PrivateStack,
  quietKafka,
  stackEnvironment,
  startPrivateStack,
  type TestTopics,
} from '../support/local-stack.js';
import { requireNamespaces } from '../support/network-namespace.js';
import { startNta } from '../support/nta-command.js';
import { requireTool, type SkippableTest } from '../support/requirement.js';
import { readSequences, type SequenceReport, sequencedCapture } from '../support/sequenced-traffic.js';
import { endedConversations } from '../support/topic-conversations.js';
import { mergeTraffic, TRAFFIC_START, trafficFile } from '../support/traffic.js';
import { trafficHost } from '../support/traffic-host.js';

const LONG = process.env['NTA_FAULTS'] === 'long';
const OUTAGE_MS = LONG ? 60_000 : 10_000;
const PACKETS_PER_SECOND = LONG ? 50_000 : 10_000;
const SOURCES = 100;
const LENGTH = 200;
/** What conversations of the tests begin with. */
const DIALOGUES = '10.9.0.';

let folder: string;
let stack: PrivateStack;
let topics: TestTopics;
let wire: CaptureWire | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nta-capture-'));
  writeFileSync(join(folder, 'traffic.pcap'), sequencedCapture(SOURCES, LENGTH));
  stack = await startPrivateStack({ kafka: true, postgres: false });
  topics = createTestTopics(stack.kafka!.brokers);
  await createTopics(topics);
});

afterEach(async () => {
  wire?.remove();
  await stack?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function createWire(context: SkippableTest): CaptureWire {
  requireNamespaces(context);
  requireTool(context, 'tcpdump', 'tcpreplay');
  wire = createCaptureWire();
  return wire;
}

/** Plays the traffic for at least that long; resolves with the packets sent. */
async function play(on: CaptureWire, milliseconds: number): Promise<number> {
  const loops = Math.ceil((milliseconds / 1000) * (PACKETS_PER_SECOND / (SOURCES * LENGTH)));
  await on.replay(join(folder, 'traffic.pcap'), { packetsPerSecond: PACKETS_PER_SECOND, loops });
  return loops * SOURCES * LENGTH;
}

async function published(): Promise<SequenceReport> {
  return readSequences(await records(), LENGTH);
}

function records(): ReturnType<typeof readTopic> {
  return readTopic(quietKafka(topics.brokers), topicName('packets', topics.prefix));
}

/** A scan and guesses at logins, as a capture; and, sorted, what became of each conversation in it. */
async function dialogues(): Promise<{ readonly file: string; readonly conversations: readonly string[] }> {
  const file = join(folder, 'dialogues.pcap');
  const attacker = trafficHost({ ipv4: `${DIALOGUES}66` });
  const target = trafficHost({ ipv4: `${DIALOGUES}20` });
  const ports = Array.from({ length: 100 }, (_, index) => 1 + index);
  const start = TRAFFIC_START;
  const traffic = mergeTraffic(
    portScan({ start, attacker, targets: [target], ports, openPorts: [22, 80] }),
    bruteForce({ start: start + 1, attacker, target, port: 22, attempts: 50, interval: 100_000 }),
  );
  writeFileSync(file, trafficFile(traffic));
  const lines = (await truthOf([file])).conversations.get(file)!;
  // But for when it was: the wire has its own speed.
  return { file, conversations: lines.map((line) => line.split(' ').slice(2).join(' ')).sort() };
}

it('loses nothing and keeps the order while the broker is away', {
  timeout: OUTAGE_MS * 3 + 120_000,
}, async (context) => {
  const { interface: name, ...on } = createWire(context);
  const { service } = createTestCapture(topics.settings, { interface: [name], spoolDir: join(folder, 'spool') });
  await service.start();
  try {
    const playing = play({ interface: name, ...on }, OUTAGE_MS + 6_000);
    await until('packets are published', () => service.balance().published > 0);
    await stack.kafka!.control.kill9();
    await until('packets are spooled', () => service.balance().spooled > 0, OUTAGE_MS);
    expect(service.readiness()).toContain('Kafka');
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    await stack.kafka!.control.start();
    const sent = await playing;
    await until(
      'everything is published',
      () => service.balance().published + service.balance().dropped.kernel_dropped >= sent,
      OUTAGE_MS + 60_000,
    );
    await service.stop();

    const balance = service.balance();
    await context.annotate(`sent ${sent}, lost by the kernel ${balance.dropped.kernel_dropped}`);
    expect(balance).toMatchObject({ pending: 0, spooled: 0, dropped: { spool_dropped: 0, refused: 0 } });
    const report = await published();
    expect(report.packets + report.others).toBe(balance.published);
    expect(balance.seen).toBe(balance.published + balance.dropped.kernel_dropped);
    // What the kernel had no room for on a crowded machine is missing on the wire, and counted.
    expect(report.packets).toBe(sent - balance.dropped.kernel_dropped);
    if (balance.dropped.kernel_dropped === 0) expect(report.breaks).toEqual([]);
    else expect(report.breaks.length).toBeLessThanOrEqual(balance.dropped.kernel_dropped);
  } finally {
    await service.stop();
  }
});

it('sends after kill -9 what had reached the spool', async (context) => {
  const on = createWire(context);
  const spoolDir = join(folder, 'spool');
  const settings = {
    ...stackEnvironment(topics),
    NTA_SPOOL_DIR: spoolDir,
    NTA_INTERFACE: on.interface,
  };
  const node = startNta(['capture', '--log-level', 'info'], { env: settings });
  await node.printed(/capturing/);
  await stack.kafka!.control.kill9();
  const sent = await play(on, 4_000);
  await until('everything is in the spool', () => settledSpool(spoolDir));
  node.child.kill('SIGKILL');
  await node.ended;
  await stack.kafka!.control.start();

  const { service } = createTestCapture(topics.settings, { interface: [on.interface], spoolDir });
  await service.start();
  const { recovered } = service.balance();
  expect(recovered).toBeGreaterThan(0);
  await until('the spool is sent', () => service.balance().spooled === 0);
  await service.stop();
  expect(service.balance()).toMatchObject({ pending: 0, spooled: 0 });
  expect(readdirSync(spoolDir)).toEqual([]);

  const report = await published();
  // Of what was on its way when Kafka went away, too: it has copies in the spool.
  expect(report.packets).toBe(sent);
  expect(report.packets + report.others).toBeGreaterThanOrEqual(recovered);
  expect(report.breaks).toEqual([]);
});

it('starts while no broker answers, and delivers when one does', { timeout: 300_000 }, async (context) => {
  const on = createWire(context);
  await stack.kafka!.control.kill9();
  const spoolDir = join(folder, 'spool');
  const { service } = createTestCapture(topics.settings, { interface: [on.interface], spoolDir });
  await service.start();
  try {
    expect(service.readiness()).toContain('Kafka does not answer');
    const sent = await play(on, 4_000);
    await until('everything is in the spool', () => service.balance().spooled >= sent);
    expect(service.balance()).toMatchObject({ published: 0, pending: 0 });
    const { file, conversations } = await dialogues();
    await on.replay(file, { packetsPerSecond: 400 });
    await stack.kafka!.control.start();
    await until('Kafka is found', () => service.readiness() === null, 60_000);
    const more = await play(on, 2_000);
    await until('everything is published', () => service.balance().published >= sent + more);
    await service.stop();
    const balance = service.balance();
    expect(balance).toMatchObject({ pending: 0, spooled: 0, dropped: { kernel_dropped: 0, spool_dropped: 0 } });
    const report = await published();
    expect(report).toMatchObject({ packets: sent + more, breaks: [] });
    expect(report.packets + report.others).toBe(balance.published);
    const ended = endedConversations(await records()).filter((line) => line.startsWith(DIALOGUES));
    expect(ended.sort()).toEqual(conversations);
  } finally {
    await service.stop();
  }
});

it('leaves nothing behind when it is stopped before any broker has answered', async (context) => {
  const on = createWire(context);
  await stack.kafka!.control.kill9();
  const spoolDir = join(folder, 'spool');
  const early = createTestCapture(topics.settings, { interface: [on.interface], spoolDir }).service;
  await early.start();
  const sent = await play(on, 2_000);
  await until('everything is in the spool', () => early.balance().spooled >= sent);
  await early.stop();

  await stack.kafka!.control.start();
  const { service } = createTestCapture(topics.settings, { interface: [on.interface], spoolDir });
  await service.start();
  expect(service.balance().recovered).toBeGreaterThanOrEqual(sent);
  await until('the spool is sent', () => service.balance().spooled === 0);
  await service.stop();
  expect(await published()).toMatchObject({ packets: sent, breaks: [] });
});

it('while no broker answers, refuses to replay or to capture without a spool, and says when it is full', async (context) => {
  const on = createWire(context);
  await stack.kafka!.control.kill9();
  for (const settings of [
    { read: [join(folder, 'traffic.pcap')], spoolDir: join(folder, 'spool') },
    { interface: ['lo'], spoolDir: '' },
  ]) {
    const { service } = createTestCapture(topics.settings, settings);
    await expect(service.start()).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      message: expect.stringMatching(/^no Kafka broker answers at .*--kafka-brokers/),
    });
    await service.stop();
  }
  const settings = { interface: [on.interface], spoolDir: join(folder, 'spool'), spoolMaxBytes: 64 * 1024 };
  const { service } = createTestCapture(topics.settings, settings);
  await service.start();
  try {
    expect(service.readiness()).toBe('Kafka does not answer; packets go to the spool');
    await play(on, 2_000);
    await until('the spool is full', () => service.balance().dropped.spool_dropped > 0);
    expect(service.readiness()).toMatch(/^Kafka does not answer, and packets are dropped: the spool is full/);
  } finally {
    await service.stop();
  }
});

let spoolBefore = '';
/** Whether the spool holds something and has not changed since it was last looked at. */
function settledSpool(folderOfSpool: string): boolean {
  const now = readdirSync(folderOfSpool)
    .filter((name) => name.endsWith('.spool'))
    .map((name) => `${name} ${statSync(join(folderOfSpool, name)).size}`)
    .join();
  const settled = now !== '' && now === spoolBefore;
  spoolBefore = now;
  return settled;
}
