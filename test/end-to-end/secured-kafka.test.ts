/** The pipeline against a broker that asks for TLS, for a certificate of the client, or for a login. */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import type { ReplaySummary } from '../../deploy/nta/replay-once.js';
import { projectRoot } from '../../runtime/process/project.js';
import { migrate } from '../../sinks/migrations/migration.js';
import { createTestDatabase, stackEnvironment, type TestDatabase, testLog } from '../support/local-stack.js';
import { type CommandResult, type RunningCommand, runNta, startNta } from '../support/nta-command.js';
import { findTool, requireTool } from '../support/requirement.js';
import {
  KAFKA_PASSWORD,
  KAFKA_USER,
  type SecuredKafka,
  type SecuredListener,
  startSecuredKafka,
} from '../support/secured-kafka.js';
import { StoredRows, until } from '../support/sink-rows.js';

type Environment = Record<string, string>;

const { packets, detections } = JSON.parse(
  readFileSync(join(projectRoot, 'deploy', 'demonstration', 'demonstration.json'), 'utf8'),
) as { readonly packets: number; readonly detections: readonly unknown[] };

let kafka: SecuredKafka;
let database: TestDatabase;
let runs = 0;

beforeAll(async () => {
  if (findTool('openssl') !== undefined) kafka = await startSecuredKafka();
});
afterAll(() => kafka?.remove());
beforeEach(async (context) => {
  requireTool(context, 'openssl');
  database = await createTestDatabase();
  await migrate(database.settings, testLog());
});
afterEach(() => database?.remove());

/** Each run with topics of its own. */
function environmentOf(listener: SecuredListener | 'PLAINTEXT', security: Environment): Environment {
  return {
    ...stackEnvironment(undefined, database),
    KAFKA_BROKERS: kafka.address(listener),
    NTA_TOPIC_PREFIX: `run-${++runs}-`,
    ...security,
  };
}

const tls = (): Environment => ({ KAFKA_SSL: 'true', KAFKA_SSL_CA: kafka.authority });
const mutualTls = (): Environment => ({
  ...tls(),
  KAFKA_SSL_CERT: kafka.clientCertificate,
  KAFKA_SSL_KEY: kafka.clientKey,
});
const login = (mechanism: string, password = KAFKA_PASSWORD): Environment => ({
  KAFKA_SASL_MECHANISM: mechanism,
  KAFKA_SASL_USERNAME: KAFKA_USER,
  KAFKA_SASL_PASSWORD: password,
});

function expectNoSecret({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): void {
  for (const secret of [KAFKA_PASSWORD, 'wrong-Geheim', database.connection.password, 'PRIVATE KEY']) {
    expect(stdout).not.toContain(secret);
    expect(stderr).not.toContain(secret);
  }
}

describe('every packet is published, processed and stored', () => {
  it.for<[string, SecuredListener, () => Environment]>([
    ['TLS with a certificate of the client', 'MUTUAL', mutualTls],
    ['TLS and PLAIN', 'SASL_SSL', () => ({ ...tls(), ...login('plain') })],
    ['SCRAM-SHA-256 without TLS', 'SASL_PLAINTEXT', () => login('scram-sha-256')],
  ])('by nta run through %s', async ([, listener, security]) => {
    const result = await runNta(['run', '--read', DEMONSTRATION, '--once', '--json', '--log-level=debug'], {
      env: environmentOf(listener, security()),
    });
    expect(result.code, result.stderr).toBe(0);
    const summary = JSON.parse(result.stdout) as ReplaySummary;
    expect(summary).toMatchObject({ captured: packets, processed: packets, stored: packets, balanced: true });
    expect(summary.alerts.length).toBeGreaterThanOrEqual(detections.length);
    expectNoSecret(result);
  });

  it('by its parts, two workers among them, through TLS and SCRAM-SHA-512', async () => {
    const env = environmentOf('SASL_SSL', { ...tls(), ...login('scram-sha-512') });
    const quiet = '--metrics-port=0';
    const setup = await runNta(['setup', '--partitions=4'], { env });
    expect(setup.code, setup.stderr).toBe(0);
    const parts: RunningCommand[] = [
      startNta(['process', '--workers=2', quiet], { env }),
      startNta(['sink', 'postgres', quiet], { env }),
    ];
    try {
      const capture = await runNta(['capture', '--read', DEMONSTRATION, '--finish-timeline', quiet], { env });
      expect(capture.code, capture.stderr).toBe(0);
      const rows = new StoredRows(database.connection);
      await until(async () => (await rows.accounted()) === packets);
      // The reference beside the capture knows the literal rules alone.
      await until(async () => Number(await rows.value('SELECT count(*)::int FROM alerts')) >= detections.length);
      expectNoSecret(capture);
    } finally {
      for (const part of parts) {
        const result = await part.interrupt();
        expect(result.code, result.stderr).toBe(0);
        expectNoSecret(result);
      }
    }
  });
});

interface Refusal {
  readonly name: string;
  readonly listener: SecuredListener | 'PLAINTEXT';
  readonly security: () => Environment;
  readonly says: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a wrong password',
    listener: 'SASL_SSL',
    security: () => ({ ...tls(), ...login('scram-sha-256', 'wrong-Geheim') }),
    says: /refuses the login of user "nta-fleet" by scram-sha-256 .*KAFKA_SASL_PASSWORD/,
  },
  {
    name: 'an unknown authority',
    listener: 'SSL',
    security: () => ({ ...tls(), KAFKA_SSL_CA: kafka.strangeAuthority }),
    says: /signed by nobody known here .*--kafka-ssl-ca \(KAFKA_SSL_CA\)/,
  },
  {
    name: 'no TLS to a port with TLS',
    listener: 'SSL',
    security: () => ({}),
    says: /listens with TLS there: add --kafka-ssl \(KAFKA_SSL=true\)/,
  },
];

