import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { ChangelogEntry } from '../../../processors/engine/changelog-entry.js';
import { readChangelog } from '../../../processors/engine/changelog-reader.js';
import { DetectionEngine } from '../../../processors/engine/detection-engine.js';
import { DEFAULT_ENGINE_LIMITS } from '../../../processors/engine/engine.js';
import { defaultRules } from '../../../processors/rules/default-rules.js';
import { ClockSkew } from '../../../processors/worker/clock-skew.js';
import { type InputRecord, PartitionInput } from '../../../processors/worker/partition-input.js';
import { ProcessMetrics } from '../../../processors/worker/process-metrics.js';
import { CAPTURE_NODE_IDLE_MS, ReplayPosition } from '../../../processors/worker/replay-position.js';
import { Registry } from '../../../runtime/process/metrics.js';
import type { AlertDocument } from '../../../schemas/alerts/alert.js';
import {
  decodePacketBatch,
  encodePacketBatch,
  encodeTick,
  MAX_BATCH_PACKETS,
} from '../../../schemas/packets/packet-batch.js';
import {
  ADDRESS_IPV4,
  HAS_IP,
  HAS_PORTS,
  HAS_TCP,
  PacketBlock,
  type PacketOrigin,
  ROLE_OPENING,
  TCP_SYN,
} from '../../../schemas/packets/packet-block.js';
import { ipv4Number } from '../../support/address-bytes.js';
import { attackStream, type StreamRecord, spreadScan } from '../../support/attack-stream.js';
import { inputRecord } from '../../support/input-record.js';
import { Random } from '../../support/random.js';
import { TRAFFIC_START } from '../../support/traffic.js';

const RECORD_MS = TRAFFIC_START / 1000;
const LIVE_ORIGIN: PacketOrigin = {
  captureNode: 'a',
  interface: 'eth0',
  linkType: 1,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};

function messagesOf(records: Iterable<StreamRecord>): InputRecord[] {
  return [...records].map(({ value, time }, offset) => inputRecord(value, offset, time / 1000));
}

function createInput(offset = 0, packets = 0) {
  const engine = new DetectionEngine(defaultRules(), DEFAULT_ENGINE_LIMITS);
  const replay = new ReplayPosition(offset, engine.rebuildMicros);
  const origin = { topic: 'packets', partition: 3 };
  const metrics = new ProcessMetrics(new Registry());
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const clockSkew = new ClockSkew(log, metrics);
  return {
    engine,
    replay,
    metrics,
    clockSkew,
    lines,
    input: new PartitionInput({ origin, engine, replay, metrics, clockSkew, packets }),
  };
}

function byId(alerts: readonly AlertDocument[]): Record<string, AlertDocument> {
  return Object.fromEntries(alerts.map((alert) => [alert.event.id, alert]));
}

/** What the workers of a partition give when each processes at most so many records before the next takes over. */
function changingWorkers(
  messages: readonly InputRecord[],
  random: Random,
  most: number,
): { readonly alerts: AlertDocument[]; readonly packets: number; readonly furthestReplay: number } {
  const alerts: AlertDocument[] = [];
  const changelog = new Map<string, string>();
  let next = 0;
  let replayFrom = 0;
  let packets = 0;
  let silent = {};
  let furthestReplay = 0;
  while (next < messages.length) {
    const worker = createInput(replayFrom, packets);
    const entries: ChangelogEntry[] = [...changelog].map(([key, value]) => ({ key, value }));
    expect(worker.engine.restore(readChangelog(entries))).toEqual([]);
    for (const record of messages.slice(replayFrom, next)) worker.input.rebuild(record);
    worker.input.finishRebuilding(silent);
    furthestReplay = Math.max(furthestReplay, next - replayFrom);
    // What it does after its last commit is lost.
    const committed = Math.min(messages.length, next + random.between(1, most));
    for (const record of messages.slice(next, committed)) worker.input.process(record);
    const output = worker.engine.take();
    alerts.push(...output.alerts);
    for (const { key, value } of output.changelog) {
      if (value === null) changelog.delete(key);
      else changelog.set(key, value);
    }
    replayFrom = Math.min(worker.replay.replayFrom(), committed);
    packets = worker.input.packets;
    silent = worker.input.clocks.silent();
    next = committed;
  }
  return { alerts, packets, furthestReplay };
}

/**
 * Captures of some nodes, replayed in random order and side by side, some of them again and again. All are of the same
 * two minutes and have the same two sources, which scan. Most runs say that they are over; the others just break off.
 */
