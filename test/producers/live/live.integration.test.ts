import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CaptureSettings } from '../../../producers/capture.js';
import { capUnavailable } from '../../../producers/live/cap-engine.js';
import { listInterfaces } from '../../../producers/live/interfaces.js';
import { libpcapUnavailable } from '../../../producers/live/libpcap-engine.js';
import { topicName } from '../../../schemas/topics.js';
import { readTopic } from '../../support/alert-log.js';
import { createTestCapture, createTopics, type TestCapture, until } from '../../support/capture-node.js';
import { type CaptureWire, createCaptureWire } from '../../support/capture-wire.js';
import { createTestTopics, quietKafka, type TestTopics } from '../../support/local-stack.js';
import { requireNamespaces } from '../../support/network-namespace.js';
import { requireCondition, requireTool, type SkippableTest } from '../../support/requirement.js';
import { readSequences, type SequenceReport, sequencedCapture } from '../../support/sequenced-traffic.js';

const SOURCES = 20;
const LENGTH = 100;
const PACKETS = SOURCES * LENGTH;

let folder: string;
let file: string;
let topics: TestTopics;
const wires: CaptureWire[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-live-'));
  file = join(folder, 'traffic.pcap');
  writeFileSync(file, sequencedCapture(SOURCES, LENGTH));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  topics = createTestTopics();
  await createTopics(topics);
});
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.remove();
  await topics.remove();
});

function createWire(context: SkippableTest): CaptureWire {
  requireNamespaces(context);
  requireTool(context, 'tcpdump', 'tcpreplay');
  const wire = createCaptureWire();
  wires.push(wire);
  return wire;
}

function requireEngine(context: SkippableTest, engine: 'libpcap' | 'tcpdump' | 'cap'): void {
  const missing = { libpcap: libpcapUnavailable, tcpdump: () => null, cap: capUnavailable }[engine]();
  requireCondition(context, missing === null, missing ?? '');
}

function node(settings: Partial<CaptureSettings>): TestCapture {
  return createTestCapture(topics.settings, settings);
}

async function published(): Promise<SequenceReport> {
  return readSequences(await readTopic(quietKafka(topics.brokers), topicName('packets', topics.prefix)), LENGTH);
}

