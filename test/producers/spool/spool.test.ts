import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFrame, type SpoolRecord, writeFrame } from '../../../producers/spool/frame.js';
import { Spool } from '../../../producers/spool/spool.js';

let folder: string;
let dropped: Map<string, number>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nta-spool-'));
  dropped = new Map();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openSpool(maxBytes = 1 << 20): Spool {
  const spool = new Spool(folder, maxBytes, (name, packets) => dropped.set(name, (dropped.get(name) ?? 0) + packets));
  return spool;
}

function record(number: number, bytes = 100, interfaceName = 'eth0'): SpoolRecord {
  const value = Buffer.alloc(bytes, number & 0xff);
  value.writeUInt32BE(number);
  return { key: `192.0.2.${number % 256}`, value, packets: 2, interfaceName };
}

const numbers = (records: readonly SpoolRecord[]): number[] => records.map(({ value }) => value.readUInt32BE());
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** Reads and acknowledges in rounds until nothing is left. */
function drain(spool: Spool): number[] {
  const read: number[] = [];
  while (!spool.isEmpty) {
    read.push(...numbers(spool.read(1000)));
    spool.acknowledge();
  }
  return read;
}

const segments = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.spool'));

describe('a frame', () => {
  it('gives the record back', () => {
    const given = record(7, 5, 'lan:ä');
    expect(readFrame(writeFrame(given), 0)?.record).toEqual(given);
  });

  it('is refused at every truncation and every flipped bit', () => {
    const frame = writeFrame(record(1, 20));
    for (let length = 0; length < frame.length; length++) expect(readFrame(frame.subarray(0, length), 0)).toBeNull();
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(readFrame(damaged, 0)).toBeNull();
    }
  });
});

