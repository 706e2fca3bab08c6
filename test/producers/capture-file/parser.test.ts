import { describe, expect, it } from 'vitest';
import { CaptureParser } from '../../../producers/capture-file/parser.js';
import { pcapFile, pcapHeader, pcapngFile, pcapRecord } from '../../support/capture-file.js';
import { Random } from '../../support/random.js';
import { Recorder, record } from './recorder.js';

const TIME = 1_700_000_000_123_456;
const FRAMES = [60, 61, 62, 1500, 0].map((length, index) => ({
  time: TIME + index,
  bytes: Buffer.alloc(length, index + 1),
}));
const RECORDED = FRAMES.map(({ time, bytes }) => ({
  bytes: bytes.toString('hex'),
  frameLength: bytes.length,
  timestamp: time,
  interfaceIndex: 0,
}));
const BYTE_ORDERS = ['little', 'big'] as const;

describe('pcap', () => {
  it.each(
    BYTE_ORDERS.flatMap((byteOrder) =>
      (['microseconds', 'nanoseconds'] as const).map((resolution) => ({ byteOrder, resolution })),
    ),
  )('is read in %o', (variant) => {
    const { recorder, failure } = record(pcapFile(FRAMES, { ...variant, linkType: 113, snapLength: 65535 }));
    expect(failure).toBeNull();
    expect(recorder.frames).toEqual(RECORDED);
    expect(recorder.interfaces).toMatchObject([{ index: 0, linkType: 113, snapLength: 65535, name: null }]);
  });

  it('cuts nanoseconds down to µs', () => {
    const capture = pcapFile([{ time: TIME + 0.75, bytes: Buffer.alloc(1) }], { resolution: 'nanoseconds' });
    expect(record(capture).recorder.frames[0]!.timestamp).toBe(TIME);
  });

  it('keeps the length on the wire of frames cut by the snap length', () => {
    const { recorder } = record(pcapFile([{ time: TIME, bytes: Buffer.alloc(1500, 7) }], { snapLength: 96 }));
    expect(recorder.frames).toEqual([{ ...RECORDED[0], bytes: '07'.repeat(96), frameLength: 1500 }]);
  });

  it.each([
    ['of the modified format', 0xa1b2cd34, 0, 8],
    ['of IXIA hardware', 0x1c0001ac, 4, 0],
    ['of IXIA software', 0x1c0001ab, 4, 0],
  ])('%s is read', (_, magic, headerExtra, recordExtra) => {
    const header = pcapHeader();
    header.writeUInt32LE(magic, 0);
    const record1 = pcapRecord({ time: 1_000_000, bytes: Buffer.alloc(0) });
    record1.writeUInt32LE(3, 8);
    record1.writeUInt32LE(3, 12);
    const parts = [header, Buffer.alloc(headerExtra), record1, Buffer.alloc(recordExtra, 9), Buffer.from('abc')];
    const { recorder, failure } = record(Buffer.concat(parts));
    expect(failure).toBeNull();
    expect(recorder.frames).toEqual([{ bytes: '616263', frameLength: 3, timestamp: 1_000_000, interfaceIndex: 0 }]);
  });

  it.each([
    [2, 54, 60],
    [2, 60, 60],
    [3, 54, 60],
    [3, 60, 54],
  ])(
    'of version 2.%i has the lengths of a record the other way round, or may have: %i and %i',
    (minor, first, second) => {
      const header = pcapHeader();
      header.writeUInt16LE(minor, 6);
      const [frameLength, capturedLength] = minor === 2 ? [second, first] : [60, 54];
      const one = pcapRecord({ time: 1_000_000, bytes: Buffer.alloc(0) });
      one.writeUInt32LE(minor === 2 ? frameLength : first, 8);
      one.writeUInt32LE(minor === 2 ? capturedLength : second, 12);
      const { recorder, failure } = record(Buffer.concat([header, one, Buffer.alloc(capturedLength, 5)]));
      expect(failure).toBeNull();
      const bytes = '05'.repeat(capturedLength);
      expect(recorder.frames).toEqual([{ bytes, frameLength, timestamp: 1_000_000, interfaceIndex: 0 }]);
    },
  );

  it('takes the link type without the flags above it, and DLT_RAW for what it means', () => {
    expect(record(pcapFile([], { linkType: 0x50000001 })).recorder.interfaces[0]!.linkType).toBe(1);
    expect(record(pcapFile([], { linkType: 12 })).recorder.interfaces[0]!.linkType).toBe(101);
  });

  it('refuses a record longer than any frame, keeping those before it', () => {
    const capture = pcapFile(FRAMES);
    const bad = pcapRecord({ time: TIME, bytes: Buffer.alloc(4) });
    bad.writeUInt32LE(262_145, 8);
    const { recorder, failure } = record(Buffer.concat([capture, bad]));
    expect(recorder.frames).toEqual(RECORDED);
    expect(failure).toMatchObject({ code: 'damaged', offset: capture.length, frames: FRAMES.length });
    expect(failure!.message).toContain('packet 6 claims 262145 captured bytes');
  });
});

