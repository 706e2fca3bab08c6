/** `nta analyze`, which decodes in one thread and detects in another, against the same work done in this one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrackedRows } from '../../deploy/nta/analysis-thread.js';
import { TrackedCapture } from '../../deploy/nta/tracked-capture.js';
import { Analysis } from '../../processors/analysis.js';
import { decodeCapture } from '../../producers/decoding/capture-decoder.js';
import { conversationBlock, receivedBlock } from '../../schemas/conversations/conversation-columns.js';
import { PacketBlock } from '../../schemas/packets/packet-block.js';
import { arpSpoofing, portScan } from '../support/attack-traffic.js';
import { clientHost, GATEWAY, normalTraffic, serverHost } from '../support/normal-traffic.js';
import { runNta, startNta } from '../support/nta-command.js';
import { mergeTraffic, SECOND, TRAFFIC_START, writeTraffic } from '../support/traffic.js';
import { trafficHost } from '../support/traffic-host.js';

/** More blocks than are on their way at once. */
const PACKETS = 100_000;
const PORTS = Array.from({ length: 30 }, (_, index) => 2000 + index);

const folder = mkdtempSync(join(tmpdir(), 'nta-analyze-'));
const capture = join(folder, 'attacks.pcap');

beforeAll(() => {
  const scan = (second: number, ipv4: string) =>
    portScan({
      start: TRAFFIC_START + second * SECOND,
      attacker: trafficHost({ ipv4 }),
      targets: [serverHost(1)],
      ports: PORTS,
      interval: 1000,
    });
  const traffic = mergeTraffic(
    normalTraffic({ seed: 4, packetsPerSecond: 1000, clients: 200, ipv6Share: 0.4 }),
    scan(1, '10.0.9.66'),
    scan(50, '10.0.9.67'),
    arpSpoofing({
      start: TRAFFIC_START + 20 * SECOND,
      attacker: trafficHost({ ipv4: '10.0.9.99' }),
      gateway: GATEWAY,
      victim: clientHost(3),
      replies: 20,
    }),
  );
  expect(writeTraffic(capture, traffic, { maxPackets: PACKETS }).packets).toBe(PACKETS);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('nta analyze', () => {
  it('gives what one thread gives, byte for byte, of every capture', async () => {
    const result = await runNta(['analyze', '--format=json', '--node-id=here', capture, capture]);
    expect(result.code, result.stderr).toBe(0);
    const analysis = new Analysis();
    const expected: string[] = [];
    const say = (alerts: readonly object[]): void => {
      expected.push(...alerts.map((alert) => JSON.stringify(alert)));
    };
    for (const timeline of ['analyze-0', 'analyze-1']) {
      const tracked = new TrackedCapture(() => undefined);
      const noPackets = new PacketBlock(0);
      const process = (block: PacketBlock, { conversations, received }: TrackedRows): void =>
        say(analysis.process(block, conversationBlock(conversations), receivedBlock(received), block.observations));
      const takeRows = (): TrackedRows => tracked.take((rows) => process(noPackets, rows));
      const options = {
        captureNode: 'here',
        timeline,
        conversations: tracked.tracker,
        observe: true,
        application: false,
      };
      await decodeCapture(capture, options, (block) => process(block, takeRows()));
      tracked.tracker.finish();
      process(noPackets, takeRows());
      say(analysis.endTimeline(timeline));
    }
    expect(result.stdout.trim().split('\n')).toEqual(expected);
    const rules = expected.map((line) => (JSON.parse(line) as { rule: { id: string } }).rule.id);
    expect(rules).toEqual(expect.arrayContaining(['port-scan', 'slow-scan', 'arp-spoofing']));
  });

  it('shows applications to a detector of someone’s own', async () => {
    const detector = join(folder, 'resolver.mjs');
    writeFileSync(
      detector,
      `export const detector = {
        id: 'names', name: 'Names', severity: 1, packets: ['udp'], measure: 'count',
        threshold: { default: 2, minimum: 2, maximum: 9, help: 'queries' },
        windowSeconds: { default: 60, minimum: 1, maximum: 60, help: 'window' },
        createObserver: () => (block, row) => (block.applicationOf(row)?.dnsQuery ? 0 : -1),
        describe: ({ source }) => ({ message: source + ' asks for names' }),
      };`,
    );
    const result = await runNta(['analyze', '--format=json', `--detector=${detector}`, capture]);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toContain('asks for names');
  });

  it('refuses a configuration while it still waits for packets', async () => {
    const args = ['analyze', '--detection-config', join(folder, 'none.yaml'), '-'];
    const result = await startNta(args, { stdin: 'pipe' }).ended;
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/none\.yaml: cannot be read/);
  });
});