function replays(random: Random): StreamRecord[] {
  const nodes = ['a', 'b', 'c'];
  const block = new PacketBlock(100);
  const running: StreamRecord[][] = Array.from({ length: random.between(2, 12) }, (_, run) => {
    const captureNode = nodes[random.below(nodes.length)]!;
    const timeline = `replay/${run}`;
    const origin: PacketOrigin = { ...LIVE_ORIGIN, captureNode, timeline };
    const begin = TRAFFIC_START + random.below(20) * 3_000_000;
    const records = Array.from({ length: random.between(1, 12) }, (_, index): StreamRecord => {
      block.reset();
      const source = `203.0.113.${random.below(2)}`;
      const time = begin + index * random.between(1, 4) * 500_000;
      const rows = Array.from({ length: random.between(1, 6) }, (_, i) =>
        addSyn(block, origin, source, time + i * 1000, 1000 + random.below(25)),
      );
      return { time, key: source, value: encodePacketBatch(block, rows, 0, rows.length), packets: rows.length };
    });
    if (random.below(10) > 3) {
      const value = encodeTick(origin, begin + 60_000_000, true);
      records.push({ time: begin, key: null, value, packets: 0 });
    }
    return records;
  });
  const log: StreamRecord[] = [];
  while (running.length > 0) {
    const run = random.below(Math.min(3, running.length));
    const records = running[run]!;
    log.push(...records.splice(0, random.between(1, 5)));
    if (records.length === 0) running.splice(run, 1);
  }
  return log;
}

function addSyn(block: PacketBlock, origin: PacketOrigin, source: string, time: number, port: number): number {
  const row = block.addRow();
  block.origin[row] = block.originIndex(origin);
  block.timestamp[row] = time;
  block.sourceKind[row] = ADDRESS_IPV4;
  block.sourceAddress[row] = ipv4Number(source);
  block.destinationKind[row] = ADDRESS_IPV4;
  block.destinationAddress[row] = ipv4Number('198.51.100.1');
  block.present[row] = HAS_IP | HAS_PORTS | HAS_TCP;
  block.etherType[row] = 0x0800;
  block.ipProtocol[row] = 6;
  block.destinationPort[row] = port;
  block.tcpFlags[row] = TCP_SYN;
  block.role[row] = ROLE_OPENING;
  return row;
}

