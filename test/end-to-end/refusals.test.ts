/** What users get wrong first: each is one clear line with the remedy, and a non-zero exit code. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import type { ReplaySummary } from '../../deploy/nta/replay-once.js';
import { libpcapUnavailable } from '../../producers/live/libpcap-engine.js';
import { projectRoot } from '../../runtime/process/project.js';
import {
  createTestDatabase,
  createTestTopics,
  kafkaLoginEnvironment,
  type TestDatabase,
  type TestTopics,
} from '../support/local-stack.js';
import { type CommandResult, runNta } from '../support/nta-command.js';
import { requireCondition, requireTool } from '../support/requirement.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-refusals-'));
let topics: TestTopics;
let database: TestDatabase;
let servers: string[];
let environment: Record<string, string>;

beforeAll(async () => {
  topics = createTestTopics(inject('kafkaBrokers'));
  database = await createTestDatabase(inject('postgres'));
  const { host, port, user, password, database: name } = database.connection;
  environment = { DB_PASSWORD: password, ...kafkaLoginEnvironment() };
  servers = [
    `--kafka-brokers=${topics.brokers.join(',')}`,
    `--topic-prefix=${topics.prefix}`,
    `--db-host=${host}`,
    `--db-port=${port}`,
    `--db-user=${user}`,
    `--db-name=${name}`,
  ];
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await topics.remove();
  await database.remove();
});

/** The lines that `nta` says itself: neither the log nor progress. */
function refusal(result: CommandResult): string {
  return result.stderr
    .split('\n')
    .filter((line) => line.startsWith('nta: ') && !/^nta: (starting|fetching)|…$/.test(line))
    .join('\n');
}

it('a file that the API cannot use is told of at once, not after Postgres was waited for', async () => {
  const result = await runNta(['api', '--db-host=127.0.0.1', '--db-port=1', `--assets=${join(folder, 'missing.csv')}`]);
  expect(result.code).toBe(2);
  expect(refusal(result)).toMatch(/^nta: --assets: .*missing\.csv cannot be used: ENOENT/);
});

describe('captures', () => {
  it('a file that is no capture', async () => {
    const file = join(folder, 'notes.txt');
    writeFileSync(file, 'these are my notes, not packets, and long enough to look at\n'.repeat(10));
    const result = await runNta(['run', '--read', file, '--once', ...servers], { env: environment });
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(/notes\.txt.*not a capture/);
  });

  it('a file that does not exist', async () => {
    const result = await runNta(['run', '--read', join(folder, 'missing.pcap'), '--once', ...servers], {
      env: environment,
    });
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(/missing\.pcap/);
  });

  it('a truncated capture: what was read before the cut is stored, and the exit code says that something was wrong', async () => {
    const file = join(folder, 'cut.pcap');
    const whole = readFileSync(DEMONSTRATION);
    writeFileSync(file, whole.subarray(0, whole.length - 7));
    const result = await runNta(['run', '--read', file, '--once', '--json', ...servers], { env: environment });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/cut\.pcap.*(truncated|cut|ends)/);
    const summary = JSON.parse(result.stdout) as ReplaySummary;
    expect(summary.captured).toBeGreaterThan(3000);
    expect(summary).toMatchObject({ balanced: true, stored: summary.captured });
  });

  it('a truncated capture through nta analyze', async () => {
    const file = join(folder, 'cut.pcap');
    const whole = readFileSync(DEMONSTRATION);
    writeFileSync(file, whole.subarray(0, whole.length - 7));
    const result = await runNta(['analyze', file]);
    expect(result.code).not.toBe(0);
    expect(result.stdout).toContain('port-scan');
    expect(refusal(result)).toMatch(/cut\.pcap/);
  });

  it('a detector that fails, through nta analyze, which finds what the others find', async () => {
    const detector = join(projectRoot, 'test/processors/detectors/failing.js');
    const args = ['analyze', DEMONSTRATION, '--format=json'];
    const result = await runNta([...args, `--detector=${detector}`]);
    expect(result.code).toBe(1);
    expect(refusal(result)).toMatch(/^nta: the detector failing failed \d+ times, at last: .*failing\.js: failing\./);
    const others = result.stdout.split('\n').filter((line) => !line.includes('"rule":{"id":"failing"'));
    const without = await runNta(args);
    expect(without.code).toBe(0);
    // The failing one's alerts belong to the same incidents, which therefore have other ids.
    const withoutIncidents = (text: string): string => text.replaceAll(/"incident":\{[^}]*\}/g, '');
    expect(withoutIncidents(others.join('\n'))).toBe(withoutIncidents(without.stdout));
  });
});

