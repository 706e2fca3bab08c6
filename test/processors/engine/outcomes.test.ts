/** Severities by what became of attempts, and that a restart at any moment changes nothing of it. */
import { describe, expect, test } from 'vitest';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { furthest } from '../../support/chaos-expectations.js';
import { detectionEngine } from '../../support/detection.js';
import { type BuiltAttempt, type OutcomeRecord, outcomeRecords } from '../../support/outcome-stream.js';
import { Random } from '../../support/random.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z
const CLIENT = '192.0.2.1';
const SERVER = '198.51.100.1';
const NODE = 'node-1';

/** Attempts a tenth of a second apart, each at a port of its own. */
function ports(count: number, changes: Partial<BuiltAttempt> = {}): BuiltAttempt[] {
  return Array.from({ length: count }, (_, index) => ({
    time: START + index * (SECOND / 10),
    source: CLIENT,
    destination: SERVER,
    sourcePort: 40_000 + index,
    destinationPort: 1000 + index,
    ...changes,
  }));
}

/** Attempts at one port, ten a second. */
function requests(count: number, changes: Partial<BuiltAttempt> = {}): BuiltAttempt[] {
  return ports(count, { ...changes, destinationPort: 443 });
}

function alertsOf(attempts: readonly BuiltAttempt[], limits = {}, span = SECOND / 20): AlertDocument[] {
  const engine = detectionEngine(undefined, limits);
  const alerts: AlertDocument[] = [];
  let newest = 0;
  for (const record of outcomeRecords(attempts, span)) {
    engine.process(record.packets, 0, record.packets.count, record.conversations);
    alerts.push(...engine.takeAlerts());
    newest = record.newest;
  }
  engine.endTimeline('', newest);
  alerts.push(...engine.takeAlerts());
  return alerts;
}

function said(alerts: readonly AlertDocument[], rule: string): string[] {
  return alerts
    .filter((alert) => alert.rule.id === rule && alert.event.action !== 'close')
    .map(({ event, nta }) => `${event.action} ${event.severity} ${nta.alert.crossed.slice(17, 26)}`);
}

test('a stray probe elsewhere makes no block of a scan of one host, and is not passed over either', () => {
  const scan = ports(20, { outcome: 'refused' });
  const stray = { ...scan[4]!, time: scan[4]!.time + 1, destination: '198.51.100.2', destinationPort: 4000 };
  const last = alertsOf([...scan.slice(0, 5), stray, ...scan.slice(5)]).findLast(
    ({ rule }) => rule.id === 'port-scan',
  )!;
  expect(last.message).toMatch(/ scans 21 ports on 2 hosts, nearly all at one of them \(vertical\), 21 probes in /);
  const both = ports(20, { outcome: 'refused' }).map((probe, index) => ({
    ...probe,
    destination: `198.51.100.${1 + (index % 2)}`,
  }));
  const block = alertsOf(both).findLast(({ rule }) => rule.id === 'port-scan')!;
  expect(block.message).toMatch(/ scans 20 ports on 2 hosts \(block\), /);
});

