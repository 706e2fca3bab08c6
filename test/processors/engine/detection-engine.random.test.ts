/** The engine against the slow reference, over random streams of packets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DetectionRules } from '../../../processors/contract/rule.js';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { type BuiltPacket, detect, detectionEngine, packetBlock } from '../../support/detection.js';
import { type ReferenceDetection, referenceDetections } from '../../support/reference-detection.js';

/** Ten thousand streams in all, on a machine that is busy with other things. */
const PATIENCE = { timeout: 180_000 };

const WINDOW = 60_000_000;
const LATENESS = 5_000_000;
const START = 1_700_000_000_000_000;

/** Thresholds low enough for short streams to reach and to leave again. */
const THRESHOLDS = { 'port-scan': 4, 'syn-flood': 7, 'brute-force': 3, 'arp-spoofing': 2 } as const;
const REFERENCE = { portScanPorts: 4, synFloodSyns: 7, bruteForceSyns: 3, window: WINDOW };

const rules: DetectionRules = {
  rules: defaultRules().rules.map((rule) => ({
    ...rule,
    threshold: THRESHOLDS[rule.detector.id as keyof typeof THRESHOLDS],
    windowMicros: WINDOW,
  })),
};

/** Steps in time that make ties at both ends of a window as likely as anything else. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 8_000_000 }) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2_000_000, 5_000_000, 10_000_000, 20_000_000) },
  { weight: 1, arbitrary: fc.constantFrom(WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW) },
);

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

const packetShape = fc.record({
  step,
  source: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
  destination: fc.constantFrom('198.51.100.1', '198.51.100.2', '2001:db8::2'),
  port: fc.constantFrom(22, 23, 80, 443, 8080, 1001, 1002),
  what: fc.constantFrom('syn', 'syn', 'syn', 'ack', 'null', 'xmas', 'fin', 'tiny-fragment', 'udp', 'udp-reply', 'arp'),
  mac: fc.constantFrom(...MACS),
  captureNode: fc.constantFrom('a', 'b', 'c'),
  delay: fc.oneof(fc.constantFrom(0, LATENESS), fc.integer({ min: 0, max: LATENESS })),
});
type PacketShape = Record<'source' | 'destination' | 'what' | 'mac' | 'captureNode', string> &
  Record<'step' | 'port' | 'delay', number>;

/** In place of the time when an episode that lasts to the end has been quiet. */
const STILL_OPEN = 0;

const FLAGS: Readonly<Record<string, number>> = { syn: 0x02, ack: 0x10, null: 0, xmas: 0x29, fin: 0x01 };

function built(shapes: readonly PacketShape[]): (BuiltPacket & { readonly arrival: number })[] {
  let time = START;
  return shapes.map((shape) => {
    time += shape.step;
    const common = {
      time,
      arrival: time + shape.delay,
      captureNode: shape.captureNode,
      destination: shape.destination,
    };
    if (shape.what === 'arp') {
      const senderAddress = shape.source.includes(':') ? '192.0.2.3' : shape.source;
      return { ...common, source: senderAddress, destination: '', arp: { senderMac: shape.mac, senderAddress } };
    }
    const ports = { sourcePort: 4000, destinationPort: shape.port };
    if (shape.what.startsWith('udp')) {
      return { ...common, ...ports, source: shape.source, ipProtocol: 17, opening: shape.what === 'udp' };
    }
    if (shape.what === 'tiny-fragment') {
      return { ...common, ...ports, source: shape.source, ipProtocol: 6, tinyFragment: true };
    }
    return { ...common, ...ports, source: shape.source, ipProtocol: 6, tcpFlags: FLAGS[shape.what]! };
  });
}

interface ExpectedEpisode {
  readonly key: string;
  readonly crossed: number;
  quiet: number;
}

function keyOf(detection: Pick<ReferenceDetection, 'detector' | 'source'>, port: number | undefined): string {
  return `${detection.detector} ${detection.source} ${port ?? ''}`;
}

/** Times at which a rule holds make one episode while they are at most a window apart. */
function expectedEpisodes(detections: readonly ReferenceDetection[]): ExpectedEpisode[] {
  return detections.flatMap((detection) => {
    const episodes: ExpectedEpisode[] = [];
    for (const time of detection.times) {
      const last = episodes.at(-1);
      if (last && time <= last.quiet) last.quiet = time + WINDOW;
      else episodes.push({ key: keyOf(detection, detection.port), crossed: time, quiet: time + WINDOW });
    }
    return episodes;
  });
}

function micros(timestamp: string): number {
  return Date.parse(`${timestamp.slice(0, 19)}Z`) * 1000 + Number(timestamp.slice(20, 26));
}

function alertKey(alert: AlertDocument): string {
  return keyOf(
    { detector: alert.rule.id as ReferenceDetection['detector'], source: alert.source.address },
    alert.destination?.port,
  );
}

function byKey(a: ExpectedEpisode, b: ExpectedEpisode): number {
  return a.key === b.key ? a.crossed - b.crossed : a.key < b.key ? -1 : 1;
}

