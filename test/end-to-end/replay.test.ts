/** `nta run --read … --once` on a fresh data directory with its own Kafka and Postgres: the README's first example. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeLocalStackData, startLocalStack } from '../../deploy/local-stack/local-stack.js';
import { DEMONSTRATION } from '../../deploy/nta/capture-plan.js';
import type { ReplaySummary } from '../../deploy/nta/replay-once.js';
import { createLog } from '../../runtime/process/log.js';
import { projectRoot } from '../../runtime/process/project.js';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { createDataDirectory } from '../support/local-stack.js';
import { type CommandResult, runNta } from '../support/nta-command.js';

interface Expectation {
  readonly packets: number;
  readonly detections: readonly {
    readonly detector: string;
    readonly source: string;
    readonly first_crossing: number;
  }[];
}

const expected = JSON.parse(
  readFileSync(join(projectRoot, 'deploy', 'demonstration', 'demonstration.json'), 'utf8'),
) as Expectation;

/** The reference knows the literal rules, by address; the other detections know more. */
function isLiteral({ rule, source }: Pick<AlertDocument, 'rule' | 'source'>): boolean {
  return expected.detections.some(({ detector }) => detector === rule.id) && source.ip !== undefined;
}

/** The demonstration's alerts as "detector source µs". */
function expectedAlerts(): string[] {
  return expected.detections
    .map(({ detector, source, first_crossing }) => `${detector} ${source} ${first_crossing}`)
    .sort();
}

function foundAlerts(summary: Pick<ReplaySummary, 'alerts'>): string[] {
  return summary.alerts
    .filter(isLiteral)
    .map(({ rule, source, nta }) => `${rule.id} ${source.address} ${micros(nta.alert.crossed)}`)
    .sort();
}

/** "2026-01-01T00:00:21.080000Z" → µs. */
function micros(iso: string): number {
  return Date.parse(`${iso.slice(0, 19)}Z`) * 1000 + Number(iso.slice(20, 26));
}

/** The start of a pcap file. */
function firstFrames(file: Buffer, count: number): Buffer {
  let end = 24;
  for (let frame = 0; frame < count; frame++) end += 16 + file.readUInt32LE(end + 8);
  return file.subarray(0, end);
}

describe('nta run --read --once', { timeout: 180_000 }, () => {
  const dataDir = createDataDirectory();
  let first: CommandResult;
  let summary: ReplaySummary;

  beforeAll(async () => {
    first = await runNta(['run', '--read', DEMONSTRATION, '--once', '--json', '--data-dir', dataDir], {
      env: { NTA_CACHE_DIR: process.env['NTA_CACHE_DIR'] ?? join(projectRoot, '.nta') },
    });
    expect(first.code, first.stderr).toBe(0);
    summary = JSON.parse(first.stdout) as ReplaySummary;
  }, 180_000);

  afterAll(() => removeLocalStackData(dataDir));

  it('closes the balance', () => {
    expect(summary).toMatchObject({
      captured: expected.packets,
      published: expected.packets,
      processed: expected.packets,
      stored: expected.packets,
      balanced: true,
    });
    expect(Object.values(summary.dropped).reduce((sum, count) => sum + count, 0)).toBe(0);
  });

  it('finds exactly the attacks that are in it, at the packet that crosses the threshold', () => {
    expect(foundAlerts(summary)).toEqual(expectedAlerts());
  });

  it('gives the alert ids that nta analyze gives', async () => {
    const analysis = await runNta(['analyze', DEMONSTRATION, '--format', 'json']);
    expect(analysis.code, analysis.stderr).toBe(0);
    const analyzed = analysis.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AlertDocument);
    const idsOf = (alerts: readonly AlertDocument[]): string[] => {
      // Claims of one card lie in the partitions of the addresses it claims, so its alert may cross later in a fleet.
      const ids = alerts.map(({ nta, rule, source }) =>
        source.ip === undefined ? `${rule.id} ${source.mac}` : nta.alert.id,
      );
      return [...new Set(ids)].sort();
    };
    expect(idsOf(analyzed)).toEqual(idsOf(summary.alerts));
  });

  it('keeps its rows through a restart, and a second replay adds its own and the same alerts', async () => {
    const again = await runNta(['run', '--read', DEMONSTRATION, '--once', '--data-dir', dataDir]);
    expect(again.code, again.stderr).toBe(0);
    for (const { rule, source } of summary.alerts)
      expect(again.stdout).toMatch(new RegExp(`${rule.id}.*${source.address.replaceAll('.', '\\.')}`));
    await withPostgres(async (client) => {
      const { rows } = await client.query<{ packets: string; alerts: string }>(
        'SELECT (SELECT count(*) FROM packets) AS packets, (SELECT count(*) FROM alerts) AS alerts',
      );
      expect(rows[0]).toEqual({ packets: String(2 * expected.packets), alerts: String(summary.alerts.length) });
      const exported = await runNta(['export', 'packets', '--data-dir', dataDir]);
      expect(exported.code, exported.stderr).toBe(0);
      expect(exported.stdout.trim().split('\n')).toHaveLength(1 + 2 * expected.packets);
      const misspelt = await runNta(['export', 'packets', '--data-dir', dataDir, '--protocol', 'tpc']);
      expect(misspelt.stderr).toContain('--protocol: "tpc" is no protocol known here');
    });
  });

  it('ends well when a capture is played in part and then whole, with the alerts of the whole', async () => {
    const fixture = join(projectRoot, 'test', 'fixtures', 'port-scan-syn.pcap');
    const part = join(dataDir, 'part.pcap');
    writeFileSync(part, firstFrames(readFileSync(fixture), 40));
    const run = async (file: string): Promise<ReplaySummary> => {
      const played = await runNta(['run', '--read', file, '--once', '--json', '--data-dir', dataDir]);
      expect(played.code, played.stderr).toBe(0);
      return JSON.parse(played.stdout) as ReplaySummary;
    };
    const [partial] = (await run(part)).alerts;
    const [whole] = (await run(fixture)).alerts;
    expect(whole!.nta.alert.id).toBe(partial!.nta.alert.id);
    expect(whole!.nta.alert.evidence.packets).toBeGreaterThan(partial!.nta.alert.evidence.packets);
    const [row] = await withPostgres(async (client) => {
      const { rows } = await client.query<{ status: string; packets: string }>(
        'SELECT status, packets FROM alerts WHERE id = $1',
        [whole!.nta.alert.id],
      );
      return rows;
    });
    expect(row).toEqual({ status: 'closed', packets: String(whole!.nta.alert.evidence.packets) });
  });

  /** With the Postgres of the runs. */
  async function withPostgres<Result>(use: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const log = createLog({ level: 'silent', file: '', part: 'test' });
    const stack = await startLocalStack({ dataDir, kafka: false, postgres: true, log });
    const { host, port, user, password, database } = stack.postgres!;
    const client = new pg.Client({ host, port, user, password, database });
    try {
      await client.connect();
      return await use(client);
    } finally {
      await client.end();
      await stack.stop();
    }
  }
});
