/** The first packet of a source is kept apart until a second one comes: it counts all the same, and costs little. */
import { describe, expect, test } from 'vitest';
import type { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { parseDetectionConfiguration } from '../../../processors/rules/detection-configuration.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import { detectionEngine } from '../../support/detection.js';
import { type BuiltAttempt, outcomeRecords } from '../../support/outcome-stream.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z

/** Ten ports of one host; the second comes long after the first is known to have failed. */
function slowStart(changes: Partial<BuiltAttempt> = {}): BuiltAttempt[] {
  return Array.from({ length: 10 }, (_, index) => ({
    time: START + (index === 0 ? 0 : 20 * SECOND + index * (SECOND / 10)),
    source: '192.0.2.1',
    destination: '198.51.100.1',
    sourcePort: 40_000 + index,
    destinationPort: 1000 + index,
    ...changes,
  }));
}

/** Others meanwhile, so that time goes on. */
function others(count: number): BuiltAttempt[] {
  return Array.from({ length: count }, (_, index) => ({
    time: START + index * (SECOND / 10),
    source: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    destination: '198.51.100.1',
    sourcePort: 40_000,
    destinationPort: 443,
  }));
}

function feed(engine: DetectionEngine, attempts: readonly BuiltAttempt[]): void {
  for (const { packets, conversations } of outcomeRecords(attempts, SECOND / 20)) {
    engine.process(packets, 0, packets.count, conversations);
  }
}

function scanIn(engine: DetectionEngine): AlertDocument | undefined {
  engine.endTimeline('', START + 60 * SECOND);
  return engine.takeAlerts().find(({ rule, source }) => rule.id === 'port-scan' && source.address !== '10.0.0.0');
}

describe('the first packet of a source', () => {
  test.each([
    ['is not answered', {}],
    ['is refused', { outcome: 'refused' as const }],
    ['goes to an IPv6 address', { source: '2001:db8::1', destination: '2001:db8::2' }],
  ])('counts, and so does what became of it: it %s', (_, changes) => {
    const engine = detectionEngine();
    const attempts = [...slowStart(changes), ...others(250)].sort((a, b) => a.time - b.time);
    feed(engine, attempts);
    expect(scanIn(engine)).toMatchObject({
      event: { severity: 3 },
      nta: { alert: { evidence: { packets: 10, first_seen: '2026-01-01T00:00:00.000000Z', details: { failed: 10 } } } },
    });
  });

  test('counts under rules that change before the second comes', () => {
    const engine = detectionEngine();
    const [first, ...rest] = slowStart();
    feed(engine, [first!, ...others(50).slice(1)]);
    const changed = parseDetectionConfiguration('detectors: { arp-sweep: { enabled: false } }', 'rules.yaml');
    if (!changed.ok) throw new Error(changed.errors.join('\n'));
    engine.setRules(changed.rules);
    feed(engine, rest);
    expect(scanIn(engine)).toMatchObject({ nta: { alert: { evidence: { packets: 10, details: { failed: 10 } } } } });
  });

  test('takes tens of bytes, not windows and a waiting attempt', () => {
    const engine = detectionEngine();
    feed(engine, others(6000));
    const { sources, windows, stateBytes } = engine.statistics;
    expect(windows).toBe(0);
    expect(stateBytes / sources).toBeLessThan(200);
  });
});