describe('pcapng', () => {
  const frame = (index: number) => ({ kind: 'enhanced', interface: index, frame: FRAMES[0]! }) as const;

  it.each(BYTE_ORDERS)('has sections with interfaces of their own: %s endian', (byteOrder) => {
    const other = byteOrder === 'little' ? 'big' : 'little';
    const capture = pcapngFile([
      {
        byteOrder,
        blocks: [
          { kind: 'interface', linkType: 1, snapLength: 96, name: 'eth0' },
          { kind: 'interface', linkType: 101, timestampResolution: 9 },
          frame(1),
          { kind: 'unknown', type: 0x0bad, body: Buffer.alloc(100) },
          frame(0),
        ],
      },
      { byteOrder: other, blocks: [{ kind: 'interface', linkType: 113, name: 'any' }, frame(0)] },
    ]);
    const { recorder, failure } = record(capture);
    expect(failure).toBeNull();
    expect(recorder.interfaces).toMatchObject([
      { index: 0, linkType: 1, snapLength: 96, name: 'eth0', resolution: '10^-6 s' },
      { index: 1, linkType: 101, name: null, resolution: '10^-9 s' },
      { index: 2, linkType: 113, name: 'any' },
    ]);
    expect(recorder.frames.map((recorded) => recorded.interfaceIndex)).toEqual([1, 0, 2]);
    expect(new Set(recorder.frames.map((recorded) => recorded.timestamp))).toEqual(new Set([TIME]));
  });

  it.each([0, 3, 6, 7, 9, 10, 0x80 | 10, 0x80 | 20, 0x80 | 32])('has clocks of any resolution: %i', (resolution) => {
    const description = { kind: 'interface', timestampResolution: resolution, timestampOffset: -3600 } as const;
    const { recorder } = record(pcapngFile([{ blocks: [description, frame(0)] }]));
    const tick = resolution & 0x80 ? 1e6 / 2 ** (resolution & 0x7f) : 1e6 / 10 ** resolution;
    const timestamp = recorder.frames[0]!.timestamp;
    expect(timestamp).toBeLessThanOrEqual(TIME);
    expect(timestamp).toBeGreaterThan(TIME - Math.max(tick, 1) - 1);
    expect(Number.isInteger(timestamp)).toBe(true);
  });

  it('computes nanoseconds exactly, although they exceed 2⁵³', () => {
    const random = new Random(1);
    for (let i = 0; i < 1000; i++) {
      const time = random.below(2 ** 31) * 1_000_000 + random.below(1_000_000);
      const packet = { kind: 'enhanced', interface: 0, frame: { time, bytes: Buffer.alloc(1) } } as const;
      const capture = pcapngFile([{ blocks: [{ kind: 'interface', timestampResolution: 9 }, packet] }]);
      expect(record(capture).recorder.frames[0]!.timestamp).toBe(time);
    }
  });

  it('has simple packets, cut by the interface, at the time of the packet before', () => {
    const blocks = [
      { kind: 'interface', snapLength: 10 },
      { kind: 'simple', bytes: Buffer.alloc(14, 5) },
      { kind: 'enhanced', interface: 0, frame: FRAMES[1]! },
      { kind: 'simple', bytes: Buffer.alloc(3, 6) },
    ] as const;
    const { recorder, failure } = record(pcapngFile([{ blocks }]));
    expect(failure).toBeNull();
    expect(recorder.frames).toMatchObject([
      { bytes: '05'.repeat(10), frameLength: 14, timestamp: 0 },
      { frameLength: 61, timestamp: TIME + 1 },
      { bytes: '060606', frameLength: 3, timestamp: TIME + 1 },
    ]);
  });

  it('has the obsolete packet block and the statistics of an interface', () => {
    const obsolete = Buffer.alloc(24);
    obsolete.writeUInt16LE(0, 0); // interface
    obsolete.writeUInt16LE(9, 2); // drops
    obsolete.writeUInt32LE(1, 4); // 2³² µs
    obsolete.writeUInt32LE(4, 12);
    obsolete.writeUInt32LE(77, 16);
    obsolete.write('wxyz', 20);
    const counters = Buffer.alloc(12 + 3 * 12 + 4);
    [4, 5, 7].forEach((code, index) => {
      counters.writeUInt16LE(code, 12 + 12 * index);
      counters.writeUInt16LE(8, 14 + 12 * index);
      counters.writeBigUInt64LE(BigInt(code * 1000), 16 + 12 * index);
    });
    const { recorder, failure } = record(
      pcapngFile([
        {
          blocks: [
            { kind: 'interface' },
            { kind: 'unknown', type: 2, body: obsolete },
            { kind: 'unknown', type: 5, body: counters },
          ],
        },
      ]),
    );
    expect(failure).toBeNull();
    expect(recorder.frames).toEqual([{ bytes: '7778797a', frameLength: 77, timestamp: 2 ** 32, interfaceIndex: 0 }]);
    expect(recorder.statistics).toEqual([
      { interfaceIndex: 0, received: 4000, interfaceDropped: 5000, systemDropped: 7000 },
    ]);
  });

  const section = pcapngFile([{ blocks: [{ kind: 'interface' }, frame(0)] }]);
  const damages: readonly (readonly [string, (capture: Buffer) => void, string])[] = [
    ['a block length below the minimum', (capture) => capture.writeUInt32LE(8, 28 + 4), 'length of 8 bytes'],
    ['a block length beyond the maximum', (capture) => capture.writeUInt32LE(0x7fff0000, 28 + 4), 'more than'],
    ['two lengths that differ', (capture) => capture.writeUInt32LE(24, capture.length - 4), 'ends with one of 24'],
    ['an interface that is not described', (capture) => capture.writeUInt32LE(3, 48 + 8), 'interface 3'],
    ['a packet longer than its block', (capture) => capture.writeUInt32LE(999, 48 + 20), '999 captured bytes'],
    ['a version that does not exist', (capture) => capture.writeUInt16LE(2, 12), 'version 2'],
  ];
  it.each(damages)('refuses %s', (_, damage, message) => {
    const capture = Buffer.from(section);
    damage(capture);
    const { failure } = record(capture);
    expect(failure).toMatchObject({ code: 'damaged' });
    expect(failure!.message).toContain(message);
  });
});