describe('severity', () => {
  test('of a scan that is refused is the rule’s, at its crossing', () => {
    expect(said(alertsOf(ports(10, { outcome: 'refused' })), 'port-scan')).toEqual(['open 3 00.900000']);
  });

  test('of a scan that nobody answers is the rule’s, at its crossing, once the wait is over', () => {
    expect(said(alertsOf(ports(10)), 'port-scan')).toEqual(['open 3 00.900000']);
  });

  test('of ports that all answer is informational', () => {
    const alerts = alertsOf(ports(19, { outcome: 'answered', completes: true }));
    expect(said(alerts, 'port-scan')).toEqual(['open 1 00.900000']);
    expect(alerts[0]!.nta.alert.evidence.details).toMatchObject({ outcome: 'answered', failed: 0 });
  });

  test('rises with an update when as many fail as the threshold asks for', () => {
    const answered = ports(10, { outcome: 'answered', completes: true });
    const refused = ports(10, { outcome: 'refused' }).map((attempt, index) => ({
      ...attempt,
      time: START + 5 * SECOND + index * SECOND,
      destinationPort: 2000 + index,
    }));
    expect(said(alertsOf([...answered, ...refused]), 'port-scan')).toEqual([
      'open 1 00.900000',
      'update 1 00.900000',
      'update 3 00.900000',
    ]);
  });

  test('of peers that are gone, each at a port of its own, is informational', () => {
    const peers = ports(14).map((attempt, index) => ({ ...attempt, destination: `198.51.100.${index + 1}` }));
    expect(said(alertsOf(peers), 'port-scan')).toEqual(['open 1 00.900000']);
  });

  test('of a busy client whose connections are all answered is informational, of half-open ones it is the rule’s', () => {
    expect(said(alertsOf(requests(150, { outcome: 'answered', completes: true })), 'syn-flood')).toEqual([
      'open 1 09.900000',
    ]);
    expect(said(alertsOf(requests(150, { outcome: 'answered' })), 'syn-flood')).toEqual(['open 4 09.900000']);
  });

  test('does not depend on outcomes without a wait, nor where the input does not tell', () => {
    const answered = ports(12, { outcome: 'answered', completes: true });
    expect(said(alertsOf(answered, { outcomeWaitMicros: 0 }), 'port-scan')).toEqual(['open 3 00.900000']);
    const engine = detectionEngine();
    for (const { packets } of outcomeRecords(answered, SECOND)) engine.process(packets, 0, packets.count);
    expect(said(engine.takeAlerts(), 'port-scan')).toEqual(['open 3 00.900000']);
  });

  test('is not guessed where the tap sees one direction', () => {
    const alerts = alertsOf(ports(12, { outcome: 'unseen' }));
    expect(alerts[0]!.nta.alert.evidence.details).toMatchObject({ outcome: 'unseen' });
  });

  test('does not depend on how rows are batched', () => {
    const attempts = mixture(new Random(7), 400);
    const fine = alertsOf(attempts, {}, SECOND / 20);
    expect(fine.length).toBeGreaterThan(5);
    const severities = (alerts: readonly AlertDocument[]): string[] =>
      alerts
        .filter(({ event }) => event.action === 'close')
        .map(({ rule, source, event, nta }) => `${rule.id} ${source.address} ${event.severity} ${nta.alert.crossed}`)
        .sort();
    expect(severities(alertsOf(attempts, {}, SECOND / 4))).toEqual(severities(fine));
  });
});

/** Sources of every kind at once: scanners, sweepers, busy clients, peers. */
function mixture(random: Random, count: number): BuiltAttempt[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = random.between(0, 4);
    const outcome = random.pick(
      kind < 2 ? (['refused', undefined] as const) : (['answered', 'answered', undefined] as const),
    );
    return {
      time: START + Math.floor(index * 0.3 * SECOND) + random.between(0, 1000),
      source: `192.0.2.${kind + 1}`,
      destination: `198.51.100.${kind === 1 ? random.between(1, 60) : random.between(1, 4)}`,
      sourcePort: 20_000 + index,
      destinationPort: kind === 1 ? 445 : random.between(1, 60),
      ...(outcome === undefined ? {} : { outcome }),
      after: random.between(100, 600_000),
      completes: outcome === 'answered',
    };
  });
}

/** Alerts of a worker that is killed before some of the records, and of the changelog that it left. */
function withRestarts(records: readonly OutcomeRecord[], killedBefore: ReadonlySet<number>): string[] {
  const alerts: string[] = [];
  const changelog = new Map<string, string | null>();
  let engine = detectionEngine();
  for (const [index, record] of records.entries()) {
    if (killedBefore.has(index)) {
      const reached = records[index - 1]!.newest;
      engine = detectionEngine();
      expect(engine.restore(readChangelog([...changelog].map(([key, value]) => ({ key, value }))))).toEqual([]);
      const from = reached - engine.rebuildMicros;
      for (const earlier of records.slice(0, index)) {
        if (earlier.newest < from) continue;
        engine.rebuild(earlier.packets, 0, earlier.packets.count, earlier.conversations);
      }
      engine.rebuildTick('', NODE, reached);
    }
    engine.process(record.packets, 0, record.packets.count, record.conversations);
    engine.tick('', NODE, record.newest);
    const output = engine.take();
    alerts.push(...output.alerts.map((alert) => JSON.stringify(alert)));
    for (const { key, value } of output.changelog) changelog.set(key, value);
  }
  engine.endTimeline('', records.at(-1)!.newest);
  alerts.push(...engine.take().alerts.map((alert) => JSON.stringify(alert)));
  return alerts;
}