const MORE_REFUSALS: readonly Refusal[] = [
  {
    name: 'a wrong password by PLAIN',
    listener: 'SASL_PLAINTEXT',
    security: () => login('plain', 'wrong-Geheim'),
    says: /refuses the login of user "nta-fleet" by plain .*KAFKA_SASL_PASSWORD/,
  },
  {
    name: 'an authority that the system does not know',
    listener: 'SASL_SSL',
    security: () => ({ KAFKA_SSL: 'true', ...login('plain') }),
    says: /--kafka-ssl-ca \(KAFKA_SSL_CA\)/,
  },
  {
    name: 'a login without TLS to a port with TLS',
    listener: 'SASL_SSL',
    security: () => login('plain'),
    says: /listens with TLS there: add --kafka-ssl/,
  },
  {
    name: 'no certificate where the broker asks for one',
    listener: 'MUTUAL',
    security: tls,
    says: /asks for the certificate of its client: .*KAFKA_SSL_CERT, KAFKA_SSL_KEY/,
  },
  {
    name: 'neither TLS nor a certificate where the broker asks for both',
    listener: 'MUTUAL',
    security: () => ({}),
    says: /listens with TLS there/,
  },
  {
    name: 'TLS to a port without',
    listener: 'PLAINTEXT',
    security: tls,
    says: /listens without TLS there: .*leave out --kafka-ssl/,
  },
  {
    name: 'TLS to a port with logins and without TLS',
    listener: 'SASL_PLAINTEXT',
    security: () => ({ ...tls(), ...login('plain') }),
    says: /listens without TLS there/,
  },
  {
    name: 'no login where the broker asks for one',
    listener: 'SASL_SSL',
    security: tls,
    says: /asks for a login: add --kafka-sasl-mechanism/,
  },
  {
    name: 'a login where the broker takes none',
    listener: 'SSL',
    security: () => ({ ...tls(), ...login('plain') }),
    says: /takes no login there: leave out --kafka-sasl-mechanism/,
  },
];

describe('what does not fit is one line with the setting and the remedy', () => {
  async function expectRefused(args: readonly string[], { listener, security, says }: Refusal): Promise<void> {
    const env = environmentOf(listener, security());
    const startedAt = performance.now();
    const result = await runNta(args, { env });
    expect(result.code, result.stderr).toBe(1);
    expect(result.stdout).toBe('');
    const lines = result.stderr.trim().split('\n');
    expect(lines, result.stderr).toHaveLength(1);
    expect(lines[0]).toContain(`Kafka at ${kafka.address(listener)}: `);
    expect(lines[0]).toMatch(says);
    expectNoSecret(result);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  }

  it.for([...REFUSALS, ...MORE_REFUSALS])('$name: nta setup', (refusal) => expectRefused(['setup'], refusal));

  for (const args of [
    ['capture', '--read', DEMONSTRATION, '--metrics-port=0'],
    ['capture', '--interface', 'lo', '--spool-dir', join(tmpdir(), 'nta-test-no-spool'), '--metrics-port=0'],
    ['process', '--workers=2', '--metrics-port=0'],
    ['sink', 'postgres', '--metrics-port=0'],
  ]) {
    it.for(REFUSALS)(`$name: nta ${args.slice(0, 2).join(' ')}`, (refusal) => expectRefused(args, refusal));
  }
});
