import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Kafka } from 'kafkajs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { removeLocalStackData, startLocalStack } from '../../../deploy/local-stack/local-stack.js';
import {
  createDataDirectory,
  createTestDatabase,
  createTestTopics,
  type PrivateStack,
  quietKafka,
  startPrivateStack,
  testLog,
} from '../../support/local-stack.js';

/** Reads a topic from its beginning through a new group until `count` values have come. */
async function readValues(kafka: Kafka, topic: string, groupId: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId });
  const values: string[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((done, fail) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
      consumer
        .run({
          eachMessage: async ({ message }) => {
            values.push(message.value?.toString() ?? '');
            if (values.length === count) done();
          },
        })
        .catch(fail);
    });
    return values;
  } finally {
    await consumer.disconnect();
  }
}

async function queryOnce<Row extends pg.QueryResultRow>(config: pg.ClientConfig, sql: string): Promise<Row[]> {
  const { host, port, user, password, database } = config as Required<pg.ClientConfig>;
  const client = new pg.Client({ host, port, user, password, database } as pg.ClientConfig);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the shared stack', () => {
  test('takes a topic, plain and transactional records, and a consumer group', async () => {
    const topics = createTestTopics();
    const kafka = quietKafka(topics.brokers);
    const admin = kafka.admin();
    const plain = kafka.producer({ retry: { retries: 0 } });
    const transactional = kafka.producer({ transactionalId: `${topics.prefix}tx`, maxInFlightRequests: 1 });
    const topic = `${topics.prefix}values`;
    try {
      await admin.connect();
      await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
      await plain.connect();
      await plain.send({ topic, acks: -1, messages: [{ value: 'plain' }] });
      await transactional.connect();
      const aborted = await transactional.transaction();
      await aborted.send({ topic, acks: -1, messages: [{ value: 'aborted' }] });
      await aborted.abort();
      const committed = await transactional.transaction();
      await committed.send({ topic, acks: -1, messages: [{ value: 'committed' }] });
      await committed.commit();
      expect(await readValues(kafka, topic, `${topics.prefix}group`, 2)).toEqual(['plain', 'committed']);
    } finally {
      await Promise.all([admin.disconnect(), plain.disconnect(), transactional.disconnect()]);
      await topics.remove();
    }
  });

  test('refuses a topic that nobody made', async () => {
    const topics = createTestTopics();
    const producer = quietKafka(topics.brokers).producer({ retry: { retries: 0 } });
    await producer.connect();
    try {
      await expect(producer.send({ topic: `${topics.prefix}misspelt`, messages: [{ value: '' }] })).rejects.toThrow(
        /does not host this topic/,
      );
    } finally {
      await producer.disconnect();
    }
  });

  test('gives each test a database of its own and drops it', async () => {
    const database = await createTestDatabase();
    expect(await queryOnce(database.connection, 'SELECT 1 + 1 AS two')).toEqual([{ two: 2 }]);
    await database.remove();
    await expect(queryOnce(database.connection, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });

  test('listens on 127.0.0.1 alone and lets nobody in without the password', async () => {
    const postgres = inject('postgres');
    expect(await queryOnce(postgres, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await queryOnce(postgres, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    await expect(queryOnce({ ...postgres, password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    if (process.platform === 'linux') {
      const ports = [postgres.port, ...inject('kafkaBrokers').map((broker) => Number(broker.split(':')[1]))];
      for (const port of ports) expect(listeningAddresses(port)).toEqual(['127.0.0.1']);
    }
  });
});

/** proc(5): /proc/net/tcp and tcp6; state 0A is LISTEN; Java listens on mapped IPv4 addresses. */
function listeningAddresses(port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === '0A')
      .map(([, local]) => (/0100007F:/.test(local ?? '') ? '127.0.0.1' : (local ?? ''))),
  );
}

describe('a private stack', () => {
  let stack: PrivateStack;
  let topic: string;

  beforeAll(async () => {
    stack = await startPrivateStack({ kafka: true, postgres: true });
    topic = 'kept';
    const kafka = quietKafka(stack.kafka!.brokers);
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
    await admin.disconnect();
    await queryOnce(stack.postgres!, 'CREATE TABLE kept (value text)');
  });

  afterAll(async () => {
    await stack?.remove();
  });

  async function add(value: string): Promise<void> {
    const producer = quietKafka(stack.kafka!.brokers).producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ value }] });
    await producer.disconnect();
    await queryOnce(stack.postgres!, `INSERT INTO kept VALUES ('${value}')`);
  }

  async function expectKept(values: string[], groupId: string): Promise<void> {
    expect(await readValues(quietKafka(stack.kafka!.brokers), topic, groupId, values.length)).toEqual(values);
    expect(await queryOnce(stack.postgres!, 'SELECT value FROM kept')).toEqual(values.map((value) => ({ value })));
  }

  test('refuses a second run on its data, naming the process', async () => {
    const second = startLocalStack({ dataDir: stack.dataDir, kafka: true, postgres: true, log: testLog() });
    await expect(second).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
      message: expect.stringContaining(`in use by process ${process.pid};`),
    });
  });

  test('keeps its secrets to itself', () => {
    expect(statSync(join(stack.dataDir, 'postgres-password')).mode & 0o777).toBe(0o600);
    expect(stack.postgres!.password).toHaveLength(32);
    for (const folder of ['kafka', 'logs', 'postgres']) {
      expect(statSync(join(stack.dataDir, folder)).mode & 0o077, folder).toBe(0);
    }
  });

  test('keeps data, ports and password over a stop of everything', async () => {
    await add('before the stop');
    const before = { brokers: stack.kafka!.brokers, port: stack.postgres!.port, password: stack.postgres!.password };
    await stack.stop();
    expect(existsSync(join(stack.dataDir, 'lock'))).toBe(false);
    stack = await startPrivateStack({ kafka: true, postgres: true, dataDir: stack.dataDir });
    expect({ brokers: stack.kafka!.brokers, port: stack.postgres!.port, password: stack.postgres!.password }).toEqual(
      before,
    );
    await expectKept(['before the stop'], 'after-stop');
  });

  test('takes other ports where the kept ones are taken, and keeps the data', async () => {
    const kept = { kafka: Number(stack.kafka!.brokers[0]!.split(':')[1]), postgres: stack.postgres!.port };
    await stack.stop();
    const squatters = Object.values(kept).map((port) => createServer().listen(port, '127.0.0.1'));
    await Promise.all(squatters.map((squatter) => once(squatter, 'listening')));
    try {
      stack = await startPrivateStack({ kafka: true, postgres: true, dataDir: stack.dataDir });
      expect(stack.kafka!.brokers).not.toContain(`127.0.0.1:${kept.kafka}`);
      expect(stack.postgres!.port).not.toBe(kept.postgres);
      await expectKept(['before the stop'], 'other-ports');
    } finally {
      for (const squatter of squatters) squatter.close();
    }
  });

  test('keeps what was acknowledged over kill -9 of both servers', async () => {
    await add('before the kill');
    await Promise.all([stack.kafka!.control.kill9(), stack.postgres!.control.kill9()]);
    await Promise.all([stack.kafka!.control.start(), stack.postgres!.control.start()]);
    await expectKept(['before the stop', 'before the kill'], 'after-kill');
  });

  test('comes back on its port although a killed Postgres left a process at work', async () => {
    const busy = new pg.Client({ ...stack.postgres } as pg.ClientConfig);
    busy.on('error', () => undefined);
    await busy.connect();
    // It waits for nothing meanwhile, so it does not look whether its server is still there.
    const work = `DO $$ DECLARE done timestamptz := clock_timestamp() + interval '20 s';
      BEGIN WHILE clock_timestamp() < done LOOP END LOOP; END $$`;
    const cutOff = expect(busy.query(work)).rejects.toThrow();
    const working = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'`;
    await expect.poll(async () => queryOnce(stack.postgres!, working), { timeout: 20_000 }).toHaveLength(1);
    await stack.postgres!.control.kill9();
    await stack.postgres!.control.start();
    expect(await queryOnce(stack.postgres!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await cutOff;
  });

  test('waits for its port where it listened before', async () => {
    await stack.postgres!.control.stop();
    const squatter = createServer().listen(stack.postgres!.port, '127.0.0.1');
    await once(squatter, 'listening');
    const leave = setTimeout(() => squatter.close(), 3_000);
    try {
      await stack.postgres!.control.start();
    } finally {
      clearTimeout(leave);
      squatter.close();
    }
    expect(await queryOnce(stack.postgres!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('replaces a postmaster.pid whose number now belongs to another program', async () => {
    await stack.postgres!.control.stop();
    const data = join(stack.dataDir, 'postgres');
    writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n`);
    await stack.postgres!.control.start();
    expect(await queryOnce(stack.postgres!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('pauses and resumes a server', async () => {
    const { host, port } = stack.postgres!;
    stack.postgres!.control.pause();
    const paused = new pg.Client({ ...stack.postgres, host, port, connectionTimeoutMillis: 300 } as pg.ClientConfig);
    paused.on('error', () => undefined);
    await expect(paused.connect()).rejects.toThrow(/timeout/);
    stack.postgres!.control.resume();
    expect(await queryOnce(stack.postgres!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a server that does not do well', () => {
  let stack: PrivateStack | undefined;

  afterEach(async () => {
    await stack?.remove();
    stack = undefined;
  });

  test('whose configuration is wrong is quoted, and the other one is stopped again', async () => {
    const start = startPrivateStack({
      kafka: false,
      postgres: true,
      postgresSettings: { shared_buffers: 'plenty' },
    });
    await expect(start).rejects.toMatchObject({
      code: 'POSTGRES_START',
      message: expect.stringMatching(
        /^the local Postgres ended with exit code 1: .*invalid value for parameter "shared_buffers": "plenty"/,
      ),
    });
  });

  test.each([
    [
      'a setting that Kafka does not take',
      { 'num.io.threads': 'plenty' },
      'KAFKA_FORMAT',
      /storage in .*: .*Invalid value plenty for configuration num\.io\.threads/,
    ],
    [
      'a plug-in that is not there',
      { 'metric.reporters': 'no.such.Reporter' },
      'KAFKA_START',
      /ended with exit code 1: .*no\.such\.Reporter/,
    ],
  ])('a broker that fails over %s is quoted', async (_, kafkaProperties, code, message) => {
    const start = startPrivateStack({ kafka: true, postgres: false, kafkaProperties });
    await expect(start).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('that somebody else kills is reported', async () => {
    stack = await startPrivateStack({ kafka: false, postgres: true });
    process.kill(stack.postgres!.control.pid!, 'SIGKILL');
    await expect(stack.failed).rejects.toMatchObject({
      code: 'POSTGRES_START',
      message: expect.stringMatching(
        /^the local Postgres was killed by SIGKILL, .* although nobody stopped it; its logs are in /,
      ),
    });
  });
});

describe('a data directory', () => {
  let folder: string;

  beforeEach(() => {
    folder = createDataDirectory();
  });

  afterEach(() => {
    removeLocalStackData(folder);
  });

  test('that cannot be one is refused with the reason', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const dataDir of [file, join(file, 'below')]) {
      await expect(startLocalStack({ dataDir, kafka: true, postgres: true, log: testLog() })).rejects.toMatchObject({
        code: 'DATA_DIRECTORY',
        message: expect.stringContaining(`cannot use the data directory ${dataDir}: `),
      });
    }
  });

  test('that lost its password is not mistaken for a new one', async () => {
    const dataDir = join(folder, 'data');
    await (await startPrivateStack({ kafka: false, postgres: true, dataDir })).stop();
    rmSync(join(dataDir, 'postgres-password'));
    await expect(startPrivateStack({ kafka: false, postgres: true, dataDir })).rejects.toMatchObject({
      code: 'POSTGRES_PASSWORD_LOST',
    });
    expect(existsSync(join(dataDir, 'postgres'))).toBe(true);
    expect(existsSync(join(dataDir, 'lock'))).toBe(false);
  });

  test.runIf(process.getuid?.() === 0)('of root that nobody else can enter works, and leaves nothing', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o700);
    const dataDir = join(closed, 'data');
    const first = await startPrivateStack({ kafka: false, postgres: true, dataDir });
    const [row] = await queryOnce<{ data: string }>(
      first.postgres!,
      "SELECT current_setting('data_directory') AS data",
    );
    expect(row!.data).toMatch(/^\/var\/lib\/nta\//);
    await queryOnce(first.postgres!, 'CREATE TABLE of_the_first (value text)');
    await first.stop();
    expect(statSync(closed).mode & 0o777).toBe(0o700);

    // Whoever removes the data directory by hand means Postgres's data, too.
    rmSync(dataDir, { recursive: true });
    const second = await startPrivateStack({ kafka: false, postgres: true, dataDir });
    await expect(queryOnce(second.postgres!, 'SELECT FROM of_the_first')).rejects.toMatchObject({ code: '42P01' });
    await second.remove();
    expect(existsSync(row!.data)).toBe(false);
  });
});
