/** Guesses at logins, from rows about conversations that are over. */
import { describe, expect, test } from 'vitest';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { PacketBlock } from '../../../schemas/packets/packet-block.js';
import { conversationBlock, type TestConversation } from '../../support/conversation-blocks.js';
import { detectionEngine } from '../../support/detection.js';

const SECOND = 1_000_000;
const START = 1_767_225_600 * SECOND; // 2026-01-01T00:00:00Z
const SOURCE = '203.0.113.4';

/** A refused SSH login, as long as its guesses take; sizes as OpenSSH has them. */
function guess(second: number, changes: Partial<TestConversation> = {}): TestConversation {
  return {
    originator: SOURCE,
    responder: '192.0.2.22',
    responderPort: 22,
    service: 'ssh',
    start: START + second * SECOND,
    last: START + second * SECOND + 2 * SECOND,
    payload: [2300, 2400],
    ...changes,
  };
}

const several = (count: number, make: (index: number) => TestConversation): TestConversation[] =>
  Array.from({ length: count }, (_, index) => make(index));

function raised(conversations: readonly TestConversation[]): string[] {
  const engine = detectionEngine();
  engine.process(new PacketBlock(1), 0, 0, conversationBlock(conversations));
  return engine
    .takeAlerts()
    .filter(({ event }) => event.action === 'open')
    .map(({ rule, event, source }) => `${rule.id} ${event.severity} ${source.address}`)
    .filter((line) => /brute|spray|login/.test(line));
}

describe('failed logins', () => {
  test('are told by their sizes where they are encrypted', () => {
    expect(raised(several(20, (index) => guess(index * 20)))).toEqual([`brute-force 3 ${SOURCE}`]);
    expect(raised(several(19, (index) => guess(index * 20)))).toEqual([]);
  });

  test('several in one connection take their time', () => {
    const long = several(7, (index) => guess(index * 30, { last: START + (index * 30 + 7) * SECOND }));
    expect(raised(long)).toEqual([`brute-force 3 ${SOURCE}`]);
  });

  test('are counted where the protocol shows them, on any port', () => {
    const clear = several(7, (index) => guess(index * 20, { service: 'ftp', responderPort: 2121, logins: [3, 0] }));
    expect(raised(clear)).toEqual([`brute-force 3 ${SOURCE}`]);
  });

  test('are none of who reads a banner, nor of who gets in', () => {
    expect(raised(several(60, (index) => guess(index, { payload: [0, 40] })))).toEqual([]);
    expect(raised(several(60, (index) => guess(index, { payload: [4000, 30_000] })))).toEqual([]);
  });

  test('at many hosts are spraying', () => {
    const spray = several(12, (index) => guess(index * 2, { responder: `192.0.2.${index + 1}` }));
    expect(raised(spray)).toEqual([`password-spray 3 ${SOURCE}`]);
  });

  test('before one that succeeds are a guess that was right', () => {
    const right = guess(400, { payload: [5000, 50_000] });
    expect(raised([...several(12, (index) => guess(index * 20)), right])).toEqual([`login-after-failures 5 ${SOURCE}`]);
    expect(raised([...several(3, (index) => guess(index * 20)), right])).toEqual([]);
  });
});

test('slow guesses outlive a worker', () => {
  const slow = several(45, (index) => guess(index * 60));
  const first = detectionEngine();
  first.process(new PacketBlock(1), 0, 0, conversationBlock(slow.slice(0, 30)));
  const { changelog } = first.take();
  const second = detectionEngine();
  expect(second.restore(readChangelog(changelog))).toEqual([]);
  second.process(new PacketBlock(1), 0, 0, conversationBlock(slow.slice(30)));
  const opened = second.take().alerts.filter(({ event }) => event.action === 'open');
  expect(opened.map(({ rule }) => rule.id)).toContain('brute-force');
});
