/**
 * A broker whose disk has damaged records: a byte of its log is changed under it. Processors and sink wait at the damage,
 * say so, and go on with everything else.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { topicName } from '../../schemas/topics.js';
import {
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  quietKafka,
  stackEnvironment,
  startPrivateStack,
  type TestDatabase,
  type TestTopics,
} from '../support/local-stack.js';
import { type RunningCommand, runNta, startNta } from '../support/nta-command.js';
import { packetRecords } from '../support/packet-blocks.js';
import { publishPackets, StoredRows, until } from '../support/sink-rows.js';

/** Where a record batch has its length, and what stands before the bytes it counts. */
const LENGTH_AT = 8;
const PREFIX_BYTES = 12;
const LAST_OFFSET_DELTA_AT = 23;
const DAMAGED_BATCH = 2;

let stack: PrivateStack;
let topics: TestTopics;
let database: TestDatabase;
let rows: StoredRows;
let packets: number;
let parts: Part[] = [];

beforeAll(async () => {
  stack = await startPrivateStack({ kafka: true, postgres: false });
});
afterAll(() => stack?.remove());

beforeEach(async () => {
  topics = createTestTopics(stack.kafka!.brokers);
  database = await createTestDatabase();
  rows = new StoredRows(database.connection);
  const setup = await runNta(['setup', '--partitions=2'], { env: stackEnvironment(topics, database) });
  expect(setup.code, setup.stderr).toBe(0);
  const start = Date.UTC(2026, 0, 2) * 1000;
  const traffic = { seed: 3, records: 1_000, packets: 20, sources: 200, start, step: 500 };
  packets = await publishPackets(topics.settings, packetRecords(traffic)); // a batch for every 200 records
});
afterEach(async () => {
  for (const part of parts) await part.command.interrupt();
  parts = [];
  await database.remove();
});

/** A batch in the log of partition 0 of `packets`. */
interface Batch {
  readonly at: number;
  readonly offset: number;
  readonly nextOffset: number;
}

function logFile(): string {
  return join(stack.dataDir, 'kafka', 'data', `${topicName('packets', topics.prefix)}-0`, `${'0'.repeat(20)}.log`);
}

function batches(): Batch[] {
  const log = readFileSync(logFile());
  const found: Batch[] = [];
  for (let at = 0; at + PREFIX_BYTES < log.length; at += PREFIX_BYTES + log.readInt32BE(at + LENGTH_AT)) {
    const offset = Number(log.readBigInt64BE(at));
    found.push({ at, offset, nextOffset: offset + log.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1 });
  }
  return found;
}

/** Flips a bit of a record; a second time it is as before. */
function flip({ at }: Batch): void {
  const file = openSync(logFile(), 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at + 100);
  byte[0]! ^= 0x10;
  writeSync(file, byte, 0, 1, at + 100);
  closeSync(file);
}

interface Part {
  readonly command: RunningCommand;
  metric(name: string): Promise<number>;
  ready(): Promise<{ readonly status: number; readonly reason: string }>;
}

async function start(...args: string[]): Promise<Part> {
  const port = await getPort({ host: '127.0.0.1' });
  const command = startNta([...args, `--metrics-port=${port}`], { env: stackEnvironment(topics, database) });
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  const part: Part = {
    command,
    metric: async (name) => {
      const lines = (await (await get('/metrics')).text()).split('\n').filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    ready: async () => {
      const response = await get('/ready');
      return { status: response.status, reason: await response.text() };
    },
  };
  parts.push(part);
  return part;
}

const stored = (partition: number): Promise<number> =>
  rows.value('SELECT coalesce(max(next_offset), 0)::float8 FROM sink_offsets WHERE topic = $1 AND partition = $2', [
    topicName('packets', topics.prefix),
    partition,
  ]);

async function endOffset(partition: number): Promise<number> {
  const admin = quietKafka(topics.brokers).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topicName('packets', topics.prefix));
  await admin.disconnect();
  return Number(offsets.find((own) => own.partition === partition)!.high);
}

/** Both parts are up, wait at the damage, and have worked on everything else. */
async function startBoth(damaged: Batch): Promise<readonly [Part, Part]> {
  const both = [await start('process'), await start('sink', 'postgres')] as const;
  const [processor, sink] = both;
  await until(async () => (await processor.metric('nta_process_unreadable_partitions')) === 1);
  await until(async () => (await sink.metric('nta_sink_unreadable_partitions{')) === 1);
  await until(async () => (await stored(0)) === damaged.offset && (await stored(1)) === (await endOffset(1)));
  await until(async () => (await processor.metric('nta_process_packets_total')) === (await rows.accounted()));
  const expected = `${topicName('packets', topics.prefix)}/0 at offset ${damaged.offset} cannot be read: its checksum is`;
  for (const part of both) {
    expect(await part.ready()).toMatchObject({ status: 503, reason: expect.stringContaining(expected) });
  }
  return both;
}

function expectAlive(): void {
  for (const { command } of parts) {
    expect(command.child.exitCode, command.output().stderr).toBeNull();
    const said = command
      .output()
      .stderr.split('\n')
      .filter((line) => line.includes('the partition waits'));
    expect(said).toHaveLength(1);
    expect(JSON.parse(said[0]!)).toMatchObject({ level: 'error', partition: 0, code: 'KAFKA_RECORDS' });
    expect(command.output().stderr).not.toMatch(/joining the group again|reading .* has stopped/);
  }
}

describe('a batch whose checksum does not fit', { timeout: 120_000 }, () => {
  it('is waited for, while the rest goes on, and nothing is missing once it is mended', async () => {
    const damaged = batches()[DAMAGED_BATCH]!;
    flip(damaged);
    const [processor, sink] = await startBoth(damaged);
    await sleep(3_000); // a few tries
    expect(await stored(0)).toBe(damaged.offset);
    expectAlive();
    flip(damaged);
    await until(async () => (await rows.accounted()) === packets);
    await until(async () => (await processor.metric('nta_process_packets_total')) === packets);
    for (const part of [processor, sink]) expect(await part.ready()).toMatchObject({ status: 200 });
    expect(await rows.value('SELECT count(*)::float8 FROM packets')).toBe(packets);
    expectAlive();
  });

  it('is counted as lost when someone has it deleted', async () => {
    const damaged = batches()[DAMAGED_BATCH]!;
    flip(damaged);
    const [processor, sink] = await startBoth(damaged);
    const admin = quietKafka(topics.brokers).admin();
    await admin.connect();
    const topic = topicName('packets', topics.prefix);
    await admin.fetchTopicOffsets(topic); // kafkajs deletes from topics that it knows
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(damaged.nextOffset) }] });
    await admin.disconnect();
    await until(async () => (await stored(0)) === (await endOffset(0)));
    const lost = damaged.nextOffset - damaged.offset;
    expect(await sink.metric('nta_sink_lost_records_total{')).toBe(lost);
    await until(async () => (await processor.metric('nta_process_lost_records_total')) === lost);
    await until(async () => (await processor.metric('nta_process_packets_total')) === (await rows.accounted()));
    for (const part of [processor, sink]) expect(await part.ready()).toMatchObject({ status: 200 });
    expectAlive();
  });
});
