/**
 * Live capture: the whole of `nta run` in one network namespace, nmap in another. The scan is seen by the API and, in
 * real Chromium, on the dashboard; Ctrl-C and kill -9 leave no process behind.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Locator } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeLocalStackData } from '../../deploy/local-stack/local-stack.js';
import { projectRoot } from '../../runtime/process/project.js';
import { CHROMIUM_ARGUMENTS, findChromium } from '../browser/chromium.js';
import { createDataDirectory } from '../support/local-stack.js';
import {
  canUseNamespaces,
  createNamespacePair,
  type NamespacePair,
  requireNamespaces,
} from '../support/network-namespace.js';
import { type RunningCommand, startNta } from '../support/nta-command.js';
import { findTool, requireCondition, requireTool } from '../support/requirement.js';

interface Alert {
  readonly rule_id: string;
  readonly source: string;
}

const TOOLS = ['ip', 'nmap', 'tcpdump', 'curl'];

describe('nta run on a live interface', { timeout: 180_000 }, () => {
  const dataDir = createDataDirectory();
  const folder = mkdtempSync(join(tmpdir(), 'nta-live-'));
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
    rmSync(folder, { recursive: true });
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

  it('answers on the dashboard who scanned, what else that host did, and gives its packets, in at most four clicks', async (test) => {
    const chromiumPath = findChromium();
    requireCondition(test, chromiumPath !== undefined, 'not installed: chromium');
    const { left, right } = pair!;
    // Where the API listens: on the loopback of the namespace.
    const inside = join(folder, 'chromium');
    writeFileSync(inside, `#!/bin/sh\nexec ip netns exec ${right.name} ${chromiumPath} "$@"\n`, { mode: 0o755 });
    const browser = await chromium.launch({ executablePath: inside, args: [...CHROMIUM_ARGUMENTS] });
    try {
      const page = await browser.newPage({ acceptDownloads: true });
      let clicks = 0;
      const click = async (what: Locator): Promise<void> => {
        clicks++;
        await what.click();
      };
      const token = readFileSync(join(dataDir, 'api-token'), 'utf8').trim();
      await page.goto(`http://127.0.0.1:5000/#token=${token}`);
      const scan = page.locator('.alert-lines li', { hasText: /scans|probes|ports/ }).first();
      await click(scan.getByRole('link', { name: left.ipv4, exact: true }));
      await page.getByRole('heading', { name: left.ipv4 }).waitFor();
      const peers = page.getByRole('region', { name: 'Hosts it spoke to' });
      await peers.getByRole('link', { name: right.ipv4 }).waitFor({ timeout: 20_000 });
      const downloading = page.waitForEvent('download');
      await click(page.getByRole('link', { name: 'Download its packets (pcap)' }));
      const file = readFileSync(await (await downloading).path());
      expect(clicks).toBeLessThanOrEqual(4);
      // A SYN to each of 200 ports, at the least: 16 bytes of header and 54 of frame each.
      expect(file.readUInt32LE(0)).toBe(0xa1b2c3d4);
      expect(file.length).toBeGreaterThan(200 * 70);
    } finally {
      await browser.close();
    }
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
