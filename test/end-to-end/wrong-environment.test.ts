/**
 * Every command in surroundings that do not serve: it ends with a code other than zero and says why, in lines for a person. A stack trace
 * is for defects, and none of this is one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import {
  createTestDatabase,
  createTestTopics,
  stackEnvironment,
  type TestDatabase,
  type TestTopics,
} from '../support/local-stack.js';
import { runNta, startNta } from '../support/nta-command.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-wrong-'));
const FILE = join(folder, 'file');
const BELOW_A_FILE = join(FILE, 'below');

let topics: TestTopics;
let database: TestDatabase;
/** Takes connections and answers nobody. */
let hung: Server;
const sockets = new Set<Socket>();

beforeAll(async () => {
  writeFileSync(FILE, 'a file');
  topics = createTestTopics();
  database = await createTestDatabase();
  hung = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  hung.close();
  rmSync(folder, { recursive: true });
  await topics.remove();
  await database.remove();
});

const hungPort = (): string => String((hung.address() as AddressInfo).port);

const KAFKA: readonly (readonly string[])[] = [
  ['run', '--read', DEMONSTRATION, '--once'],
  ['capture', '--read', DEMONSTRATION],
  ['process'],
  ['process', '--workers=2'],
  ['sink', 'postgres'],
  ['sink', 'webhook', '--webhook-url=http://127.0.0.1:9/'],
  ['setup'],
  ['doctor'],
];
const POSTGRES: readonly (readonly string[])[] = [
  ['run', '--read', DEMONSTRATION, '--once'],
  ['sink', 'postgres'],
  ['api', '--api-port=0'],
  ['export', 'packets'],
  ['export', 'alerts', '--format=parquet'],
  ['cleanup'],
  ['setup'],
  ['doctor'],
];
const LOGGED = [...KAFKA.slice(0, -1), ['api', '--api-port=0'], ['cleanup']];

/** What is wrong, which commands meet it, and what is set; the rest serves. */
const SURROUNDINGS: readonly (readonly [string, readonly (readonly string[])[], () => NodeJS.ProcessEnv])[] = [
  ['a broker that answers nobody', KAFKA, () => ({ KAFKA_BROKERS: `127.0.0.1:${hungPort()}` })],
  ['no broker', KAFKA, () => ({ KAFKA_BROKERS: '127.0.0.1:9' })],
  ['a wrong password of Kafka', KAFKA, () => ({ KAFKA_SASL_PASSWORD: 'guessed' })],
  ['a broker without topics', [['process'], ['sink', 'postgres'], ['capture', '--read', DEMONSTRATION]], () => ({})],
  ['a Postgres that answers nobody', POSTGRES, () => ({ DB_PORT: hungPort() })],
  ['no Postgres', POSTGRES, () => ({ DB_PORT: '9' })],
  ['no password of Postgres', POSTGRES, () => ({ DB_PASSWORD: '' })],
  [
    'a database without tables',
    [['sink', 'postgres'], ['api', '--api-port=0'], ['export', 'packets'], ['cleanup']],
    () => ({}),
  ],
  ['a log file below a file', LOGGED, () => ({ NTA_LOG_FILE: BELOW_A_FILE })],
  [
    'a data directory below a file',
    [['run', '--read', DEMONSTRATION, '--once']],
    () => ({
      NTA_DATA_DIR: BELOW_A_FILE,
      KAFKA_BROKERS: '',
      DB_HOST: '',
      KAFKA_SASL_MECHANISM: '',
      KAFKA_SASL_USERNAME: '',
      KAFKA_SASL_PASSWORD: '',
    }),
  ],
  [
    'a data directory below a file',
    [['export', 'packets'], ['cleanup'], ['doctor']],
    () => ({ NTA_DATA_DIR: BELOW_A_FILE, DB_HOST: '' }),
  ],
  ['an output below a file', [['export', 'packets', `--output=${BELOW_A_FILE}`]], () => ({})],
  [
    'a folder for a capture',
    [
      ['analyze', folder],
      ['decode', folder],
      ['capture', '--read', folder],
    ],
    () => ({}),
  ],
];

describe.each(SURROUNDINGS)('%s', (_, commands, surroundings) => {
  it.concurrent.each(
    commands.map(
      (args) =>
        [
          args
            .slice(0, 2)
            .join(' ')
            .replace(/\/\S*\//, ''),
          args,
        ] as const,
    ),
  )(
    'is said by nta %s',
    async (_name, args) => {
      const environment = { ...stackEnvironment(topics, database), ...surroundings() };
      const result = await runNta(args, { env: environment });
      const said = `${result.stdout}\n${result.stderr}`;
      expect(said).not.toMatch(/^\s+at \S+ ?\(?.*:\d+/m);
      expect(said).not.toContain('node:internal');
      expect([1, 2], said).toContain(result.code);
      expect(said).toMatch(args[0] === 'doctor' ? /^MISSING /m : /^nta: \S/m);
      // One of the two is short, and it is the remedy that a person looks for.
      for (const line of result.stderr.split('\n').filter((text) => text.startsWith('nta: ')))
        expect(line.length).toBeLessThan(700);
    },
    90_000,
  );
});

it.each([
  ['a spool below a file', BELOW_A_FILE],
  ['a spool where nobody can write', '/proc/nta-spool'],
])('%s is said by nta capture', async (_, spoolDir) => {
  const run = startNta(['capture', '--interface=lo', `--spool-dir=${spoolDir}`], { env: stackEnvironment(topics) });
  const { code, stderr } = await run.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^nta: .*\S/m);
  expect(stderr).not.toMatch(/^\s+at /m);
});