/**
 * One source, few ports, few packets and a coarse grid of times: streams that fill a window just so or just not, with
 * ties at both of its ends, in and out of order.
 */
const gridShape = fc.record({
  step: fc.constantFrom(0, 0, LATENESS, LATENESS, WINDOW - 2 * LATENESS, WINDOW - LATENESS),
  source: fc.constant('192.0.2.1'),
  destination: fc.constant('198.51.100.1'),
  port: fc.constantFrom(80, 443, 8080, 8081),
  what: fc.constantFrom('syn', 'syn', 'syn', 'syn', 'arp'),
  mac: fc.constantFrom(...MACS),
  captureNode: fc.constantFrom('a', 'b'),
  delay: fc.constantFrom(0, LATENESS),
});

const streams = fc
  .oneof(fc.array(packetShape, { minLength: 1, maxLength: 120 }), fc.array(gridShape, { minLength: 1, maxLength: 40 }))
  .map(built);

function arrivalOrder(packets: ReturnType<typeof built>): ReturnType<typeof built> {
  return [...packets].sort((a, b) => a.arrival - b.arrival);
}

describe('against the reference', () => {
  test('packets in order give the same episodes, open and closed at the same times', PATIENCE, () => {
    fc.assert(
      fc.property(streams, (packets) => {
        const alerts = detect(packets, rules);
        const closes = new Map(
          alerts.filter((alert) => alert.event.action === 'close').map((alert) => [alert.nta.alert.id, alert]),
        );
        const found = alerts
          .filter((alert) => alert.event.action === 'open')
          .map((alert) => {
            const close = closes.get(alert.nta.alert.id)!;
            const quiet = close.nta.alert.close_reason === 'quiet' ? micros(close['@timestamp']) : STILL_OPEN;
            return { key: alertKey(alert), crossed: micros(alert.nta.alert.crossed), quiet };
          });
        const end = packets.at(-1)!.time;
        const expected = expectedEpisodes(referenceDetections(packets, REFERENCE));
        // the engine may close one earlier, when the next packet of its own source shows that it is over
        for (const [index, episode] of expected.sort(byKey).entries()) {
          if (end <= episode.quiet + LATENESS && found.sort(byKey)[index]?.quiet === STILL_OPEN)
            episode.quiet = STILL_OPEN;
        }
        expect(found.sort(byKey)).toEqual(expected);
        expect(closes.size).toBe(found.length);
      }),
      { numRuns: 4000 },
    );
  });

  test('whatever the order within the allowed lateness, a rule that holds is found, and no other', PATIENCE, () => {
    fc.assert(
      fc.property(streams, (packets) => {
        const engine = detectionEngine(rules);
        const block = packetBlock(arrivalOrder(packets));
        engine.process(block, 0, block.count);
        expect(engine.statistics.latePackets).toBe(0);
        const opened = engine.take().alerts.filter((alert) => alert.event.action === 'open');
        const expected = new Map(
          referenceDetections(packets, REFERENCE).map((detection) => [
            keyOf(detection, detection.port),
            detection.times,
          ]),
        );
        expect(new Set(opened.map(alertKey))).toEqual(new Set(expected.keys()));
        for (const alert of opened) expect(expected.get(alertKey(alert))).toContain(micros(alert.nta.alert.crossed));
      }),
      { numRuns: 4000 },
    );
  });
});

test('an engine that takes over from the changelog goes on as if nothing had happened', PATIENCE, () => {
  const cut = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(streams, cut, cut, fc.boolean(), (packets, first, second, whole) => {
      const arrived = arrivalOrder(packets);
      const block = packetBlock(arrived);
      const [taken, crashed] = [first, second].map((part) => Math.floor(part * block.count)).sort((a, b) => a - b) as [
        number,
        number,
      ];
      const undisturbed = detectionEngine(rules);
      undisturbed.process(block, 0, crashed);
      undisturbed.take();
      undisturbed.process(block, crashed, block.count);

      const before = detectionEngine(rules);
      const changelog = new Map<string, string | null>();
      for (const [from, to] of [
        [0, taken],
        [taken, crashed],
      ] as const) {
        before.process(block, from, to);
        for (const { key, value } of before.take().changelog) changelog.set(key, value);
      }
      const after = detectionEngine(rules);
      expect(after.restore(readChangelog([...changelog].map(([key, value]) => ({ key, value }))))).toEqual([]);
      const horizon = (arrived[crashed]?.time ?? Number.POSITIVE_INFINITY) - LATENESS - after.rebuildMicros;
      let from = 0;
      while (!whole && from < crashed && arrived[from]!.arrival < horizon) from++;
      after.rebuild(block, from, crashed);
      after.process(block, crashed, block.count);

      const end = packets.at(-1)!.time;
      undisturbed.endTimeline('', end);
      after.endTimeline('', end);
      expect(after.take().alerts).toEqual(undisturbed.take().alerts);
    }),
    { numRuns: 2000 },
  );
});