describe('a restart', () => {
  test.each([1, 2, 3, 4])('at any moment changes no alert (seed %i)', (seed) => {
    const random = new Random(seed);
    const records = outcomeRecords(mixture(random, 450), SECOND);
    const undisturbed = withRestarts(records, new Set());
    expect(undisturbed.length).toBeGreaterThan(10);
    const kills = new Set(Array.from({ length: 8 }, () => random.between(1, records.length - 1)));
    const disturbed = withRestarts(records, kills);
    const differs = disturbed.findIndex((alert, index) => alert !== undisturbed[index]);
    expect(disturbed[differs]).toBe(undisturbed[differs]);
    expect(disturbed).toHaveLength(undisturbed.length);
  });
});

interface Play {
  readonly timeline: string;
  /** Records that are played; all when there is none. */
  readonly until?: number;
  /** The node said that this is the end; otherwise it was killed. */
  readonly ends: boolean;
}

/** Events of a capture that is played more than once. */
function played(attempts: readonly BuiltAttempt[], plays: readonly Play[], span: number): readonly AlertDocument[] {
  const engine = detectionEngine();
  for (const { timeline, until, ends } of plays) {
    const own = attempts.map((attempt) => ({ ...attempt, timeline }));
    const records = outcomeRecords(own, span).slice(0, until);
    for (const { packets, conversations } of records) engine.process(packets, 0, packets.count, conversations);
    if (!ends) continue;
    engine.tick(timeline, NODE, records.at(-1)!.newest);
    engine.endTimeline(timeline, records.at(-1)!.newest);
  }
  return engine.takeAlerts();
}

describe('a capture that is played again', () => {
  const whole: Play = { timeline: 'capture/whole', ends: true };
  const part = (until: number, ends: boolean): Play => ({ timeline: 'capture/part', until, ends });

  test('after its node was killed knows what became of attempts that still waited then', () => {
    const scan = [...ports(3, { outcome: 'refused' }), ...ports(13).slice(3)];
    const events = played(scan, [part(13, false), whole], SECOND / 10);
    const close = events.findLast(({ rule }) => rule.id === 'port-scan')!;
    expect(close.nta.alert.evidence).toMatchObject({ packets: 13, details: { failed: 13 } });
  });

  test('after its end, and before, says what is answered behind the end of the part', () => {
    const scan = [
      ...ports(12, { outcome: 'refused' }),
      { ...ports(13, { outcome: 'answered' })[12]!, after: SECOND / 2 },
    ];
    for (const plays of [
      [part(13, true), whole],
      [whole, part(13, true)],
    ]) {
      const closes = played(scan, plays, SECOND / 10).filter(
        ({ event, rule }) => event.action === 'close' && rule.id === 'port-scan',
      );
      expect(closes.map(({ nta }) => nta.alert.evidence.details!.failed).sort()).toEqual([12, 13]);
      expect(new Set(closes.map(({ event }) => event.id)).size).toBe(2);
      const [end, ...others] = furthest(closes).values();
      expect(others).toEqual([]);
      expect(end!.nta.alert.evidence).toMatchObject({ packets: 13, details: { failed: 12, answered: 1 } });
    }
  });

  test.each([1, 2, 3, 4])('in part and whole ends as one that is played once (seed %i)', (seed) => {
    const random = new Random(seed);
    const attempts = mixture(random, 300);
    const once = furthest(played(attempts, [whole], SECOND));
    expect(once.size).toBeGreaterThan(5);
    for (let round = 0; round < 5; round++) {
      const plays = [part(random.between(1, 90), random.below(2) === 0), whole];
      expect(furthest(played(attempts, plays, SECOND))).toEqual(once);
    }
  });
});
