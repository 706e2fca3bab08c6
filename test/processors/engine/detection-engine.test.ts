import { describe, expect, test } from 'vitest';
import type { DetectionRules } from '../../../processors/contract/rule.js';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { parseDetectionConfiguration } from '../../../processors/rules/detection-configuration.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { type BuiltPacket, detect, detectionEngine, packetBlock } from '../../support/detection.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z

function syn(seconds: number, destinationPort: number, changes: Partial<BuiltPacket> = {}): BuiltPacket {
  const addresses = { source: '192.0.2.1', destination: '198.51.100.1' };
  const ports = { sourcePort: 4000, destinationPort };
  return { time: START + seconds * SECOND, ...addresses, ...ports, ipProtocol: 6, tcpFlags: 2, ...changes };
}

/** A scan of ten ports, one a second. */
function scan(seconds: number, changes: Partial<BuiltPacket> = {}): BuiltPacket[] {
  return Array.from({ length: 10 }, (_, i) => syn(seconds + i, 1000 + i, changes));
}

function rulesOf(yaml: string): DetectionRules {
  const result = parseDetectionConfiguration(yaml, 'rules.yaml');
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.rules;
}

function actions(alerts: readonly AlertDocument[]): string[] {
  return alerts.map((alert) => {
    const { close_reason: reason, crossed } = alert.nta.alert;
    return `${alert.rule.id} ${alert.source.address} ${crossed.slice(14, 19)} ${alert.event.action}${reason ? ` ${reason}` : ''}`;
  });
}

/** Feeds an engine a list of packets and takes what came of it. */
function feed(engine: ReturnType<typeof detectionEngine>, packets: readonly BuiltPacket[]): readonly AlertDocument[] {
  const block = packetBlock(packets);
  engine.process(block, 0, block.count);
  return engine.take().alerts;
}

describe('episodes', () => {
  test('open with the evidence of the window before the crossing', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => syn(i / 10, 1000 + i, { captureNode: `node-${i + 10}` }));
    const [open, update, close] = detect(nodes);
    expect(open).toMatchObject({
      '@timestamp': '2026-01-01T00:00:00.900000Z',
      event: { action: 'open', severity: 3 },
      rule: { id: 'port-scan' },
      source: { ip: '192.0.2.1' },
      destination: { ip: '198.51.100.1' },
      threat: { technique: { id: ['T1046'] } },
      nta: { alert: { sequence: 1, status: 'open', threshold: 10, window_seconds: 60 } },
    });
    expect(open!.nta.alert.evidence).toMatchObject({
      first_seen: '2026-01-01T00:00:00.000000Z',
      last_seen: '2026-01-01T00:00:00.900000Z',
      packets: 10,
      peak: 10,
      ports: { distinct: 10, sample: [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009] },
      targets: { distinct: 1, sample: ['198.51.100.1'] },
      details: { shape: 'vertical' },
    });
    expect(open!.observer.name).toHaveLength(10);
    expect(update).toMatchObject({ event: { action: 'update' }, nta: { alert: { sequence: 2 } } });
    expect(close!.observer.name).toEqual(nodes.map((packet) => packet.captureNode));
    expect(close).toMatchObject({ nta: { alert: { id: open!.nta.alert.id, sequence: 3, status: 'closed' } } });
    expect(new Set([open, update, close].map((alert) => alert!.event.id)).size).toBe(3);
  });

  test('end after a whole window without a full one, whatever else the source does', () => {
    const browsing = Array.from({ length: 40 }, (_, i) => syn(10 + i * 5, 443));
    const alerts = detect([...scan(0), ...browsing, ...scan(300)]);
    expect(actions(alerts)).toEqual([
      'port-scan 192.0.2.1 00:09 open',
      'port-scan 192.0.2.1 00:09 update',
      'port-scan 192.0.2.1 00:09 close quiet',
      'port-scan 192.0.2.1 05:09 open',
      'port-scan 192.0.2.1 05:09 close end_of_timeline',
    ]);
    // port 443 is seen at 10 s and again every 5 s, so the window is full of ten or eleven ports until 60 s
    expect(alerts[2]!['@timestamp']).toBe('2026-01-01T00:02:00.000000Z');
  });

  test('are updated at each doubling of their packets', () => {
    const flood = Array.from({ length: 1000 }, (_, i) => syn(i / 1000, 80));
    const packets = detect(flood).map((alert) => `${alert.event.action} ${alert.nta.alert.evidence.packets}`);
    expect(packets).toEqual(['open 100', 'update 200', 'update 400', 'update 800', 'close 1000']);
  });

  test('tell how much the window held at most, far beyond the threshold', () => {
    const flood = Array.from({ length: 5000 }, (_, i) => syn(i / 50, 80));
    const close = detect(flood).at(-1)!;
    // 3001 of them are in [t − 60 s, t]; a sixtieth at most is missed
    expect(close.nta.alert.evidence.peak).toBeGreaterThanOrEqual(3001 - 51);
    expect(close.nta.alert.evidence.peak).toBeLessThanOrEqual(3001);
  });

  test('have the same ids when the capture is replayed again', () => {
    const engine = detectionEngine();
    const ids = ['one', 'two'].map((timeline) => {
      feed(engine, scan(0, { timeline }));
      engine.endTimeline(timeline, START + 9 * SECOND);
      return engine.take().alerts.map((alert) => alert.event.id);
    });
    const [first] = actions(feed(engine, scan(0, { timeline: 'three' })));
    expect(first).toBe('port-scan 192.0.2.1 00:09 open');
    expect(new Set(ids[0]).size).toBe(1);
    expect(ids[0]).toEqual(ids[1]);
  });
});

