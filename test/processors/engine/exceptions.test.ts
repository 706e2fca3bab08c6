/** Exceptions at the publication of alerts: by their parts, in time, and over a restart. */
import { describe, expect, test } from 'vitest';
import type { ChangelogEntry } from '../../../processors/engine/changelog-entry.js';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { AlertExceptionList } from '../../../processors/rules/alert-exceptions.js';
import { TimeOfDay } from '../../../processors/rules/time-of-day.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { type AlertException, readAlertException } from '../../../schemas/exceptions/alert-exception.js';
import { type BuiltPacket, detectionEngine, packetBlock } from '../../support/detection.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z, a Thursday

function probes(seconds: number, count = 12): BuiltPacket[] {
  return Array.from({ length: count }, (_, index) => ({
    time: START + (seconds + index) * SECOND,
    source: '192.0.2.1',
    destination: '198.51.100.1',
    sourcePort: 4000,
    destinationPort: 1000 + index,
    ipProtocol: 6,
    tcpFlags: 2,
  }));
}

const list = (...exceptions: Omit<AlertException, 'id'>[]) =>
  new AlertExceptionList(
    exceptions.map((exception, index) => ({ id: `e${index}`, ...exception })),
    (id, reason) => {
      throw new Error(`${id}: ${reason}`);
    },
  );

type Engine = ReturnType<typeof detectionEngine>;

function feed(engine: Engine, packets: readonly BuiltPacket[]): { said: string[]; log: readonly ChangelogEntry[] } {
  const block = packetBlock(packets);
  engine.process(block, 0, block.count);
  const { alerts, changelog } = engine.take();
  return { said: saidOf(alerts), log: changelog };
}

function saidOf(alerts: readonly AlertDocument[]): string[] {
  return alerts.map(
    (alert) => `${alert['@timestamp'].slice(14, 19)} ${alert.event.action} ${alert.nta.alert.sequence}`,
  );
}

const exceptedAlerts = (engine: Engine): number =>
  engine.statistics.detectors.find(({ detector }) => detector === 'port-scan')!.exceptedAlerts;

describe('an exception', () => {
  test.each<[string, Omit<AlertException, 'id'>, boolean]>([
    ['its source', { sources: ['192.0.2.0/24'] }, true],
    ['another source', { sources: ['192.0.3.0/24'] }, false],
    ['its target', { targets: ['198.51.100.1'] }, true],
    ['its rule and node', { rules: ['port-scan'], capture_nodes: ['node-1'] }, true],
    ['another rule', { rules: ['syn-flood'], sources: ['192.0.2.1'] }, false],
    ['all of its ports', { ports: ['1000-1100'] }, true],
    ['some of its ports', { ports: [1000, 1001] }, false],
    ['another site', { sites: ['branch'] }, false],
    ['its hours', { hours: { from: '23:00', to: '02:00', zone: 'UTC' } }, true],
    ['the same hours elsewhere', { hours: { from: '23:00', to: '02:00', zone: 'Asia/Tokyo' } }, false],
    ['a time that is over', { sources: ['192.0.2.1'], expires_at: '2025-12-31T23:59:59Z' }, false],
  ])('of %s', (_, exception, isExcepted) => {
    const engine = detectionEngine();
    engine.setExceptions(list(exception));
    expect(feed(engine, probes(0)).said).toEqual(isExcepted ? [] : ['00:09 open 1']);
    expect(exceptedAlerts(engine)).toBe(isExcepted ? 1 : 0);
  });

  test('that expires while a scan goes on brings its alert back, whole', () => {
    const engine = detectionEngine();
    engine.setExceptions(list({ sources: ['192.0.2.1'], expires_at: '2026-01-01T00:00:30Z' }));
    expect(feed(engine, probes(0, 30)).said).toEqual([]);
    expect(feed(engine, probes(30, 5)).said).toEqual(['00:30 open 1']);
  });

  test('that is taken back brings an alert back that still goes on', () => {
    const engine = detectionEngine();
    engine.setExceptions(list({ sources: ['192.0.2.1'] }));
    expect(feed(engine, probes(0)).said).toEqual([]);
    engine.setExceptions(list());
    expect(feed(engine, probes(12, 3)).said).toEqual(['00:12 open 1']);
  });

  test('closes what is published, and what ends meanwhile is never said', () => {
    const engine = detectionEngine();
    expect(feed(engine, probes(0)).said).toEqual(['00:09 open 1']);
    engine.setExceptions(list({ sources: ['192.0.2.1'] }));
    expect(feed(engine, probes(12)).said).toEqual(['00:11 close 2']);
    engine.tick('', 'node-1', START + 600 * SECOND);
    expect(engine.take().alerts).toEqual([]);
  });

  test('decides once: a restart repeats nothing and forgets nothing', () => {
    const first = detectionEngine();
    first.setExceptions(list({ sources: ['192.0.2.1'], expires_at: '2026-01-01T00:00:30Z' }));
    const { log } = feed(first, probes(0));
    const second = detectionEngine();
    expect(second.restore(readChangelog(log))).toEqual([]);
    const block = packetBlock(probes(0));
    second.rebuild(block, 0, block.count);
    // in force until it expires, though this worker does not know it yet
    expect(feed(second, probes(20, 5)).said).toEqual([]);
    expect(feed(second, probes(30, 5)).said).toEqual(['00:30 open 1']);
  });
});

describe('a part of the day', () => {
  const at = (time: string): number => Date.parse(time) * 1000;

  test('is of its zone, summer time and winter time', () => {
    const office = new TimeOfDay({ from: '08:00', to: '17:30', zone: 'Europe/Berlin', days: ['thu'] });
    expect(office.endOf(at('2026-01-01T06:59:59Z'))).toBeNull();
    expect(office.endOf(at('2026-01-01T07:00:00Z'))).toBe(at('2026-01-01T16:30:00Z'));
    expect(office.endOf(at('2026-07-02T06:00:00Z'))).toBe(at('2026-07-02T15:30:00Z'));
    expect(office.endOf(at('2026-01-02T09:00:00Z'))).toBeNull();
  });

  test('that passes midnight is of the day on which it begins', () => {
    const night = new TimeOfDay({ from: '22:00', to: '05:00', zone: 'UTC', days: ['wed'] });
    expect(night.endOf(at('2025-12-31T23:00:00Z'))).toBe(at('2026-01-01T05:00:00Z'));
    expect(night.endOf(at('2026-01-01T04:00:00Z'))).toBe(at('2026-01-01T05:00:00Z'));
    expect(night.endOf(at('2026-01-01T23:00:00Z'))).toBeNull();
  });
});

test.each([
  ['{', 'it is not JSON'],
  ['{"id":"a"}', 'it would except everything'],
  ['{"id":"a","sources":"10.0.0.1"}', 'sources is no list of texts'],
  ['{"id":"a","rules":["x"],"expires_at":"soon"}', 'expires_at is no time'],
])('a record %s is refused', (text, reason) => {
  expect(readAlertException(text)).toEqual({ reason });
});
