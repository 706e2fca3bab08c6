/**
 * A fleet sees what `nta analyze` sees: the same alerts, however many partitions its records are spread over, and whoever dies in
 * between. Detections whose state were fed from another partition than their key's would show here.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../runtime/process/project.js';
import { cases, labelledCaptures } from '../quality/labels.js';
import { analyzeAlerts, type FleetOptions, fleetAlerts, summaryOf } from '../support/in-process-fleet.js';
import { hasSharedCaptures, requireSharedCaptures, sharedCaptureFolder } from '../support/shared-captures.js';

const FIXTURES = join(projectRoot, 'test', 'fixtures');
const TOLD = 60_000;

interface Input {
  readonly name: string;
  readonly files: readonly string[];
  readonly options: FleetOptions;
}

const fixtures: Input[] = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => ({ name, files: [join(FIXTURES, name)], options: {} }));

/** The settings of `nta analyze` that a case asks for. */
function optionsOf(args: readonly string[] = []): FleetOptions {
  const settings = new Map(
    args.flatMap((arg, index) => (arg.startsWith('--') ? [[arg, args[index + 1]!] as const] : [])),
  );
  const lateness = settings.get('--allowed-lateness');
  const unit = lateness?.endsWith('m') === true ? 60e6 : 1e6;
  return {
    ...(lateness === undefined ? {} : { limits: { allowedLatenessMicros: Number.parseInt(lateness, 10) * unit } }),
    ...(settings.get('--tunnels') === 'inner' ? { tunnels: 'inner' as const } : {}),
  };
}

function sharedInputs(): Input[] {
  const small = cases().map(({ name, files, args }) => ({
    name: `case ${name}`,
    files: files.map((file) => join(sharedCaptureFolder, 'cases', file)),
    options: optionsOf(args),
  }));
  const labelled = labelledCaptures().map(({ path }) => ({ name: path, files: [path], options: {} }));
  return [...small, ...labelled];
}

async function differences({ name, files, options }: Input, fleet: FleetOptions = {}): Promise<string[]> {
  const expected = summaryOf(await analyzeAlerts(files, options));
  const found = summaryOf(await fleetAlerts(files, { ...options, ...fleet }));
  const ids = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...ids]
    .filter((id) => expected[id] !== found[id])
    .map((id) => `${name}: analyze says ${expected[id]}, a fleet ${found[id]}`);
}

describe('a fleet and analyze', () => {
  it('say the same of the fixtures', { timeout: TOLD }, async () => {
    const all: string[] = [];
    for (const input of fixtures)
      all.push(...(await differences(input)), ...(await differences(input, { flushEvery: 7 })));
    expect(all).toEqual([]);
  });

  it('say the same of the labelled captures and the cases', { timeout: 10 * TOLD }, async (context) => {
    requireSharedCaptures(context);
    const all: string[] = [];
    for (const input of sharedInputs()) all.push(...(await differences(input)));
    expect(all).toEqual([]);
  });
});

/** Situations told by what is observed of links, names and echoes, and by what hosts send that never was asked for. */
const OBSERVED = ['rogue-dhcp', 'dns-tunnel', 'icmp-tunnel', 'arp', 'rogue-router', 'backscatter', 'carpet-bombing'];

describe('workers that die', () => {
  const inputs = hasSharedCaptures()
    ? sharedInputs().filter(({ name }) => OBSERVED.some((part) => name.startsWith(`case ${part}`)))
    : [];

  it('leave the alerts of an undisturbed run', { timeout: TOLD }, async (context) => {
    requireSharedCaptures(context);
    expect(inputs.length).toBeGreaterThanOrEqual(OBSERVED.length);
    for (const { name, files, options } of inputs) {
      const fleet = { ...options, partitions: 2, flushEvery: 20 };
      const undisturbed = await fleetAlerts(files, fleet);
      const disturbed = await fleetAlerts(files, { ...fleet, recordsAWorker: 17 });
      expect(byId(disturbed), name).toEqual(byId(undisturbed));
      expect(disturbed.length, name).toBe(undisturbed.length);
    }
  });
});

function byId(alerts: Awaited<ReturnType<typeof fleetAlerts>>): Record<string, unknown> {
  return Object.fromEntries(alerts.map((alert) => [alert.event.id, alert]));
}