describe('time', () => {
  test('a replay of an old capture neither disturbs live detection nor is disturbed', () => {
    const live = scan(100_000);
    const old = scan(0, { timeline: 'replay' });
    const mixed = live.flatMap((packet, index) => [packet, old[index]!]);
    const engine = detectionEngine();
    expect(actions(feed(engine, mixed)).sort()).toEqual([
      'port-scan 192.0.2.1 00:09 open',
      'port-scan 192.0.2.1 46:49 open',
    ]);
    expect(engine.statistics).toMatchObject({ latePackets: 0, sources: 2, openEpisodes: 2 });
  });

  test('a packet older than its source by more than the lateness is counted and ignored', () => {
    const engine = detectionEngine();
    expect(feed(engine, [...scan(0).slice(0, 9), syn(20, 80), syn(14.999999, 2000)])).toHaveLength(1); // 80 is the tenth
    expect(engine.statistics.latePackets).toBe(1);
    const other = { source: '192.0.2.2' };
    feed(engine, [syn(0, 80, other), syn(20, 80), syn(0, 81, other)]);
    expect(engine.statistics.latePackets).toBe(1);
  });

  test('a packet stamped ahead blinds its source for no longer than a window, in a capture too', () => {
    const engine = detectionEngine();
    const timeline = 'replay/a';
    const browsing = Array.from({ length: 61 }, (_, second) => syn(1 + second, 443, { timeline }));
    const alerts = feed(engine, [syn(23 * 3600, 80, { timeline }), ...browsing, ...scan(70, { timeline })]);
    expect(actions(alerts)).toEqual(['port-scan 192.0.2.1 01:18 open']);
    expect(engine.statistics).toMatchObject({ resetClocks: 1, latePackets: 60 });
  });

  test('late packets do not move a clock back while others are in time', () => {
    const engine = detectionEngine();
    const pairs = Array.from({ length: 200 }, (_, second) => [
      syn(1000 + second, 443, { captureNode: 'now' }),
      syn(second, 443, { captureNode: 'behind' }),
    ]);
    feed(engine, pairs.flat());
    expect(engine.statistics).toMatchObject({ resetClocks: 0, latePackets: 200 });
  });

  describe('a late packet within the allowed lateness completes a window that ends before the newest packet', () => {
    const crossings = (packets: readonly BuiltPacket[]): string[] =>
      feed(detectionEngine(), packets).map((alert) => alert.nta.alert.crossed);

    test('with a packet exactly at the start of that window', () => {
      const eight = scan(50).slice(0, 8);
      expect(crossings([syn(0, 1), ...eight, syn(62, 1000), syn(60, 2)])).toEqual(['2026-01-01T00:01:00.000000Z']);
      expect(crossings([syn(0, 1), ...eight, syn(62, 1000), syn(60.000001, 2)])).toEqual([]);
    });

    test('with a sighting of a port that lies between two others', () => {
      const eight = Array.from({ length: 8 }, (_, i) => syn(0.7, 1000 + i));
      const packets = [syn(0, 1), ...eight, syn(30, 1), syn(61, 1), syn(60.5, 2)];
      expect(crossings(packets)).toEqual(['2026-01-01T00:01:00.500000Z']);
    });

    test('with packets that many newer ones have followed', () => {
      const early = Array.from({ length: 19 }, () => syn(0.7, 22));
      const newest = Array.from({ length: 10 }, () => syn(61, 22));
      expect(crossings([...early, ...newest, syn(60.6, 22)])).toEqual(['2026-01-01T00:01:00.600000Z']);
    });
  });

  test('a quiet source is closed by its capture node’s ticks, once the lateness has passed', () => {
    const engine = detectionEngine();
    feed(engine, scan(0));
    engine.tick('', 'node-1', START + 74 * SECOND);
    expect(engine.take().alerts).toEqual([]);
    engine.tick('', 'node-1', START + 74 * SECOND + 1);
    const [close] = engine.take().alerts;
    expect(close).toMatchObject({
      '@timestamp': '2026-01-01T00:01:09.000000Z',
      nta: { alert: { close_reason: 'quiet' } },
    });
  });

  test('a capture node with its clock ahead does not close what another still sees', () => {
    const engine = detectionEngine();
    feed(engine, scan(0, { captureNode: 'slow' }));
    engine.tick('', 'fast', START + 3600 * SECOND);
    expect(engine.take().alerts).toEqual([]);
    engine.tick('', 'fast', START + 4000 * SECOND); // nothing from the slow one for 400 s: 100 s more than the grace
    expect(actions(engine.take().alerts)).toEqual(['port-scan 192.0.2.1 00:09 close quiet']);
  });

  test('packets of a replay do not close its other sources, which may come later', () => {
    const engine = detectionEngine();
    const timeline = 'replay';
    feed(engine, scan(0, { timeline }).slice(0, 9));
    feed(engine, scan(5000, { timeline, source: '192.0.2.9' }));
    const alerts = feed(engine, [...scan(9, { timeline }), syn(20, 7, { timeline })]);
    expect(actions(alerts)).toEqual(['port-scan 192.0.2.1 00:18 open']);
    engine.endTimeline(timeline, START + 5009 * SECOND);
    expect(actions(engine.take().alerts)).toEqual([
      'port-scan 192.0.2.1 00:18 close quiet',
      'port-scan 192.0.2.9 23:29 close end_of_timeline',
    ]);
    expect(engine.statistics).toMatchObject({ sources: 0, windows: 0, openEpisodes: 0 });
  });
});

