/**
 * Detections of links, names and echoes through Kafka: a capture node replays, two workers process, and the alerts are those
 * of `nta analyze`. What one partition has to know of what another's hosts sent goes through the records here.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProcessor, type Processor } from '../../processors/processor.js';
import { Registry } from '../../runtime/process/metrics.js';
import { groupName, topicName } from '../../schemas/topics.js';
import { cases } from '../quality/labels.js';
import { progress, readAlerts } from '../support/alert-log.js';
import { createTestCapture } from '../support/capture-node.js';
import { analyzeAlerts, summaryOf } from '../support/in-process-fleet.js';
import { createTestTopics, quietKafka, type TestTopics, testLog } from '../support/local-stack.js';
import { createTopicsFor } from '../support/packet-topic.js';
import { processSettings } from '../support/processor-process.js';
import { hasSharedCaptures, requireSharedCaptures, sharedCaptureFolder } from '../support/shared-captures.js';

const PARTITIONS = 6;
/** A case of each rule. */
const RULES = ['rogue-dhcp', 'dns-tunnel', 'icmp-tunnel', 'arp-spoofing', 'rogue-router', 'backscatter'];

describe('a fleet', () => {
  let topics: TestTopics;
  let workers: Processor[];

  beforeAll(async () => {
    topics = createTestTopics();
    await createTopicsFor(topics, PARTITIONS);
    workers = [1, 2].map(() =>
      createProcessor({ ...processSettings(), ...topics.settings }, testLog(), new Registry()),
    );
    await Promise.all(workers.map((worker) => worker.start()));
  });

  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await topics.remove();
  });

  it('says of these cases what analyze says', { timeout: 120_000 }, async (context) => {
    requireSharedCaptures(context);
    const wanted = hasSharedCaptures() ? casesOf(RULES) : [];
    expect(wanted).toHaveLength(RULES.length);
    const capture = createTestCapture(topics.settings, { read: wanted, isolateFiles: true, finishTimeline: true });
    await capture.service.start();
    await capture.service.done;
    await capture.service.stop();
    const kafka = quietKafka(topics.brokers);
    const admin = kafka.admin();
    await admin.connect();
    const group = groupName('processors', topics.prefix);
    const processed = () => progress(admin, group, topicName('packets', topics.prefix));
    await expect.poll(async () => (await processed()).left, { timeout: 60_000 }).toBe(0);
    const alerts = await readAlerts(kafka, topicName('alerts', topics.prefix), (await processed()).alerts);
    await admin.disconnect();

    const found = summaryOf(alerts);
    const expected = summaryOf(await analyzeAlerts(wanted));
    expect(found).toEqual(expected);
    const said = new Set(Object.values(found).map((text) => text.split(' ')[0]));
    expect([...said]).toEqual(expect.arrayContaining(RULES));
  });
});

/** The first case of one file that must raise each rule. */
function casesOf(rules: readonly string[]): string[] {
  const all = cases().filter(({ files, args }) => files.length === 1 && args === undefined);
  return rules.flatMap((rule) => {
    const found = all.find(({ must }) => must?.some((one) => one.rules.includes(rule)) === true);
    return found === undefined ? [] : [join(sharedCaptureFolder, 'cases', found.files[0]!)];
  });
}
