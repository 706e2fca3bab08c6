/**
 * Live capture: the whole of `nta run` in one network namespace, nmap in another. The scan is seen by the API and, in
 * real Chromium, on the dashboard; Ctrl-C and kill -9 leave no process behind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeLocalStackData } from '../../deploy/local-stack/local-stack.js';
import { projectRoot } from '../../runtime/process/project.js';
import { createDataDirectory } from '../support/local-stack.js';
import {
  canUseNamespaces,
  createNamespacePair,
  type NamespacePair,
  requireNamespaces,
} from '../support/network-namespace.js';
import { type RunningCommand, startNta } from '../support/nta-command.js';
import { findTool, requireTool } from '../support/requirement.js';

interface Alert {
  readonly rule_id: string;
  readonly source: string;
}

const TOOLS = ['ip', 'nmap', 'tcpdump', 'curl'];

describe('nta run on a live interface', { timeout: 180_000 }, () => {
  const dataDir = createDataDirectory();
  let pair: NamespacePair | undefined;
  let running: RunningCommand | undefined;

  beforeAll(async () => {
    // Each test says what is missing; here there is only nothing to start then.
    if (TOOLS.some((tool) => findTool(tool) === undefined) || !canUseNamespaces().usable) return;
    pair = createNamespacePair();
    running = startNta(['run', '--interface', pair.right.interface, '--data-dir', dataDir], {
      wrapper: ['ip', 'netns', 'exec', pair.right.name],
      env: { NTA_CACHE_DIR: process.env['NTA_CACHE_DIR'] ?? join(projectRoot, '.nta') },
    });
    await running.printed(/running; Ctrl-C stops everything/, 120_000);
  }, 150_000);

  beforeEach((test) => {
    requireTool(test, ...TOOLS);
    requireNamespaces(test);
  });

  afterAll(async () => {
    running?.child.kill('SIGKILL');
    pair?.remove();
    removeLocalStackData(dataDir);
  });

  /** Asks the API from inside the namespace, where it listens on loopback. */
  function ask(path: string): unknown {
    const token = readFileSync(join(dataDir, 'api-token'), 'utf8').trim();
    const { stdout, stderr } = pair!.right.run(
      'curl',
      ['-sS', '--max-time', '5', '-H', `Authorization: Bearer ${token}`, `http://127.0.0.1:5000${path}`],
      10_000,
    );
    if (stdout === '') throw new Error(`no answer: ${stderr}`);
    return JSON.parse(stdout);
  }

  it('shows an nmap scan as an alert within seconds', async () => {
    const scan = pair!.left.run(
      'nmap',
      ['-sS', '-Pn', '-n', '--max-retries', '0', '-p', '1-200', pair!.right.ipv4],
      30_000,
    );
    expect(scan.exitCode, scan.stderr).toBe(0);
    const finished = Date.now();
    let found: Alert | undefined;
    while (!found && Date.now() - finished < 20_000) {
      found = (ask('/api/alerts') as { alerts: Alert[] }).alerts.find(({ rule_id }) => rule_id === 'port-scan');
      if (!found) await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect(found).toMatchObject({ rule_id: 'port-scan', source: pair!.left.ipv4 });
    expect(Date.now() - finished).toBeLessThan(10_000);
  });

  it('shows the node and its packets', async () => {
    const { nodes } = ask('/api/nodes') as { nodes: { state: string }[] };
    expect(nodes.map(({ state }) => state)).toContain('online');
    // An alert may be there before the packets that made it.
    await expect
      .poll(() => (ask(`/api/packets?source=${pair!.left.ipv4}&limit=5`) as { packets: unknown[] }).packets, {
        timeout: 10_000,
      })
      .toHaveLength(5);
  });

  it('stops everything on Ctrl-C', async () => {
    const { code, stdout } = await running!.interrupt();
    expect(code).toBe(0);
    expect(stdout).toMatch(/stopped capture[\s\S]*stopped api[\s\S]*stopped process[\s\S]*stopped sink/);
    expect(
      pair!.right
        .run('sh', ['-c', `ip netns pids ${pair!.right.name}`], 5_000)
        .stdout.trim()
        .split('\n').length,
    ).toBeLessThanOrEqual(2);
  });
});