describe('Spool', () => {
  it('keeps copies of what is under way for the next run alone', () => {
    const spool = openSpool();
    spool.open();
    const positions = spool.keep([record(1), record(2), record(3)]);
    if (positions instanceof Error) throw positions;
    for (let number = 4; number < 8; number++) spool.append(record(number));
    expect(numbers(spool.read(150))).toEqual([4]);
    spool.acknowledgeSome([positions[1]!]);
    // Killed: the file system is as it is, and nobody has closed anything.
    const copy = mkdtempSync(join(tmpdir(), 'nta-spool-'));
    cpSync(folder, copy, { recursive: true });
    const next = new Spool(copy, 1 << 20, () => undefined);
    expect(next.open()).toMatchObject({ records: 6 });
    expect(drain(next)).toEqual([1, 3, 4, 5, 6, 7]);
    next.close();
    rmSync(copy, { recursive: true });
    // Kafka came back and took them.
    spool.releaseKept();
    expect(drain(spool)).toEqual([5, 6, 7]);
    spool.close();
    expect(readdirSync(folder)).toEqual([]);
    expect(dropped.size).toBe(0);
  });

  it('gives kept copies up first when it is full, which is no loss', () => {
    const spool = openSpool(8_000);
    spool.open();
    spool.keep([record(1, 900)]);
    for (let number = 2; number < 9; number++) spool.append(record(number, 900));
    expect(dropped.size).toBe(0);
    spool.releaseKept();
    expect(drain(spool)).toEqual(range(2, 9));
    spool.close();
  });

  it('gives records back in order, over segments, while more come', () => {
    const spool = openSpool(64 * 1024);
    spool.open();
    for (const number of range(0, 100)) expect(spool.append(record(number))).toBeNull();
    const read = numbers(spool.read(2000));
    for (const number of range(100, 200)) spool.append(record(number));
    spool.acknowledge();
    read.push(...drain(spool));
    expect(read).toEqual(range(0, 200));
    expect([spool.bytes, segments().length, dropped.size]).toEqual([0, 0, 0]);
    spool.append(record(200));
    expect(drain(spool)).toEqual([200]);
    spool.close();
  });

  it('is found by the next run, without what was acknowledged', () => {
    const first = openSpool(64 * 1024);
    first.open();
    for (const number of range(0, 300)) first.append(record(number));
    const acknowledged = numbers(first.read(10_000));
    first.acknowledge();
    const unacknowledged = numbers(first.read(5000));
    expect(unacknowledged.length).toBeGreaterThan(1);
    // No close: the run was killed.
    const second = openSpool(64 * 1024);
    const recovery = second.open();
    expect(recovery).toEqual({
      records: 300 - acknowledged.length,
      packets: new Map([['eth0', 2 * (300 - acknowledged.length)]]),
      tornBytes: 0,
    });
    second.append(record(300));
    expect(drain(second)).toEqual(range(acknowledged.length, 301));
    first.close();
  });

  it('sends after a kill what was not acknowledged, and nothing else, in whatever order Kafka took it', () => {
    const first = openSpool(64 * 1024);
    first.open();
    for (const number of range(0, 300)) first.append(record(number));
    const round = first.read(10_000);
    first.acknowledgeSome(round.filter((_, index) => index % 3 === 0).map(({ position }) => position));
    first.acknowledgeSome(round.slice(-2).map(({ position }) => position));
    // The kill came while the list was written.
    appendFileSync(join(folder, 'acknowledged'), '1000001 ');
    const waiting = range(0, 300).filter((number) =>
      number >= round.length - 2 ? number >= round.length : number % 3 !== 0,
    );

    const second = openSpool(64 * 1024);
    expect(second.open()).toMatchObject({ records: waiting.length, tornBytes: 0 });
    const begun = numbers(second.read(1000));
    // Killed again before any more is acknowledged.
    const third = openSpool(64 * 1024);
    expect(third.open().records).toBe(waiting.length);
    expect(begun.length).toBeGreaterThan(1);
    expect(drain(third)).toEqual(waiting);
    expect([third.bytes, readdirSync(folder)]).toEqual([0, ['lock']]);
    first.close();
    second.close();
  });

  it('forgets what was acknowledged of segments whose numbers come again', () => {
    const first = openSpool();
    first.open();
    for (const number of range(0, 10)) first.append(record(number));
    first.acknowledgeSome(first.read(10_000).map(({ position }) => position));
    // Killed before the round was acknowledged as a whole.
    const second = openSpool();
    expect(second.open().records).toBe(0);
    for (const number of range(10, 20)) second.append(record(number));
    const third = openSpool();
    expect(third.open().records).toBe(10);
    expect(drain(third)).toEqual(range(10, 20));
    for (const spool of [first, second, third]) spool.close();
  });

  it('cuts a torn tail and counts it', () => {
    const first = openSpool();
    first.open();
    for (const number of range(0, 5)) first.append(record(number));
    first.close();
    const file = join(folder, segments()[0]!);
    appendFileSync(file, writeFrame(record(5)).subarray(0, 50));
    const second = openSpool();
    expect(second.open()).toMatchObject({ records: 5, tornBytes: 50 });
    second.append(record(6));
    expect(drain(second)).toEqual([0, 1, 2, 3, 4, 6]);
  });

  it('drops the oldest segments beyond its bound and counts their packets by interface', () => {
    const spool = openSpool(16 * 1024);
    spool.open();
    for (const number of range(0, 1000)) spool.append(record(number, 100, number % 2 === 0 ? 'eth0' : 'eth1'));
    expect(spool.bytes).toBeLessThanOrEqual(16 * 1024);
    const left = drain(spool);
    expect(left).toEqual(range(1000 - left.length, 1000));
    expect(left.length).toBeGreaterThan(80);
    expect((dropped.get('eth0') ?? 0) + (dropped.get('eth1') ?? 0)).toBe(2 * (1000 - left.length));
    spool.close();
  });

  it('does not count what is being sent when its segment goes', () => {
    const spool = openSpool(16 * 1024);
    spool.open();
    for (const number of range(0, 10)) spool.append(record(number));
    const sending = numbers(spool.read(500));
    for (const number of range(10, 1000)) spool.append(record(number));
    spool.acknowledge();
    const left = drain(spool);
    expect(sending.length + left.length + dropped.get('eth0')! / 2).toBe(1000);
    spool.close();
  });

  it('counts what was damaged on the disk after it was written', () => {
    const spool = openSpool();
    spool.open();
    for (const number of range(0, 10)) spool.append(record(number));
    const file = join(folder, segments()[0]!);
    const content = readFileSync(file);
    content[Math.floor(content.length / 2)]! ^= 0xff;
    writeFileSync(file, content);
    const read = drain(spool);
    expect(read).toEqual(range(0, read.length));
    expect(read.length + dropped.get('eth0')! / 2).toBe(10);
    spool.close();
  });

  it('puts records in front of those that wait', () => {
    const first = openSpool();
    first.open();
    for (const number of range(10, 20)) first.append(record(number));
    expect(first.prepend(range(0, 10).map((number) => record(number)))).toBeNull();
    first.close();
    const second = openSpool();
    expect(second.open().records).toBe(20);
    expect(drain(second)).toEqual(range(0, 20));
  });

  it('has a folder to itself while its process lives, and leaves it on close', () => {
    // Process 1 lives as long as the machine; its start is read as the lock would write it.
    const start = readFileSync('/proc/1/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    writeFileSync(join(folder, 'lock'), `1 ${start}\n`);
    expect(() => openSpool().open()).toThrow(expect.objectContaining({ code: 'SPOOL_IN_USE' }));
    writeFileSync(join(folder, 'lock'), '1 12345678901\n');
    const spool = openSpool();
    spool.open();
    spool.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('counts what the disk refuses', () => {
    const spool = openSpool();
    spool.open();
    rmSync(folder, { recursive: true, force: true });
    expect(spool.append(record(1))).toBeInstanceOf(Error);
    expect(dropped.get('eth0')).toBe(2);
  });
});
