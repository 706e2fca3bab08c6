/** Which conversations an alert names: by their Community IDs, at most ten, the same after a restart. */
import { expect, test } from 'vitest';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { communityIdOf } from '../../../schemas/tables/conversation-table.js';
import { conversationBlock } from '../../support/conversation-blocks.js';
import { type BuiltPacket, detectionEngine, packetBlock } from '../../support/detection.js';

const START = 1_767_225_600_000_000; // 2026-01-01T00:00:00Z

const scan = (from: number, count: number): BuiltPacket[] =>
  Array.from({ length: count }, (_, i) => ({
    time: START + (from + i) * 100_000,
    source: '192.0.2.1',
    destination: '198.51.100.1',
    sourcePort: 4000 + from + i,
    destinationPort: 1000 + from + i,
    ipProtocol: 6,
    tcpFlags: 2,
  }));
const idsOf = (from: number, count: number): string[] =>
  scan(from, count).map(({ sourcePort, destinationPort }) =>
    communityIdOf('192.0.2.1', '198.51.100.1', sourcePort!, destinationPort!, 6),
  );

test('of packets those from the crossing on, at most ten, also when a worker is killed between them', () => {
  const whole = detectionEngine();
  const block = packetBlock(scan(0, 60));
  whole.process(block, 0, block.count);
  const alerts = whole.take().alerts.filter(({ rule }) => rule.id === 'port-scan');
  expect(alerts[0]!.network?.community_id).toEqual(idsOf(9, 1));
  expect(alerts.at(-1)!.network?.community_id).toEqual(idsOf(9, 10));

  const first = detectionEngine();
  const begin = packetBlock(scan(0, 12));
  first.process(begin, 0, begin.count);
  const before = first.take();
  const second = detectionEngine();
  second.restore(readChangelog(before.changelog));
  second.rebuild(begin, 0, begin.count);
  const rest = packetBlock(scan(12, 48));
  second.process(rest, 0, rest.count);
  const after = [...before.alerts, ...second.take().alerts].filter(({ rule }) => rule.id === 'port-scan');
  expect(after).toEqual(alerts);
});

test('of conversations the one that was counted', () => {
  const rules = defaultRules().rules.filter(({ detector }) => detector.id === 'long-connection');
  const engine = new DetectionEngine({ rules }, DEFAULT_ENGINE_LIMITS);
  const held = { start: START, last: START + 5 * 3600e6, originator: '10.0.0.1', responder: '203.0.113.1' };
  engine.process(new PacketBlock(0), 0, 0, conversationBlock([held]));
  const [alert] = engine.takeAlerts();
  expect(alert!.network?.community_id).toEqual([communityIdOf('203.0.113.1', '10.0.0.1', 443, 40_000, 6)]);
});