describe('the runs of a group', () => {
  const node = (i: number): string => `node-${i + 10}`;
  /** Twenty captures with one probe each, 0.2 s apart, as they are replayed one after the other in a mixed order. */
  const split = (round: string, changes: Partial<BuiltPacket> = {}): BuiltPacket[] =>
    Array.from({ length: 20 }, (_, i) => (i * 7) % 20).map((i) =>
      syn(i / 5, 1000 + i, { captureNode: node(i), timeline: `replay/${round}-${i}`, ...changes }),
    );

  test('count together', () => {
    const engine = detectionEngine();
    const alerts = feed(engine, split('a'));
    expect(alerts.map((alert) => alert.event.action)).toEqual(['open', 'update']);
    expect(alerts[1]!.nta.alert.evidence.ports!.distinct).toBe(20);
    expect(alerts[1]!.observer.name).toEqual(Array.from({ length: 20 }, (_, i) => node(i)));
    expect(engine.statistics).toMatchObject({ sources: 1, latePackets: 0 });
  });

  test('give the same alerts when all are replayed again, even within the allowed lateness', () => {
    const engine = detectionEngine();
    const ids = (alerts: readonly AlertDocument[]): string[] => alerts.map((alert) => alert.event.id);
    const first = feed(engine, split('a'));
    const [superseded, ...second] = feed(engine, split('b'));
    expect(superseded).toMatchObject({ event: { action: 'close' }, nta: { alert: { close_reason: 'superseded' } } });
    expect(superseded!.nta.alert.id).toBe(first[0]!.nta.alert.id);
    expect(ids(second)).toEqual(ids(first));
    expect(second).toEqual(first);
  });

  test('played in part and then whole give each event an id of its own', () => {
    const engine = detectionEngine();
    const long = (timeline: string): BuiltPacket[] =>
      Array.from({ length: 40 }, (_, i) => syn(i / 10, 1000 + i, { timeline }));
    const part = feed(engine, long('replay/a').slice(0, 15));
    const events = [...part, ...feed(engine, long('replay/b'))];
    expect(actions(events)).toEqual([
      'port-scan 192.0.2.1 00:00 open',
      'port-scan 192.0.2.1 00:00 close superseded',
      'port-scan 192.0.2.1 00:00 open',
      'port-scan 192.0.2.1 00:00 update',
      'port-scan 192.0.2.1 00:00 update',
    ]);
    const [opened, superseded, again, ...updates] = events;
    expect(again).toEqual(opened);
    const ids = [opened, superseded, ...updates].map((event) => event!.event.id);
    expect(new Set(ids).size).toBe(4);
  });

  test('below the threshold do not reach it by being replayed again and again', () => {
    const engine = detectionEngine();
    const flood = Array.from({ length: 60 }, (_, i) => i / 100);
    for (const round of ['a', 'b', 'c', 'd']) {
      const timeline = `replay/${round}`;
      expect(
        feed(
          engine,
          flood.map((seconds) => syn(seconds, 80, { timeline })),
        ),
      ).toEqual([]);
    }
  });

  test('of one node go on from file to file', () => {
    const engine = detectionEngine();
    feed(engine, scan(0, { timeline: 'replay/a-1' }).slice(0, 9));
    const alerts = feed(engine, scan(0, { timeline: 'replay/a-2' }).slice(9));
    expect(actions(alerts)).toEqual(['port-scan 192.0.2.1 00:09 open']);
  });

  test('start over with what is too old to join, and only late packets of the same run are ignored', () => {
    const engine = detectionEngine();
    feed(engine, scan(100, { timeline: 'replay/a' }));
    const older = { timeline: 'replay/b', captureNode: 'node-2' };
    expect(actions(feed(engine, scan(0, older)))).toEqual([
      'port-scan 192.0.2.1 01:49 close superseded',
      'port-scan 192.0.2.1 00:09 open',
    ]);
    expect(engine.statistics.latePackets).toBe(0);
    feed(engine, [syn(3, 80, older)]);
    expect(engine.statistics.latePackets).toBe(1);
  });

  test('leave live traffic and other groups alone', () => {
    const engine = detectionEngine();
    const parts = [undefined, 'replay/a', 'other/a', '/a', 'replay-1'];
    const halves = parts.map((timeline) => scan(0, { timeline: timeline ?? '' }));
    for (const half of halves) expect(feed(engine, half.slice(0, 9))).toEqual([]);
    for (const half of halves) expect(actions(feed(engine, half.slice(9)))).toEqual(['port-scan 192.0.2.1 00:09 open']);
    expect(feed(engine, scan(0))).toEqual([]); // live never starts over
    expect(engine.statistics).toMatchObject({ sources: 5, openEpisodes: 5, latePackets: 4 });
  });

  test('end one by one: what another has reached since goes on', () => {
    const engine = detectionEngine();
    const a = { timeline: 'replay/a', captureNode: 'node-1' };
    const b = { timeline: 'replay/b', captureNode: 'node-2' };
    feed(engine, [...scan(0, a), ...scan(0, { ...a, source: '192.0.2.2' })]);
    feed(engine, [syn(10, 2000, b)]);
    engine.endTimeline('replay/a', START + 9 * SECOND);
    expect(actions(engine.take().alerts)).toEqual(['port-scan 192.0.2.2 00:09 close end_of_timeline']);
    expect(engine.statistics).toMatchObject({ sources: 1, openEpisodes: 1 });
    engine.tick('replay/b', 'node-2', START + 71 * SECOND);
    expect(engine.take().alerts).toEqual([]);
    engine.tick('replay/b', 'node-2', START + 76 * SECOND);
    expect(actions(engine.take().alerts)).toEqual(['port-scan 192.0.2.1 00:09 close quiet']);
    engine.endTimeline('replay/b', START + 76 * SECOND);
    expect(engine.statistics).toMatchObject({ sources: 0, windows: 0, openEpisodes: 0 });
  });

  test('show the same packet at two taps once a replay, and again in the next', () => {
    const engine = detectionEngine(undefined, { dedupeWindowMicros: SECOND });
    const ports = Array.from({ length: 10 }, (_, i) => i);
    const tap = (name: string, round: string): BuiltPacket[] =>
      ports.map((i) => syn(i / 10, i + 1, { captureNode: name, timeline: `replay/${round}-${name}`, tcpSequence: i }));
    expect(feed(engine, tap('b', '1'))).toHaveLength(1);
    expect(feed(engine, tap('a', '1'))).toEqual([]);
    expect(engine.statistics.duplicatePackets).toBe(10);
    expect(actions(feed(engine, tap('a', '2')))).toEqual([
      'port-scan 192.0.2.1 00:00 close superseded',
      'port-scan 192.0.2.1 00:00 open',
    ]);
  });
});