describe('a live capture', () => {
  it.for(['libpcap', 'tcpdump', 'cap'] as const)(
    'with %s publishes what is on the wire, all of it on stop',
    async (engine, context) => {
      requireEngine(context, engine);
      const on = createWire(context);
      const { service } = node({ interface: [on.interface], engine });
      await service.start();
      await on.replay(file, { packetsPerSecond: 2_000 });
      await until('all packets are seen', () => service.balance().seen >= PACKETS);
      await service.stop();
      const balance = service.balance();
      expect(balance).toMatchObject({ pending: 0, dropped: { kernel_dropped: 0 } });
      const report = await published();
      expect(report).toMatchObject({ packets: PACKETS, sources: SOURCES, breaks: [] });
      expect(report.packets + report.others).toBe(balance.published);
    },
  );

  it('filters in the kernel', async (context) => {
    const on = createWire(context);
    const { service } = node({ interface: [on.interface], packetFilter: 'src host 198.18.0.3' });
    await service.start();
    await on.replay(file, { packetsPerSecond: 2_000 });
    await until('the packets of the source are seen', () => service.balance().seen >= LENGTH);
    await service.stop();
    expect(await published()).toMatchObject({ packets: LENGTH, sources: 1, others: 0, breaks: [] });
  });

  it('captures on two interfaces at once, each with its own balance', async (context) => {
    const pair = [createWire(context), createWire(context)] as const;
    const { service, registry } = node({ interface: pair.map((on) => on.interface) });
    await service.start();
    expect(service.readiness()).toBeNull();
    await Promise.all(pair.map((on) => on.replay(file, { packetsPerSecond: 2_000 })));
    await until('all packets are seen', () => service.balance().seen >= 2 * PACKETS);
    await service.stop();
    expect(service.balance()).toMatchObject({ pending: 0, dropped: { kernel_dropped: 0 } });
    expect(await published()).toMatchObject({ packets: 2 * PACKETS, sources: 2 * SOURCES, breaks: [] });
    const metrics = await registry.metrics();
    for (const on of pair) {
      const seen = new RegExp(`^nta_capture_packets_published_total\\{interface="${on.interface}"\\} (\\d+)$`, 'm');
      expect(Number(seen.exec(metrics)?.[1])).toBeGreaterThanOrEqual(PACKETS);
    }
  });

  it.for(['libpcap', 'tcpdump', 'cap'] as const)(
    'with %s captures on any, whatever interface it is',
    async (engine, context) => {
      requireEngine(context, engine);
      const pair = [createWire(context), createWire(context)] as const;
      // Without the filter the node would see what it sends to Kafka, and what others play at the same time.
      const destination = `198.19.${randomInt(1, 255)}.${randomInt(1, 255)}`;
      const own = join(folder, `${engine}.pcap`);
      writeFileSync(own, sequencedCapture(SOURCES, LENGTH, { destination }));
      // Room for every packet: cap takes 64 KiB of the buffer for each, and cannot say how many it lost.
      const kernelBufferSize = 256 * 1024 ** 2;
      const packetFilter = `dst host ${destination}`;
      const { service } = node({ interface: ['any'], engine, kernelBufferSize, packetFilter });
      await service.start();
      // One after the other: on `any` both are the same interface.
      for (const on of pair) await on.replay(own, { packetsPerSecond: 2_000 });
      await until('all packets are seen', () => service.balance().seen >= 2 * PACKETS);
      await service.stop();
      expect(service.balance()).toMatchObject({ pending: 0, decodeFailures: {}, dropped: { kernel_dropped: 0 } });
      expect(await published()).toMatchObject({ packets: 2 * PACKETS, sources: SOURCES, others: 0, breaks: [] });
    },
  );

  it.for(['libpcap', 'tcpdump'] as const)(
    'with %s counts once on any what passes a bridge and a port of it',
    async (engine, context) => {
      requireEngine(context, engine);
      const on = createWire(context);
      on.bridge();
      const destination = `198.19.${randomInt(1, 255)}.${randomInt(1, 255)}`;
      const own = join(folder, `${engine}-bridge.pcap`);
      writeFileSync(own, sequencedCapture(SOURCES, LENGTH, { destination }));
      const { service } = node({ interface: ['any'], engine, packetFilter: `dst host ${destination}` });
      await service.start();
      await on.replay(own, { packetsPerSecond: 2_000 });
      await until('all packets are seen twice', () => service.balance().seen >= 2 * PACKETS);
      await service.stop();
      expect(service.balance().dropped).toMatchObject({ kernel_dropped: 0, duplicate: PACKETS });
      expect(await published()).toMatchObject({ packets: PACKETS, sources: SOURCES, others: 0, breaks: [] });
    },
  );

  it.for(['libpcap', 'tcpdump'] as const)(
    'with %s goes on after its engine was killed and its interface was down, and counts the gap',
    async (engine, context) => {
      requireEngine(context, engine);
      const on = createWire(context);
      const { service, registry } = node({ interface: [on.interface], engine });
      await service.start();
      expect(service.readiness()).toBeNull();

      const commandLine = { libpcap: `libpcap-child.js .*"${on.interface}"`, tcpdump: `^tcpdump -i ${on.interface} ` };
      execFileSync('pkill', ['-KILL', '-f', commandLine[engine]]);
      await until('the capture is down', () => service.readiness() === `no capture on ${on.interface}`);
      await until('the engine is started again', () => service.readiness() === null);
      on.set('down');
      await until('the capture is down again', () => service.readiness() !== null);
      on.set('up');
      await until('the capture is back', () => service.readiness() === null);

      await on.replay(file, { packetsPerSecond: 2_000 });
      await until('all packets are seen', () => service.balance().seen >= PACKETS);
      const metrics = await registry.metrics();
      await service.stop();
      expect(await published()).toMatchObject({ packets: PACKETS, breaks: [] });
      const value = (name: string): number =>
        Number(new RegExp(`^nta_capture_${name}\\{interface="${on.interface}"\\} (\\S+)$`, 'm').exec(metrics)?.[1]);
      expect(value('engine_restarts_total')).toBeGreaterThanOrEqual(1);
      expect(value('gap_seconds_total')).toBeGreaterThan(0.25);
      expect(value('interface_up')).toBe(1);
    },
  );

  it.for(['libpcap', 'tcpdump'] as const)('with %s refuses an interface that is not there', async (engine, context) => {
    requireTool(context, 'tcpdump');
    requireEngine(context, engine);
    const { service } = node({ interface: ['nta-nowhere'], engine });
    await expect(service.start()).rejects.toMatchObject({
      code: 'INTERFACE_MISSING',
      message: expect.stringMatching(/^cannot capture on nta-nowhere: No such device exists; nta interfaces/),
    });
    await service.stop();
  });
});

describe('listInterfaces', () => {
  it('names every interface of this machine with its state, link type and addresses', async (context) => {
    const on = createWire(context);
    const interfaces = await listInterfaces();
    expect(interfaces.find(({ name }) => name === 'lo')).toMatchObject({
      linkType: 'loopback',
      addresses: expect.arrayContaining(['127.0.0.1/8']),
      capture: { allowed: true },
    });
    expect(interfaces.find(({ name }) => name === on.interface)).toMatchObject({ linkType: 'ethernet', addresses: [] });
    expect(interfaces.some(({ name }) => name === 'any')).toBe(true);
    expect(interfaces.filter(({ defaultRoute }) => defaultRoute).length).toBeLessThanOrEqual(1);
  });
});
