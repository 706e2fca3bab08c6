/** Which alerts are one incident: by source, by target, by time; the same after a restart. */
import { describe, expect, test } from 'vitest';
import type { ChangelogEntry } from '../../../processors/engine/changelog-entry.js';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { type BuiltPacket, detectionEngine, packetBlock } from '../../support/detection.js';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z

function syns(start: number, count: number, portOf: (index: number) => number, source = '192.0.2.1'): BuiltPacket[] {
  return Array.from({ length: count }, (_, index) => ({
    time: START + start + index * (SECOND / 10),
    source,
    destination: '198.51.100.1',
    sourcePort: 4000 + index,
    destinationPort: portOf(index),
    ipProtocol: 6,
    tcpFlags: 2,
  }));
}

const scan = (start: number, source?: string): BuiltPacket[] => syns(start, 12, (index) => 1000 + index, source);
const flood = (start: number, source?: string): BuiltPacket[] => syns(start, 120, () => 80, source);

type Engine = ReturnType<typeof detectionEngine>;

function feed(
  engine: Engine,
  packets: readonly BuiltPacket[],
): { alerts: readonly AlertDocument[]; log: readonly ChangelogEntry[] } {
  const block = packetBlock(packets);
  engine.process(block, 0, block.count);
  engine.tick('', 'node-1', packets.at(-1)!.time);
  const { alerts, changelog } = engine.take();
  return { alerts, log: changelog };
}

function incidentsOf(alerts: readonly AlertDocument[]): Map<string, Set<string>> {
  const incidents = new Map<string, Set<string>>();
  for (const { nta, rule } of alerts) {
    const id = nta.incident!.id;
    incidents.set(id, (incidents.get(id) ?? new Set()).add(rule.id));
  }
  return incidents;
}

describe('incidents', () => {
  test('hold what a source does within ten minutes after the last episode, whatever the rule', () => {
    const { alerts } = feed(detectionEngine(), [...scan(0), ...flood(10 * MINUTE), ...scan(20 * MINUTE)]);
    const incidents = [...incidentsOf(alerts).values()].map((rules) => [...rules].sort());
    expect(incidents).toEqual([['port-scan', 'syn-flood']]);
    expect(new Set(alerts.map(({ nta }) => nta.alert.id)).size).toBe(3);
  });

  test('end when a source has been quiet for longer', () => {
    const { alerts } = feed(detectionEngine(), [...scan(0), ...scan(15 * MINUTE)]);
    expect(incidentsOf(alerts).size).toBe(2);
  });

  test('are told apart by source', () => {
    const { alerts } = feed(detectionEngine(), [...scan(0), ...scan(MINUTE, '192.0.2.2')]);
    expect(incidentsOf(alerts).size).toBe(2);
  });

  test('do not depend on when episodes are closed', () => {
    const packets = [...scan(0), ...flood(9 * MINUTE), ...scan(18 * MINUTE), ...scan(60 * MINUTE)];
    const whole = feed(detectionEngine(), packets).alerts;
    const engine = detectionEngine();
    const single = packets.flatMap((packet) => [...feed(engine, [packet]).alerts]);
    const idsOf = (alerts: readonly AlertDocument[]) =>
      new Map(alerts.map(({ nta }) => [nta.alert.id, nta.incident!.id]));
    expect(idsOf(single)).toEqual(idsOf(whole));
  });

  test('go on after a restart, whether their episodes are open or closed', () => {
    for (const pause of [SECOND, 8 * MINUTE]) {
      const before = [...scan(0), ...syns(pause, 1, () => 443)];
      const after = flood(pause + SECOND);
      const undisturbed = feed(detectionEngine(), [...before, ...after]).alerts;
      const first = detectionEngine();
      const { alerts, log } = feed(first, before);
      const second = detectionEngine();
      const state = new Map<string, ChangelogEntry>(log.map((entry) => [entry.key, entry]));
      expect(second.restore(readChangelog(state.values()))).toEqual([]);
      const block = packetBlock(before);
      second.rebuild(block, 0, block.count);
      const all = [...alerts, ...feed(second, after).alerts];
      expect(incidentsOf(all)).toEqual(incidentsOf(undisturbed));
      expect(incidentsOf(all).size).toBe(1);
    }
  });

  test('have the same ids when a capture is replayed again', () => {
    const engine = detectionEngine();
    const ids = ['one', 'two'].map((timeline) => {
      const block = packetBlock(scan(0).map((packet) => ({ ...packet, timeline })));
      engine.process(block, 0, block.count);
      engine.endTimeline(timeline, START + MINUTE);
      const { alerts, changelog } = engine.take();
      expect(changelog.filter(({ key, value }) => key.includes('incident') && value !== null)).toEqual([]);
      return [...incidentsOf(alerts).keys()];
    });
    expect(ids[0]).toHaveLength(1);
    expect(ids[0]).toEqual(ids[1]);
  });
});
