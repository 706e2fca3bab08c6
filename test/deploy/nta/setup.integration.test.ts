/** `nta setup` and the parts that wait for it: whatever starts first, and however often it runs. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PostgresConnection } from '../../../deploy/local-stack/postgres-server.js';
import {
  createTestDatabase,
  createTestTopics,
  stackEnvironment,
  startPrivateStack,
  type TestDatabase,
  type TestTopics,
} from '../../support/local-stack.js';
import { runNta, startNta } from '../../support/nta-command.js';

let topics: TestTopics;
let database: TestDatabase;
beforeEach(async () => {
  topics = createTestTopics();
  database = await createTestDatabase();
});
afterEach(async () => {
  await topics.remove();
  await database.remove();
});

function environment(): NodeJS.ProcessEnv {
  return {
    ...stackEnvironment(topics, database),
    NTA_SETUP_WAIT: '60s',
  };
}

async function administer(server: PostgresConnection, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ ...server });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

describe('a part that starts before nta setup', () => {
  it.for([
    { args: ['process'], waitsFor: /waiting: Kafka has no topic .*packets/ },
    { args: ['sink', 'postgres'], waitsFor: /waiting: Kafka has no topic .*packets/ },
    { args: ['api', '--api-port=0'], waitsFor: /waiting: database .* lacks 00\d+_.* nta setup/ },
  ])('nta $args waits for it, then begins', async ({ args, waitsFor }) => {
    const part = startNta([...args, '--log-level=debug'], { env: environment() });
    await part.printed(waitsFor);
    expect((await runNta(['setup', '--no-require-roles'], { env: environment() })).code).toBe(0);
    await part.printed(/"service":"setup-wait","msg":"started"/);
    await part.printed(/"service":"(processor|postgres-sink|sink|api)","msg":"started"/);
    expect((await part.interrupt()).code).toBe(0);
  });

  it('ends with what is missing when the time is up, and at once on a signal', async () => {
    const ended = await runNta(['process', '--setup-wait=1s'], { env: environment() });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/nta: Kafka has no topic .*: nta setup creates it; waited 1s \(--setup-wait\)/);
    const waiting = startNta(['process'], { env: environment() });
    await waiting.printed(/waiting: Kafka has no topic/);
    expect((await waiting.interrupt()).code).toBe(0);
  });

  it('does not wait for what waiting cannot mend: a refused password', async () => {
    const { code, stderr } = await runNta(['api', '--api-port=0'], { env: { ...environment(), DB_PASSWORD: 'wrong' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/refuses user/);
  });
});

describe('nta setup', () => {
  it('waits for servers that do not answer yet, as long as it is told to', async () => {
    const { code, stderr } = await runNta(['setup', '--setup-wait=1s'], {
      env: { ...environment(), KAFKA_BROKERS: '127.0.0.1:1' },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/no Kafka broker answers .*; waited 1s/);
  });

  it('is safe twice, and side by side', async () => {
    const runs = await Promise.all([1, 2].map(() => runNta(['setup', '--no-require-roles'], { env: environment() })));
    expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const again = await runNta(['setup', '--no-require-roles'], { env: environment() });
    expect(again.stdout).toMatch(/tables: up to date/);
    expect(again.stdout).not.toMatch(/created/);
  });

  it('fails when the roles of least privilege are missing and cannot be made, and the tables are there all the same', async () => {
    // The roles belong to a whole server, and on the shared one other tests have made them.
    const stack = await startPrivateStack({ kafka: false, postgres: true });
    const { host, port, database: name } = stack.postgres!;
    const env = { DB_HOST: host, DB_PORT: String(port), DB_NAME: name, DB_USER: 'owner', DB_PASSWORD: 'test' };
    try {
      await administer(
        stack.postgres!,
        `CREATE ROLE owner LOGIN PASSWORD 'test'`,
        'GRANT CREATE ON SCHEMA public TO owner',
        'DROP ROLE IF EXISTS nta_writer, nta_reader',
      );
      const { code, stderr } = await runNta(['setup'], { env });
      expect(code).toBe(1);
      expect(stderr).toMatch(/the tables are up to date, but .*CREATE ROLE nta_writer.*--no-require-roles/);
      const lenient = await runNta(['setup', '--no-require-roles'], { env });
      expect(lenient.code).toBe(0);
      expect(lenient.stdout).toMatch(/tables: up to date/);
      expect(lenient.stderr).toMatch(/CREATE ROLE nta_reader/);
    } finally {
      await stack.remove();
    }
  });
});