describe('PartitionInput', () => {
  it('gives the alerts of an undisturbed run when workers change again and again', { timeout: 60_000 }, () => {
    const messages = messagesOf(
      attackStream({ seed: 5, seconds: 400, captureNodes: 4, backgroundRate: 20, backgroundSources: 10 }),
    );
    const undisturbed = createInput();
    for (const record of messages) undisturbed.input.process(record);
    const expected = undisturbed.engine.take().alerts;
    expect(expected.length).toBeGreaterThan(50);

    const { alerts, packets, furthestReplay } = changingWorkers(messages, new Random(5), 4_000);
    expect(byId(alerts)).toEqual(byId(expected));
    expect(alerts).toHaveLength(expected.length);
    expect(packets).toBe(undisturbed.input.packets);
    expect(furthestReplay).toBeLessThan(messages.length / 3);
  });

  it('gives the alerts of an undisturbed run when workers change in the middle of replays', { timeout: 60_000 }, () => {
    const counts: Record<string, number> = {};
    for (let seed = 0; seed < 300; seed++) {
      const random = new Random(seed);
      const messages = replays(random).map(({ value }, offset) => inputRecord(value, offset, RECORD_MS));
      const undisturbed = createInput();
      for (const record of messages) undisturbed.input.process(record);
      const expected = undisturbed.engine.take().alerts;
      expect(changingWorkers(messages, random, 12).alerts, `seed ${seed}`).toEqual(expected);
      for (const { event, nta } of expected) {
        const what = nta.alert.close_reason ?? event.action;
        counts[what] = (counts[what] ?? 0) + 1;
      }
    }
    // The replays do come to all of these.
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['end_of_timeline', 'open', 'superseded', 'update']));
  });

  it('closes the episode of a capture node that died, even when its worker died too', () => {
    const { input, engine } = createInput();
    const scan = messagesOf(spreadScan(12));
    for (const record of scan) input.process(record);
    const open = engine.take();
    expect(open.alerts.map(({ event }) => event.action)).toContain('open');

    // The other nodes live on: so long that nobody reads the scan again.
    const alive: PacketOrigin = { ...LIVE_ORIGIN, captureNode: 'alive' };
    const ticks = Array.from({ length: 600 }, (_, second) =>
      inputRecord(
        encodeTick(alive, TRAFFIC_START + (60 + second) * 1e6, false),
        100 + second,
        RECORD_MS + (60 + second) * 1000,
      ),
    );
    const before = ticks.slice(0, 320);
    for (const record of before) input.process(record);
    expect(engine.take().alerts).toEqual([]);

    const heir = createInput(420);
    heir.engine.restore(readChangelog(open.changelog));
    heir.input.finishRebuilding(input.clocks.silent());
    for (const record of ticks.slice(320)) heir.input.process(record);
    expect(heir.engine.take().alerts).toEqual([]);
    // The silence is counted anew, so it takes as long again.
    for (let second = 600; second < 1_000; second++) {
      heir.input.process(
        inputRecord(
          encodeTick(alive, TRAFFIC_START + (60 + second) * 1e6, false),
          100 + second,
          RECORD_MS + (60 + second) * 1000,
        ),
      );
    }
    expect(heir.engine.take().alerts.map(({ event }) => event.action)).toEqual(['close']);
  });

  it('ends a replay of which nothing comes any more', () => {
    const { input, engine } = createInput();
    for (const record of messagesOf(spreadScan(12, 'replay-1'))) input.process(record);
    engine.take();
    const later = RECORD_MS + CAPTURE_NODE_IDLE_MS + 60_000;
    input.process(inputRecord(encodeTick(LIVE_ORIGIN, later * 1000, false), 50, later));
    const closed = engine.take().alerts;
    expect(closed.map(({ event }) => event.action)).toEqual(['close']);
  });

  it('sets aside what cannot be used and counts no packet of it', () => {
    const { input, engine } = createInput();
    const good = messagesOf(spreadScan(12));
    input.process(inputRecord(null, 0, RECORD_MS));
    input.process(inputRecord(Buffer.from('garbage'), 1, RECORD_MS));
    expect(input.packets).toBe(0);
    const letters = input.takeDeadLetters();
    expect(letters.map(({ headers }) => headers?.reason)).toEqual(['no_value', 'not_avro']);
    expect(letters[1]).toMatchObject({
      value: Buffer.from('garbage'),
      headers: { 'source-topic': 'packets', 'source-partition': '3', 'source-offset': '1' },
    });
    expect(engine.take().alerts).toEqual([]);
    expect(input.hasDeadLetters).toBe(false);
    for (const record of good) input.process(record);
    expect(input.packets).toBe(12);
    expect(engine.take().alerts).not.toEqual([]);
  });

  it.each([
    ['a minute', 60_000],
    ['23 hours', 23 * 3_600_000],
    ['ten years', 3650 * 86_400_000],
  ])('counts packets stamped %s ahead as of when Kafka took them, and says whose clock it is', async (_, aheadMs) => {
    const { input, engine, metrics, clockSkew, lines } = createInput();
    const [first, ...rest] = messagesOf(spreadScan(20));
    // One packet of the source, whose record Kafka took long before its time.
    input.process({ ...first!, timestamp: first!.timestamp - aheadMs });
    for (const record of rest) input.process({ ...record, timestamp: record.timestamp });
    expect(engine.statistics.latePackets).toBe(0);
    expect(engine.take().alerts.at(-1)?.nta.alert.evidence.ports?.distinct).toBeGreaterThanOrEqual(10);
    expect((await metrics.aheadPackets.get()).values[0]?.value).toBe(1);
    expect(clockSkew.readiness()).toMatch(/^the clock of capture node node-\d+ is \d+ s ahead of Kafka’s$/);
    expect(lines.filter((line) => line.includes('set the clock of the node'))).toHaveLength(1);
  });

  it('sees a scan of which one node is an hour ahead and another right, probe by probe', () => {
    const { input, engine } = createInput();
    messagesOf(spreadScan(20)).forEach((record, index) => {
      const skewed = index % 2 === 0 ? shifted(record, 3_600e6) : record;
      input.process({ ...skewed, timestamp: record.timestamp + 50 });
    });
    expect(engine.statistics.latePackets).toBe(0);
    const alerts = engine.take().alerts;
    expect(new Set(alerts.map(({ nta }) => nta.alert.id)).size).toBe(1);
  });
});

/** The record as a node whose clock is ahead would have made it. */
function shifted(record: InputRecord, micros: number): InputRecord {
  const block = new PacketBlock(MAX_BATCH_PACKETS);
  const batch = decodePacketBatch(record.value!, block);
  if (!batch.ok) throw new Error(batch.reason);
  for (let row = 0; row < block.count; row++) block.timestamp[row]! += micros;
  const rows = Array.from({ length: block.count }, (_, row) => row);
  return inputRecord(encodePacketBatch(block, rows, 0, rows.length), record.offset, record.timestamp);
}
