/** The engine against the slow reference, over random streams of packets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DetectionRules, defaultRules } from '../../../processors/configuration/rules.js';
import type { AlertDocument } from '../../../schemas/alert.js';
import { type BuiltPacket, detect, detectionEngine, packetBlock } from '../../support/detection.js';
import { type ReferenceDetection, referenceDetections } from '../../support/reference-detection.js';

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
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 5_000_000, 10_000_000, 15_000_000, 20_000_000) },
  { weight: 1, arbitrary: fc.constantFrom(WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW) },
);

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '00:00:5e:00:01:07'];

const packetShape = fc.record({
  step,
  source: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1'),
  destination: fc.constantFrom('198.51.100.1', '198.51.100.2', '2001:db8::2'),
  port: fc.constantFrom(22, 23, 80, 443, 8080, 1001, 1002),
  what: fc.constantFrom('syn', 'syn', 'syn', 'ack', 'null', 'xmas', 'fin', 'udp', 'udp-reply', 'arp'),
  mac: fc.constantFrom(...MACS),
  captureNode: fc.constantFrom('a', 'b', 'c'),
  delay: fc.integer({ min: 0, max: LATENESS }),
});
type PacketShape = typeof packetShape extends fc.Arbitrary<infer T> ? T : never;

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
    return { ...common, ...ports, source: shape.source, ipProtocol: 6, tcpFlags: FLAGS[shape.what]! };
  });
}

interface ExpectedEpisode {
  readonly key: string;
  readonly crossed: number;
  readonly quiet: number;
}

function keyOf(detection: Pick<ReferenceDetection, 'detector' | 'source'>, port: number | undefined): string {
  return `${detection.detector} ${detection.source} ${port ?? ''}`;
}

/** Times at which a rule holds make one episode while they are at most a window apart. */
function expectedEpisodes(detections: readonly ReferenceDetection[]): ExpectedEpisode[] {
  return detections.flatMap((detection) => {
    const episodes: { key: string; crossed: number; quiet: number }[] = [];
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

const streams = fc.array(packetShape, { minLength: 1, maxLength: 120 }).map(built);

describe('against the reference', () => {
  test('packets in order give the same episodes, open and closed at the same times', () => {
    fc.assert(
      fc.property(streams, (packets) => {
        const alerts = detect(packets, rules);
        const opened = alerts.filter((alert) => alert.event.action === 'open');
        const closed = new Map(
          alerts.filter((alert) => alert.event.action === 'close').map((alert) => [alert.nta.alert.id, alert]),
        );
        expect(closed.size).toBe(opened.length);
        const found = opened.map((alert) => {
          const close = closed.get(alert.nta.alert.id)!;
          const crossed = micros(alert.nta.alert.crossed);
          const quiet = close.nta.alert.close_reason === 'quiet' ? micros(close['@timestamp']) : null;
          return { key: alertKey(alert), crossed, quiet };
        });
        const expected = expectedEpisodes(referenceDetections(packets, REFERENCE));
        const end = packets.at(-1)!.time;
        expect(found.sort(byKey as never)).toEqual(
          expected
            .sort(byKey)
            .map((episode) => ({
              ...episode,
              quiet:
                end > episode.quiet + LATENESS
                  ? episode.quiet
                  : found.find((other) => other.key === episode.key && other.crossed === episode.crossed)?.quiet ===
                      null
                    ? null
                    : episode.quiet,
            })),
        );
      }),
      { numRuns: 4000 },
    );
  });

  test('whatever the order within the allowed lateness, a rule that holds is found, and no other', () => {
    fc.assert(
      fc.property(streams, (packets) => {
        const arrived = [...packets].sort((a, b) => a.arrival - b.arrival);
        const engine = detectionEngine(rules);
        const block = packetBlock(arrived);
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