describe('live capture', () => {
  it('an interface that does not exist', async () => {
    const result = await runNta(['run', '--interface', 'nosuch0', ...servers], { env: environment });
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(/nosuch0/);
  });

  it.for(['tcpdump', 'libpcap alone'])(
    'a packet filter that %s refuses, before anything is started',
    async (who, test) => {
      if (who === 'tcpdump') requireTool(test, 'tcpdump');
      else requireCondition(test, libpcapUnavailable() === null, libpcapUnavailable() ?? '');
      const dataDir = join(folder, 'never-made');
      const args = ['run', '--interface', 'lo', '--packet-filter', 'tcp prot 80', '--data-dir', dataDir];
      const result = await runNta(args, who === 'tcpdump' ? {} : { env: { PATH: folder } });
      expect(result.code).toBe(2);
      expect(result.stdout).toBe('');
      expect(result.stderr).toMatch(/^nta: --packet-filter "tcp prot 80": .*syntax error.*\n$/);
      expect(existsSync(dataDir)).toBe(false);
    },
  );

  it('a packet filter for a stream, before anything is started', async () => {
    const dataDir = join(folder, 'never-made');
    const result = await runNta(['run', '--read', '-', '--packet-filter', 'tcp', '--data-dir', dataDir]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^nta: --packet-filter cannot be used with --read -: filter where it comes from .*\n$/,
    );
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('servers', () => {
  let listener: Server | undefined;
  afterEach(async () => {
    await new Promise<void>((resolve) => (listener ? listener.close(() => resolve()) : resolve()));
    listener = undefined;
  });

  it('a taken port', async () => {
    listener = createServer();
    const port = await new Promise<number>((resolve) =>
      listener!.listen(0, '127.0.0.1', () => resolve((listener!.address() as { port: number }).port)),
    );
    const result = await runNta(['run', '--enable-api', '--api-port', String(port), ...servers], { env: environment });
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(new RegExp(`${port}.*taken.*--api-port`));
  });

  it('a broker that is not there', async () => {
    const result = await runNta(
      ['run', '--read', DEMONSTRATION, '--once', ...servers.slice(1), '--kafka-brokers=127.0.0.1:9'],
      {
        env: environment,
      },
    );
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(/no Kafka broker answers at 127\.0\.0\.1:9.*--kafka-brokers/);
  });

  it('TLS to a Kafka of its own, before anything is started', async () => {
    const dataDir = join(folder, 'never-made');
    const result = await runNta(['run', '--read', DEMONSTRATION, '--data-dir', dataDir], {
      env: { KAFKA_SSL: 'true' },
    });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/^nta: TLS or a login .*--kafka-brokers .*\n$/);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('a wrong database password', async () => {
    const result = await runNta(['run', '--read', DEMONSTRATION, '--once', ...servers], {
      env: { ...environment, DB_PASSWORD: 'wrong' },
    });
    expect(result.code).not.toBe(0);
    expect(refusal(result)).toMatch(/refuses user.*DB_PASSWORD/);
    expect(result.stderr).not.toContain('wrong');
  });
});

describe('the command line', () => {
  it('an unknown flag is refused with the nearest known one', async () => {
    const result = await runNta(['run', '--intreface', 'eth0']);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/--intreface[\s\S]*--interface/);
  });

  it('all configuration errors are said at once', async () => {
    const result = await runNta(['run', '--api-port', 'http', '--log-level', 'loud'], {
      env: { NTA_ENABLE_API: 'perhaps' },
    });
    expect(result.code).toBe(2);
    expect(refusal(result).split('\n')).toHaveLength(3);
  });

  it.each([
    'run',
    'capture',
    'process',
    'sink',
    'api',
    'analyze',
    'decode',
    'export',
    'interfaces',
    'setup',
    'cleanup',
    'doctor',
  ])('nta %s --help', async (name) => {
    const result = await runNta([name, '--help']);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(new RegExp(`Usage: nta ${name}`));
  });

  it('nta help NAME is nta NAME --help', async () => {
    const [asked, own] = await Promise.all([runNta(['help', 'cleanup']), runNta(['cleanup', '--help'])]);
    expect(asked).toEqual(own);
    expect(own.stdout).toContain('--dry-run');
  });

  it.each([
    ['setup', []],
    ['export', ['packet', '--db-host=127.0.0.1']],
    ['export', ['alerts', '--format=pcap', '--db-host=127.0.0.1']],
    ['export', ['packets', '--format=pcap', '--json', '--db-host=127.0.0.1']],
    ['analyze', [DEMONSTRATION, '--detector=/no/such/detector.js']],
    ['run', ['--once']],
  ])('what is refused before anything is done ends nta %s %j with 2', async (name, args) => {
    const result = await runNta([name, ...args]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/^nta: \S/);
  });

  it('a mistyped command is answered with the one that was meant', async () => {
    const result = await runNta(['captrue']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('Did you mean capture?');
  });
});