describe('sources', () => {
  test('of one /64 are one source when told so', () => {
    const packets = Array.from({ length: 10 }, (_, i) => syn(i, 1000 + i, { source: `2001:db8:1:2::${i + 1}` }));
    expect(detect(packets)).toEqual([]);
    const [open] = detect(packets, undefined, { ipv6PrefixBits: 64 });
    expect(open!.source).toEqual({ ip: '2001:db8:1:2::', address: '2001:db8:1:2::/64' });
  });

  test('are given up, least recently active first, when the budget is used up', () => {
    const engine = detectionEngine(undefined, { stateBudgetBytes: 1024 * 1024 });
    feed(engine, scan(0, { source: '203.0.113.1' }));
    const spoofed = Array.from({ length: 20_000 }, (_, i) =>
      syn(10 + i / 10_000, 80, { source: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }),
    );
    const attack = Array.from({ length: 200 }, (_, i) => syn(10 + i / 100, 80));
    const alerts = feed(
      engine,
      spoofed.flatMap((packet, i) => (i % 100 === 0 ? [packet, attack[i / 100]!] : [packet])),
    );
    expect(actions(alerts)).toEqual([
      'port-scan 203.0.113.1 00:09 close evicted',
      'syn-flood 192.0.2.1 00:10 open',
      'syn-flood 192.0.2.1 00:10 update',
    ]);
    const { stateBytes, evictedSources, evictedEpisodes } = engine.statistics;
    expect(stateBytes).toBeLessThanOrEqual(1024 * 1024);
    expect(evictedSources).toBeGreaterThan(10_000);
    expect(evictedEpisodes).toBe(1);
  });

  test('that are idle go without being counted as given up', () => {
    const engine = detectionEngine(undefined, { stateBudgetBytes: 1024 * 1024 });
    for (let start = 0; start < 20_000; start += 50) {
      const fresh = Array.from({ length: 50 }, (_, i) => start + i);
      feed(
        engine,
        fresh.map((i) => syn(i, 80, { source: `10.0.${i >> 8}.${i & 255}` })),
      );
    }
    expect(engine.statistics).toMatchObject({ evictedSources: 0 });
    expect(engine.statistics.sources).toBeLessThan(1000);
  });
});

