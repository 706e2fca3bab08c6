import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProcessor, type Processor } from '../../../processors/processor.js';
import { Registry } from '../../../runtime/process/metrics.js';
import { groupName, topicName } from '../../../schemas/topics.js';
import { progress } from '../../support/alert-log.js';
import { attackStream } from '../../support/attack-stream.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../../support/local-stack.js';
import { createTopicsFor, publishStream } from '../../support/packet-topic.js';
import { processSettings } from '../../support/processor-process.js';

const PARTITIONS = 4;

describe('a fleet of workers', () => {
  let topics: TestTopics;
  let fleet: Processor | undefined;
  let directory: string;

  beforeEach(async () => {
    topics = createTestTopics();
    await createTopicsFor(topics, PARTITIONS);
    directory = await mkdtemp(join(tmpdir(), 'nta-fleet-'));
  });

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
    await topics.remove();
    await rm(directory, { recursive: true });
  });

  it('shares the work among processes and replaces one that is killed at once', async () => {
    const registry = new Registry();
    // So long that a takeover within the test's limits can only come of the parent telling the group.
    fleet = createProcessor(
      { ...processSettings({ workers: 2, sessionTimeout: 60_000 }), ...topics.settings },
      testLog(),
      registry,
    );
    await fleet.start();
    await expect.poll(() => fleet!.readiness(), { timeout: 60_000 }).toBeNull();
    await expect.poll(() => partitionsByWorker(registry), { timeout: 60_000 }).toEqual({ 0: 2, 1: 2 });
    const before = childProcesses();
    expect(before).toHaveLength(2);

    const stream = [
      ...attackStream({ seed: 3, seconds: 30, captureNodes: 3, backgroundRate: 500, backgroundSources: 20 }),
    ];
    await publishStream(topics, PARTITIONS, stream.slice(0, stream.length / 2));
    process.kill(before[0]!, 'SIGKILL');
    const packets = await publishStream(topics, PARTITIONS, stream.slice(stream.length / 2));
    expect(packets).toBeGreaterThan(0);

    const admin = quietKafka(topics.brokers).admin();
    await admin.connect();
    const done = () => progress(admin, groupName('processors', topics.prefix), topicName('packets', topics.prefix));
    const total = stream.reduce((sum, record) => sum + record.packets, 0);
    await expect.poll(done, { timeout: 60_000 }).toMatchObject({ packets: total, left: 0 });
    await admin.disconnect();
    await expect.poll(() => partitionsByWorker(registry), { timeout: 60_000 }).toEqual({ 0: 2, 1: 2 });
    expect(childProcesses()).not.toContain(before[0]);

    const children = childProcesses();
    await fleet.stop();
    fleet = undefined;
    expect(children.filter(isAlive)).toEqual([]);
  });

  it('reads the rules again when their file changes, and keeps those in force when it is wrong', async () => {
    const file = join(directory, 'rules.yaml');
    await writeFile(file, 'detectors: { port-scan: { threshold: 15 } }\n');
    const registry = new Registry();
    fleet = createProcessor({ ...processSettings({ detectionConfig: file }), ...topics.settings }, testLog(), registry);
    await fleet.start();
    const reloads = async (): Promise<Record<string, number>> => {
      const metric = await registry.getSingleMetric('nta_process_configuration_reloads_total')!.get();
      return Object.fromEntries(metric.values.map(({ labels, value }) => [labels.result, value]));
    };
    await writeFile(file, 'detectors: { port-scan: { threshold: none } }\n');
    await expect.poll(reloads, { timeout: 60_000 }).toEqual({ refused: 1 });
    await writeFile(file, 'detectors: { port-scan: { threshold: 5 } }\n');
    await expect.poll(reloads, { timeout: 60_000 }).toEqual({ refused: 1, applied: 1 });
    process.kill(process.pid, 'SIGHUP');
    await expect.poll(reloads, { timeout: 60_000 }).toEqual({ refused: 1, applied: 2 });
  });

  it('does not start with rules that are wrong, and says where', async () => {
    const file = join(directory, 'rules.yaml');
    await writeFile(file, 'detectors:\n  port-scan:\n    threshold: none\n');
    const member = createProcessor(
      { ...processSettings({ detectionConfig: file }), ...topics.settings },
      testLog(),
      new Registry(),
    );
    await expect(member.start()).rejects.toThrow(/rules\.yaml:3: .*threshold/);
    await member.stop();
  });
});

async function partitionsByWorker(registry: Registry): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric('nta_process_partitions')?.get();
  return Object.fromEntries((metric?.values ?? []).map(({ labels, value }) => [String(labels.worker), value]));
}

/** Worker processes that this process started. */
function childProcesses(): number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return text
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-process'));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
