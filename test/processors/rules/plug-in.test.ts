import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtInDetectors } from '../../../processors/detectors/built-in.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { parseDetectionConfiguration } from '../../../processors/rules/detection-configuration.js';
import { loadRules } from '../../../processors/rules/detection-settings.js';
import { loadDetectors } from '../../../processors/rules/plug-in.js';
import { projectRoot } from '../../../runtime/process/project.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { HAS_ICMP, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import { type BuiltPacket, detect, detectionEngine, packetBlock } from '../../support/detection.js';

const EXAMPLE = join(projectRoot, 'test/processors/detectors/icmp-sweep.js');
const FAILING = join(projectRoot, 'test/processors/detectors/failing.js');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nta-detector-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let modules = 0;
async function moduleOf(text: string): Promise<string> {
  const path = join(folder, `detector-${++modules}.mjs`);
  await writeFile(path, text);
  return path;
}

/** The example's source with some of it replaced. */
function variant(changes: string): string {
  return `import { detector as example } from ${JSON.stringify(EXAMPLE)};\nexport const detector = { ...example, ${changes} };`;
}

const pings: BuiltPacket[] = Array.from({ length: 25 }, (_, i) => ({
  time: 1_767_225_600_000_000 + i,
  source: '192.0.2.1',
  destination: `198.51.100.${i}`,
  ipProtocol: 1,
}));

function pingBlock() {
  const block = packetBlock(pings);
  for (let row = 0; row < block.count; row++) {
    block.present[row]! |= HAS_ICMP;
    block.icmpType[row] = 8;
  }
  return block;
}

describe('a detector of one’s own', () => {
  test('detects beside the built-in ones and is configured like them', async () => {
    const detectors = await loadDetectors([EXAMPLE]);
    expect(detectors.map(({ id }) => id)).toEqual([...builtInDetectors.map(({ id }) => id), 'icmp-sweep']);
    const engine = detectionEngine(defaultRules(detectors));
    const block = pingBlock();
    engine.process(block, 0, block.count);
    expect(engine.take().alerts).toMatchObject([
      {
        message: '192.0.2.1 pinged 20 hosts with 20 echo requests',
        rule: { id: 'icmp-sweep' },
        event: { severity: 2 },
      },
    ]);
    const text = 'detectors: { icmp-sweep: { threshold: 30, type: 256 } }';
    expect(parseDetectionConfiguration(text, 'rules.yaml', detectors)).toEqual({
      ok: false,
      errors: ['rules.yaml:1: detectors.icmp-sweep.type: must be a whole number from 0 to 255'],
    });
    expect(detect(pings, defaultRules(detectors))).toEqual([]); // no ICMP type: nothing to see
  });

  test('is refused with every reason when it is none', async () => {
    const bad = await moduleOf(variant("id: 'ICMP', severity: 9, packets: ['ping'], describe: 1"));
    const none = await moduleOf('export const other = 1;');
    const broken = await moduleOf('export const detector = {');
    const twice = await moduleOf(variant("id: 'port-scan'"));
    const error = await loadDetectors([bad, none, broken, twice, join(folder, 'missing.mjs')]).catch(
      (reason) => reason,
    );
    const lines = (error as Error).message.split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(
      /^--detector .*detector-1\.mjs: id: must be lower-case .*; severity: .*; packets\.0: .*; describe: must be a function$/,
    );
    expect(lines[1]).toMatch(/it exports neither `detector` nor `detectors`/);
    expect(lines[3]).toMatch(/there is a detector port-scan already/);
    expect(lines[4]).toMatch(/missing\.mjs/);
  });

  test.each([
    ["createObserver: () => () => { throw new Error('oops'); }", 25, 'icmp-sweep.observe: oops'],
    ['createObserver: () => () => undefined', 25, 'icmp-sweep.observe: it gave undefined'],
    ['createObserver: () => () => 0.5', 25, 'icmp-sweep.observe: it gave 0.5'],
  ])('is named when it fails on packets, which then do not count: %s', async (changes, failures, reason) => {
    const detectors = await loadDetectors([await moduleOf(variant(changes))]);
    const engine = detectionEngine(defaultRules(detectors));
    const block = pingBlock();
    engine.process(block, 0, block.count);
    expect(engine.take().alerts).toEqual([]);
    expect(engine.statistics.detectors.at(-1)).toMatchObject({
      detector: 'icmp-sweep',
      countedPackets: 0,
      failures,
      latestFailure: expect.stringContaining(reason),
    });
  });

  test('alerts in plain words when it has none of its own', async () => {
    const detectors = await loadDetectors([await moduleOf(variant('describe: () => ({})'))]);
    const engine = detectionEngine(defaultRules(detectors));
    const block = pingBlock();
    engine.process(block, 0, block.count);
    expect(engine.take().alerts).toMatchObject([{ message: 'ICMP sweep: 192.0.2.1, 20 packets' }]);
    expect(engine.statistics.detectors.at(-1)).toMatchObject({
      failures: 1,
      latestFailure: expect.stringContaining('icmp-sweep.describe: it gave no message'),
    });
  });

  test('leaves what the others find exactly as it is, and counts what it does not fail on', async () => {
    const probes = Array.from(
      { length: 200 },
      (_, i): BuiltPacket => ({
        time: 1_767_225_600_000_000 + i * 1000,
        source: '192.0.2.1',
        destination: '198.51.100.1',
        ipProtocol: 6,
        tcpFlags: TCP_SYN,
        destinationPort: 1000 + (i % 50),
      }),
    );
    const all = detect(probes, defaultRules(await loadDetectors([FAILING])));
    // the incident began with another alert
    const said = (alerts: readonly AlertDocument[]) =>
      alerts
        .filter(({ rule }) => rule.id !== 'failing')
        .map(({ nta, ...alert }) => ({ ...alert, nta: { ...nta, incident: null } }));
    expect(said(all)).toEqual(said(detect(probes)));
    const own = all.filter(({ rule }) => rule.id === 'failing');
    expect(own.at(-1)?.nta.alert.evidence.packets).toBe(100);
  });

  test('is refused with options that it cannot take, before any rule changes', async () => {
    const module = await moduleOf(
      variant("createObserver: ({ type }) => { if (type === 9) throw new Error('not 9'); return () => 0; }"),
    );
    const file = join(folder, 'rules.yaml');
    await writeFile(file, 'detectors: { icmp-sweep: { type: 9 } }');
    await expect(loadRules({ detectionConfig: file, detector: [module] })).rejects.toThrow(
      /icmp-sweep\.createObserver: not 9/,
    );
  });
});