describe('duplicates', () => {
  const twice = Array.from({ length: 50 }, (_, i) => [
    syn(i / 100, 80, { captureNode: 'a', tcpSequence: i }),
    syn(i / 100 + 0.001, 80, { captureNode: 'b', tcpSequence: i }),
  ]).flat();

  test('count as often as they are seen unless told otherwise', () => {
    expect(detect(twice)[0]).toMatchObject({ rule: { id: 'syn-flood' } });
  });

  test('from another capture node within the window count once', () => {
    const engine = detectionEngine(undefined, { dedupeWindowMicros: SECOND });
    expect(feed(engine, twice)).toEqual([]);
    expect(engine.statistics.duplicatePackets).toBe(50);
    const again = Array.from({ length: 100 }, (_, i) => syn(10 + i / 1000, 80, { tcpSequence: 7 }));
    expect(actions(feed(engine, again))).toHaveLength(1); // retransmissions, seen by one node
  });
});

describe('rules', () => {
  test('except by source, target, port and capture node', () => {
    const rules = rulesOf(`
exceptions:
  - { sources: [192.0.2.0/28], targets: [198.51.100.0/24], ports: [1000-1009], captureNodes: [node-1] }
`);
    expect(detect(scan(0), rules)).toEqual([]);
    expect(detect(scan(0, { source: '192.0.2.16' }), rules)).not.toEqual([]);
    expect(detect(scan(0, { destination: '198.51.101.1' }), rules)).not.toEqual([]);
    expect(detect(scan(0, { captureNode: 'node-2' }), rules)).not.toEqual([]);
    expect(detect([...scan(0).slice(0, 9), syn(9, 1010)], rules)).toEqual([]);
  });

  test('change while episodes are open', () => {
    const engine = detectionEngine();
    feed(engine, [...scan(0), ...scan(0, { source: '192.0.2.2' })]);
    engine.setRules(
      rulesOf('detectors: { port-scan: { exceptions: [{ sources: [192.0.2.2] }], severity: critical } }'),
    );
    expect(actions(engine.take().alerts)).toEqual(['port-scan 192.0.2.2 00:09 close disabled']);
    const updates = feed(engine, scan(10));
    expect(updates.map((alert) => alert.event.severity)).toEqual([5]);
    engine.setRules(rulesOf('detectors: { port-scan: { enabled: false } }'));
    expect(actions(engine.take().alerts)).toEqual(['port-scan 192.0.2.1 00:09 close disabled']);
    expect(feed(engine, scan(30))).toEqual([]);
    engine.setRules(rulesOf(''));
    expect(actions(feed(engine, scan(50)))).toEqual(['port-scan 192.0.2.1 00:59 open']);
    expect(engine.statistics.detectors.find(({ detector }) => detector === 'port-scan')).toMatchObject({ open: 1 });
  });

  test('that no longer fit the changelog leave its entries out and say why', () => {
    const engine = detectionEngine();
    const block = packetBlock(scan(0));
    engine.process(block, 0, block.count);
    const { changelog } = engine.take();
    expect(changelog.map(({ key }) => key)).toEqual([
      '["incident","source","192.0.2.1","",""]',
      '["episode","port-scan","192.0.2.1",0,""]',
    ]);
    const other = detectionEngine(rulesOf('detectors: { port-scan: { enabled: false } }'));
    const refused = other.restore(readChangelog([...changelog, { key: 'x', value: '{' }]));
    expect(refused.map(({ reason }) => reason)).toEqual([
      'the rules have no detector port-scan of version 1',
      'it is not JSON',
    ]);
    expect(other.take().changelog.map(({ value }) => value)).toEqual([null, null]);
  });
});
