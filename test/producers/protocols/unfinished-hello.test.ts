/** ClientHellos in several segments: the name is told, and the whole hello is handed to whoever looks into conversations. */
import { describe, expect, it } from 'vitest';
import { packetDocument } from '../../../producers/decoding/decode-report.js';
import { type DecodeOptions, Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import { PacketBlock, TCP_ACK, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import { tlsApplicationData, tlsClientHello } from '../../support/application-messages.js';
import { ethernet, LINK_TYPE } from '../../support/frames.js';
import { ipv4, ipv6, packetInIp } from '../../support/ip-packets.js';
import { Random } from '../../support/random.js';
import { tcp } from '../../support/transport-segments.js';

const V4 = { source: '192.0.2.1', destination: '198.51.100.2' };
const V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const NAME = 'shop.example.org';
/** The name behind a key share of 1,216 bytes. */
const HELLO = tlsClientHello(NAME, { keyShareLength: 1216, nameLast: true });
const ORIGIN = {
  captureNode: '',
  interface: '',
  linkType: LINK_TYPE.ethernet,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
} as const;

interface Segment {
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly version?: 4 | 6;
  readonly sourcePort?: number;
  readonly destination?: string;
  /** Bytes kept of the frame. */
  readonly snapLength?: number;
  readonly tunnelled?: boolean;
}

/** What the frames of one capture decode to, one after another. */
class Capture {
  private readonly dissection: Dissection;
  private readonly block = new PacketBlock(1);

  constructor(options: DecodeOptions = {}) {
    this.dissection = new Dissection(options);
  }

  take(segment: Segment): { readonly name: string | null | undefined; readonly payload: Buffer } {
    const { block, dissection } = this;
    const { sequence, flags = TCP_ACK, sourcePort = 40000 } = segment;
    const payload = tcp({ sourcePort, destinationPort: 443, sequence, flags }, Buffer.from(segment.data));
    const to = segment.destination === undefined ? {} : { destination: segment.destination };
    const packet = segment.version === 6 ? ipv6({ ...V6, ...to }, payload) : ipv4({ ...V4, ...to }, payload);
    const frame = ethernet({}, segment.tunnelled ? ipv4(V4, packetInIp(packet)) : packet);
    block.reset();
    const origin = block.originIndex(ORIGIN);
    const captured = Math.min(frame.length, segment.snapLength ?? frame.length);
    decodeFrame(block, LINK_TYPE.ethernet, frame, 0, captured, frame.length, 0, origin, dissection);
    const { payloadBuffer, payloadStart, payloadEnd } = dissection;
    return {
      name: packetDocument(block, 0, 1).application?.tlsServerName,
      payload: Buffer.from(payloadBuffer.subarray(payloadStart, payloadEnd)),
    };
  }
}

function pieces(lengths: readonly number[], sequence = 7): Segment[] {
  const segments: Segment[] = [];
  let offset = 0;
  for (const length of [...lengths, HELLO.length]) {
    const data = HELLO.subarray(offset, offset + length);
    segments.push({ sequence: (sequence + offset) >>> 0, data });
    offset += data.length;
  }
  return segments;
}

describe('a ClientHello in several segments', () => {
  it.each([
    ['two, IPv4', pieces([700]), {}],
    ['two, IPv6', pieces([700]), { version: 6 as const }],
    ['three', pieces([500, 500]), {}],
    ['many small ones', pieces(Array.from({ length: 13 }, () => 100)), {}],
    ['two, at the end of the sequence numbers', pieces([700], 0xffffff00), {}],
    ['two, in a tunnel', pieces([700]), { tunnelled: true }],
  ])('tells the name with the last: %s', (_, segments, options) => {
    const capture = new Capture({ tunnels: 'inner' });
    const taken = segments.map((segment) => capture.take({ ...segment, ...options }));
    expect(taken.slice(0, -1).map(({ name }) => name ?? null)).toEqual(taken.slice(0, -1).map(() => null));
    expect(taken.at(-1)!.name).toBe(NAME);
    expect(taken.at(-1)!.payload).toEqual(HELLO);
    // What comes next is a payload of its own again.
    const data = tlsApplicationData(50);
    const next = capture.take({ ...options, sequence: (segments[0]!.sequence + HELLO.length) >>> 0, data });
    expect(next).toEqual({ name: undefined, payload: data });
  });

  it('begins in the SYN with TCP Fast Open, one sequence number later', () => {
    const capture = new Capture();
    const [first, second] = pieces([700]);
    capture.take({ ...first!, flags: TCP_SYN });
    expect(capture.take({ ...second!, sequence: second!.sequence + 1 }).name).toBe(NAME);
  });

  it('does not repeat a name that the first told, and is whole all the same', () => {
    const hello = tlsClientHello(NAME, { keyShareLength: 1216 });
    const capture = new Capture();
    expect(capture.take({ sequence: 1, data: hello.subarray(0, 700) }).name).toBe(NAME);
    expect(capture.take({ sequence: 701, data: hello.subarray(700) })).toEqual({ name: undefined, payload: hello });
  });

  it.each([
    ['another connection', { sourcePort: 40001 }],
    ['another host', { destination: '198.51.100.3' }],
    ['a later segment', { sequence: 708 }],
    ['an IPv6 segment', { version: 6 as const }],
  ])('is not continued by %s', (_, differing) => {
    const capture = new Capture();
    const [first, second] = pieces([700]);
    capture.take(first!);
    expect(capture.take({ ...second!, ...differing }).name).toBeUndefined();
    expect(capture.take(second!).name).toBe(NAME);
  });

  it('is not waited for after the begin was cut by the snap length, nor for ever', () => {
    const capture = new Capture();
    const [first, second] = pieces([700]);
    capture.take({ ...first!, snapLength: 400 });
    expect(capture.take(second!).name).toBeUndefined();
    capture.take(first!);
    for (let other = 0; other < 20_000; other++) capture.take({ sequence: 1, sourcePort: 5, data: Buffer.from('ab') });
    expect(capture.take(second!).name).toBeUndefined();
  });

  it('is told of hundreds of clients at once, and longer than a hello can be it is let go', () => {
    const capture = new Capture();
    for (let client = 0; client < 300; client++) capture.take({ ...pieces([700])[0]!, sourcePort: 1024 + client });
    expect(capture.take({ ...pieces([700])[1]!, sourcePort: 1323 }).name).toBe(NAME);
    const endless = Buffer.from(HELLO);
    endless.writeUInt16BE(0xffff, 3);
    for (let sent = 0; sent < 10; sent++) {
      expect(
        capture.take({ sequence: sent * 1000, data: sent === 0 ? endless.subarray(0, 1000) : Buffer.alloc(1000) })
          .name ?? null,
      ).toBeNull();
    }
  });

  it('says in any pieces what it says whole, however damaged', () => {
    const random = new Random(20260102);
    const capture = new Capture();
    for (let attempt = 0; attempt < 3000; attempt++) {
      const hello = Buffer.from(HELLO);
      for (let flips = random.below(4); flips > 0; flips--)
        hello[6 + random.below(hello.length - 6)] = random.below(256);
      const connection = { sourcePort: 1024 + (attempt % 60_000) };
      const whole = capture.take({ ...connection, sequence: 1, data: hello }).name ?? null;
      const names: (string | null)[] = [];
      for (let offset = 0; offset < hello.length; ) {
        const length = random.between(6, hello.length);
        const data = hello.subarray(offset, offset + length);
        names.push(capture.take({ ...connection, sequence: 1 + offset, data }).name ?? null);
        offset += length;
      }
      expect(names.filter((name) => name !== null)).toEqual(whole === null ? [] : [whole]);
    }
  });
});
