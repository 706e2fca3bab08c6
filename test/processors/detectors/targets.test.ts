/** Detectors keyed by target, from rows of what hosts received. */
import { describe, expect, test } from 'vitest';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import type { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { compareProgress } from '../../../schemas/alerts/episode-progress.js';
import {
  ADDRESS_SLOT_BYTES,
  RECEIVED_SLOT_MICROS,
  ReceivedBlock,
} from '../../../schemas/conversations/conversation-block.js';
import { ObservationBudget } from '../../../schemas/observations/observation-budget.js';
import { unaskedObservations } from '../../../schemas/observations/unasked.js';
import { ADDRESS_IPV4, PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import { ipv4Number } from '../../support/address-bytes.js';
import { detectionEngine } from '../../support/detection.js';

const START = 1_767_225_600_000_000; // 2026-01-01T00:00:00Z
const ORIGIN: PacketOrigin = {
  captureNode: 'node-1',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
} as PacketOrigin;

interface Row {
  readonly protocol: number;
  readonly port?: number;
  readonly target?: string;
  readonly attempts?: number;
  readonly answered?: number;
  readonly unasked?: number;
  readonly packets: number;
  readonly sources: readonly string[];
}

function slotsOf(addresses: readonly string[]): Uint8Array {
  const slots = new Uint8Array(addresses.length * ADDRESS_SLOT_BYTES);
  const view = new DataView(slots.buffer);
  for (const [index, address] of addresses.entries()) {
    slots[index * ADDRESS_SLOT_BYTES] = ADDRESS_IPV4;
    view.setUint32(index * ADDRESS_SLOT_BYTES + 1, ipv4Number(address));
  }
  return slots;
}

/** Rows of consecutive slots, the first of them `first`. */
function received(count: number, rowOf: (slot: number) => Row, first = 0): ReceivedBlock {
  const block = new ReceivedBlock(count);
  block.origins.push(ORIGIN);
  for (let slot = 0; slot < count; slot++) {
    const {
      protocol,
      port = 0,
      target = '198.51.100.1',
      attempts = 0,
      answered = 0,
      unasked = 0,
      packets,
      sources,
    } = rowOf(slot);
    const row = block.count++;
    block.time[row] = START + (first + slot) * RECEIVED_SLOT_MICROS;
    block.last[row] = block.time[row]! + RECEIVED_SLOT_MICROS - 1;
    block.target.set(slotsOf([target]), row * ADDRESS_SLOT_BYTES);
    block.ipProtocol[row] = protocol;
    block.port[row] = port;
    block.attempts[row] = attempts;
    block.answered[row] = answered;
    block.unasked[row] = unasked;
    block.unaskedBytes[row] = unasked * 1000;
    block.packets[row] = packets;
    block.bytes[row] = packets * 100;
    block.sourceCount[row] = sources.length;
    block.sources[row] = slotsOf(sources);
  }
  return block;
}

/** As a processor gives them to its engine. */
function feed(engine: DetectionEngine, block: ReceivedBlock): void {
  const packets = new PacketBlock(1);
  packets.origins.push(ORIGIN);
  const budget = new ObservationBudget();
  const said = Array.from({ length: block.count }, (_, row) => unaskedObservations(block, row, 0, budget));
  engine.process(packets, 0, 0, null, block, said.flat());
}

/** What rows of consecutive slots raise: rule, severity and destination of what opens. */
function raised(count: number, rowOf: (slot: number) => Row): string[] {
  const engine = detectionEngine();
  feed(engine, received(count, rowOf));
  return engine
    .takeAlerts()
    .filter(({ event }) => event.action === 'open')
    .map(({ rule, event, destination }) => `${rule.id} ${event.severity} ${destination?.ip ?? ''}`);
}

const sources = (slot: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `203.0.${slot % 200}.${index + 1}`);

describe('floods', () => {
  test('of SYN that nothing follows, from many sources', () => {
    const rows = (slot: number): Row => ({
      protocol: 6,
      port: 443,
      attempts: 10,
      answered: 10,
      packets: 10,
      sources: sources(slot, 10),
    });
    expect(raised(60, rows)).toEqual(['distributed-flood 4 198.51.100.1']);
  });

  test('say of their end no fewer sources than they had to have', () => {
    const row = { protocol: 6, port: 443, attempts: 10, packets: 10 };
    const engine = detectionEngine();
    feed(
      engine,
      received(60, (slot) => ({ ...row, sources: sources(slot, 10) })),
    );
    // What comes later is of one client, which the window holds alone by then.
    feed(
      engine,
      received(1, () => ({ ...row, attempts: 1, packets: 1, sources: sources(0, 1) }), 300),
    );
    engine.endTimeline('', 0);
    expect(engine.takeAlerts().at(-1)!.message).toMatch(/ SYN of at least 20 sources/);
  });

  test('close with the words they had, and not for good, when their input is gone', () => {
    const flood = received(60, (slot) => ({
      protocol: 6,
      port: 443,
      attempts: 10,
      packets: 10,
      sources: sources(slot, 10),
    }));
    const before = detectionEngine();
    feed(before, flood);
    const { alerts, changelog } = before.take();
    const after = detectionEngine();
    expect(after.restore(readChangelog(changelog))).toEqual([]);
    after.endTimeline('', 0, 'cut_off');
    const [closed] = after.takeAlerts();
    expect(closed!.nta.alert).toMatchObject({ close_reason: 'cut_off', evidence: { details: { protocol: 'syn' } } });
    expect(closed!.message).toMatch(/^198\.51\.100\.1 is flooded: 310 SYN of at least \d\d sources/);
    // Another run of the same packets, which is told of to its end, has come further.
    before.endTimeline('', 0);
    const whole = before.takeAlerts().find(({ nta }) => nta.alert.id === closed!.nta.alert.id);
    expect(alerts.some(({ nta }) => nta.alert.id === closed!.nta.alert.id)).toBe(true);
    expect(compareProgress(closed!, whole!)).toBeLessThan(0);
  });

  test('are none where clients are answered and go on', () => {
    const rows = (slot: number): Row => ({
      protocol: 6,
      port: 443,
      attempts: 10,
      answered: 10,
      packets: 80,
      sources: sources(slot, 10),
    });
    expect(raised(60, rows)).toEqual([]);
    const questions = (slot: number): Row => ({
      protocol: 17,
      port: 53,
      attempts: 15,
      answered: 15,
      packets: 15,
      sources: sources(slot, 15),
    });
    expect(raised(60, questions)).toEqual([]);
  });

  test('of datagrams that are not answered', () => {
    const rows = (slot: number): Row => ({
      protocol: 17,
      port: slot,
      attempts: 20,
      packets: 20,
      sources: sources(slot, 16),
    });
    expect(raised(40, rows)).toEqual(['distributed-flood 4 198.51.100.1']);
  });

  test('of ICMP, by one source too', () => {
    const rows = (): Row => ({ protocol: 1, port: 8, packets: 40, sources: ['203.0.113.52'] });
    expect(raised(30, rows)).toEqual(['icmp-flood 3 198.51.100.1']);
  });
});

describe('a target that ordinarily gets much', () => {
  /** Datagrams without an answer, by many sources: so many a slot, then ten slots of five times as much. */
  const burst =
    (ordinary: number, from: number) =>
    (slot: number): Row => {
      const count = slot < from ? ordinary : 5 * ordinary;
      return { protocol: 17, port: 53, attempts: count, packets: count, sources: sources(slot, 16) };
    };
  /** Slots of six minutes. */
  const LONG = 3600;

  test('has to get several times as much for a flood', () => {
    // 250 in ten seconds, of a threshold of 300: a burst to 350 is a flood of another host, and ordinary here
    expect(raised(120 + 10, burst(2.5, 120))).toEqual(['distributed-flood 4 198.51.100.1']);
    expect(raised(LONG + 10, burst(2.5, LONG))).toEqual([]);
    expect(raised(LONG + 100, burst(2.5, LONG))).toEqual(['distributed-flood 4 198.51.100.1']);
  });

  test('of ICMP too', () => {
    const rows =
      (from: number) =>
      (slot: number): Row => ({ protocol: 1, port: 8, packets: slot < from ? 8 : 30, sources: ['203.0.113.52'] });
    expect(raised(120 + 20, rows(120))).toEqual(['icmp-flood 3 198.51.100.1']);
    expect(raised(LONG + 20, rows(LONG))).toEqual([]);
  });

  test('is reported once when it gets more than the threshold from the beginning, and not for ever', () => {
    const rows = (slot: number): Row => ({
      protocol: 17,
      port: 53,
      attempts: 5,
      packets: 5,
      sources: sources(slot, 16),
    });
    const engine = detectionEngine();
    feed(engine, received(2 * LONG, rows));
    expect(engine.takeAlerts().at(-1)).toMatchObject({ rule: { id: 'distributed-flood' }, event: { action: 'close' } });
    expect(engine.statistics.openEpisodes).toBe(0);
  });

  test('is known to an engine that takes over', () => {
    const before = detectionEngine();
    feed(before, received(LONG, burst(2.5, LONG)));
    const { changelog } = before.take();
    const after = detectionEngine();
    expect(after.restore(readChangelog(changelog))).toEqual([]);
    feed(
      after,
      received(30, (slot) => burst(2.5, LONG)(LONG + slot), LONG),
    );
    expect(after.takeAlerts()).toEqual([]);
  });
});

describe('answers nobody asked for', () => {
  test('to one host are amplification', () => {
    const rows = (slot: number): Row => ({
      protocol: 17,
      port: 53,
      unasked: 10,
      packets: 10,
      sources: sources(slot, 5),
    });
    expect(raised(40, rows)).toContain('amplification 4 198.51.100.1');
  });

  test('to many hosts of a network are, too', () => {
    const rows = (slot: number): Row => ({
      protocol: 17,
      port: 1900,
      target: `198.51.100.${(slot % 200) + 1}`,
      unasked: 12,
      packets: 12,
      sources: sources(slot, 5),
    });
    expect(raised(60, rows)).toContain('amplification 4 198.51.100.0');
  });

  test('of one host to many are backscatter, for information', () => {
    const rows = (slot: number): Row => ({
      protocol: 6,
      port: 443,
      target: `198.51.${slot}.1`,
      unasked: 1,
      packets: 1,
      sources: ['203.0.113.45'],
    });
    expect(raised(12, rows)).toEqual(['backscatter 1 ']);
  });
});

test('a scan by many sources is one of its target', () => {
  const rows = (slot: number): Row => ({
    protocol: 6,
    port: 1000 + slot,
    attempts: 1,
    packets: 1,
    sources: [`203.0.113.${1 + (slot % 20)}`],
  });
  expect(raised(60, rows)).toEqual(['distributed-scan 3 198.51.100.1']);
  const alone = (slot: number): Row => ({ ...rows(slot), sources: ['203.0.113.1'] });
  expect(raised(60, alone)).toEqual([]);
});