describe('a stream in chunks', () => {
  const captures = {
    pcap: pcapFile(FRAMES),
    pcapng: pcapngFile([
      {
        blocks: [
          { kind: 'interface', name: 'eth0' },
          ...FRAMES.map((frame) => ({ kind: 'enhanced', interface: 0, frame, comment: 'x' }) as const),
          { kind: 'unknown', type: 77, body: Buffer.alloc(3000) },
          { kind: 'simple', bytes: Buffer.alloc(5) },
        ],
      },
    ]),
  };

  it.each(Object.entries(captures))('gives the same frames however it is cut: %s', (_, capture) => {
    const whole = record(capture);
    for (const chunkLength of [1, 2, 3, 5, 7, 11, 12, 13, 16, 17, 24, 64, 100, 1000, 1516]) {
      const cut = record(capture, chunkLength);
      expect(cut.failure).toBeNull();
      expect(cut.recorder).toEqual(whole.recorder);
    }
  });

  it.each(Object.entries(captures))('that ends anywhere keeps what came before and says so: %s', (_, capture) => {
    const whole = record(capture).recorder.frames;
    for (let length = 1; length < capture.length; length++) {
      const { recorder, failure } = record(capture.subarray(0, length));
      expect(recorder.frames).toEqual(whole.slice(0, recorder.frames.length));
      if (failure === null) continue; // between two records
      expect(failure.frames).toBe(recorder.frames.length);
      expect(['truncated', 'not_a_capture']).toContain(failure.code);
    }
  });

  it('stops after a frame when paused and goes on when resumed', () => {
    const seen: number[] = [];
    const recorder = new Recorder();
    const parser = new CaptureParser({
      onInterface: () => {},
      onFrame: (...frame) => {
        recorder.onFrame(...frame);
        parser.pause();
      },
    });
    for (let offset = 0; offset < captures.pcap.length; offset += 100) {
      parser.push(captures.pcap.subarray(offset, offset + 100));
      while (parser.paused) {
        seen.push(recorder.frames.length);
        parser.resume();
      }
    }
    expect(parser.end()).toBeNull();
    expect(recorder.frames).toEqual(RECORDED);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('what is no capture', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'not_a_capture', 'it is empty'],
    ['text', Buffer.from('hello world, this is text'), 'not_a_capture', '68 65 6c 6c 6f 20 77 6f ("hello wo")'],
    ['three bytes', Buffer.from('abc'), 'not_a_capture', '61 62 63'],
    ['a snoop capture', Buffer.from('snoop\0\0\0\0\0\0\x02'), 'format_unsupported', 'editcap'],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0, 0, 0, 0]), 'format_unsupported', 'xz -d'],
    ['a header alone, cut', pcapHeader().subarray(0, 20), 'truncated', 'before the first packet'],
    ['a magic number alone', pcapHeader().subarray(0, 4), 'not_a_capture', ''],
  ])('%s is refused by name', (_, bytes, code, message) => {
    const { failure } = record(bytes);
    expect(failure!.message).toContain(message);
    if (bytes.length > 4) expect(failure!.code).toBe(code);
  });

  it('random changes never crash or hang, and never claim more than there is', () => {
    const random = new Random(7);
    const seeds = [
      pcapFile(FRAMES),
      pcapFile(FRAMES, { byteOrder: 'big' }),
      pcapngFile([
        {
          blocks: [
            { kind: 'interface', name: 'e' },
            { kind: 'enhanced', interface: 0, frame: FRAMES[0]! },
          ],
        },
      ]),
    ];
    for (let input = 0; input < 5000; input++) {
      const bytes = Buffer.from(random.pick(seeds));
      for (let change = random.between(1, 4); change > 0; change--) {
        bytes[random.below(random.below(2) === 0 ? 100 : bytes.length)] = random.pick([0, 1, 4, 127, 128, 255]);
      }
      const { recorder, failure } = record(bytes, random.below(2) === 0 ? 37 : undefined);
      expect(recorder.frames.length).toBeLessThanOrEqual(bytes.length / 8);
      if (failure !== null) expect(failure.message.length).toBeGreaterThan(10);
    }
  });
});
