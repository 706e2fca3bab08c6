/** A whole run of nmap on a wire of our own, captured and analyzed: several rules say so, and it is one incident. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { AlertDocument } from '../../schemas/alerts/alert.js';
import { createNamespacePair, requireNamespaces } from '../support/network-namespace.js';
import { runNta } from '../support/nta-command.js';
import { requireTool } from '../support/requirement.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-incident-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Behind the other host, which forwards nothing: a network in which nobody answers. */
const EMPTY_NETWORK = '10.78.0.0/27';

it('a run of nmap is one incident', { timeout: 120_000 }, async (test) => {
  requireTool(test, 'ip', 'nmap', 'tcpdump');
  requireNamespaces(test);
  const pair = createNamespacePair();
  const capture = join(folder, 'nmap.pcap');
  try {
    const { left, right } = pair;
    expect(left.run('ip', ['route', 'add', EMPTY_NETWORK, 'via', right.ipv4]).exitCode).toBe(0);
    const tcpdump = right.spawn('tcpdump', ['-i', right.interface, '-U', '-w', capture, 'ip'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await new Promise<void>((resolve) => {
      tcpdump.stderr!.on('data', (text: Buffer) => text.includes('listening on') && resolve());
    });
    // an open port, without which nmap sends few of its odd segments
    const server = right.spawn(process.execPath, [
      '-e',
      "require('net').createServer(s => s.end()).listen(80, () => console.log('up'))",
    ]);
    await new Promise((resolve) => server.stdout!.once('data', resolve));
    const quick = ['-n', '-Pn', '--max-retries', '0', '-T4'];
    const runs = [
      ['-sS', '-O', '--max-os-tries', '1', '-p', '1-100', right.ipv4],
      ['-sA', '-p', '1-50', right.ipv4],
      ['-sS', '-p', '445', EMPTY_NETWORK],
    ];
    for (const run of runs) expect(left.run('nmap', [...quick, ...run], 60_000).exitCode).toBe(0);
    const ended = new Promise((resolve) => tcpdump.once('exit', resolve));
    tcpdump.kill('SIGINT');
    await ended;

    const result = await runNta(['analyze', '--format=json', capture]);
    expect(result.code, result.stderr).toBe(0);
    const alerts = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AlertDocument);
    const ofSource = alerts.filter(({ source }) => source.ip === left.ipv4);
    const rules = new Set(ofSource.map(({ rule }) => rule.id));
    expect([...rules]).toEqual(expect.arrayContaining(['port-scan', 'host-sweep', 'os-fingerprint']));
    expect(ofSource.some(({ nta }) => nta.alert.evidence.details?.['shape'] === 'stealth')).toBe(true);
    expect(new Set(ofSource.map(({ nta }) => nta.incident?.id)).size).toBe(1);
  } finally {
    pair.remove();
  }
});
