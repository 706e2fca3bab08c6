import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PacketDocument } from '../../../producers/decoding/decode-report.js';
import { parseVlanTpids, VLAN_TPIDS_OPTION } from '../../../producers/decoding/vlan-tpids.js';
import { projectRoot } from '../../../runtime/process/project.js';
import { DECODE_FAILURES } from '../../../schemas/packets/decode-failure.js';
import { ethernet, LINK_TYPE, vlan } from '../../support/frames.js';
import { ETHER_TYPE, ipv4, type NetworkPacket, networkData } from '../../support/ip-packets.js';
import { Random } from '../../support/random.js';
import { icmp } from '../../support/transport-segments.js';
import { type Decoding, decode } from '../protocols/decoding.js';
import { FAILING_FRAMES } from '../protocols/failures.js';
import { SAMPLES } from '../protocols/samples.js';

/** Files that hold no decoder of their own. */
const SHARED_FILES = ['bytes', 'dissection', 'observation', 'plain-name', 'unfinished-hello'];
const BACKBONE_HEADER = ethernet({}, networkData(0x88e7, Buffer.alloc(4)));
const BIT_FLIPS_PER_SAMPLE = 60;

function text(bytes: Uint8Array, decoding: Decoding): string {
  return JSON.stringify(decode(bytes, decoding));
}

describe('frames', () => {
  it('of every file of producers/protocols are among the samples', () => {
    const files = readdirSync(join(projectRoot, 'producers/protocols'))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => file.replace(/\.ts$/, ''));
    const sampled = new Set(SAMPLES.map((sample) => sample.decoder));
    expect(files.filter((file) => !sampled.has(file)).sort()).toEqual(SHARED_FILES);
  });

  it.each(SAMPLES.map((sample) => [`${sample.decoder}: ${sample.name}`, sample] as const))('%s', (_, sample) => {
    expect(decode(sample.bytes, sample)).toMatchObject(sample.expected);
  });
});

describe.each(SAMPLES.map((sample) => [`${sample.decoder}: ${sample.name}`, sample] as const))('%s', (_, sample) => {
  it('is decoded from its own bytes alone at every length', () => {
    for (let length = 0; length <= sample.bytes.length; length++) {
      const bytes = sample.bytes.subarray(0, length);
      const whole = text(bytes, { ...sample, frameLength: sample.bytes.length });
      expect(text(bytes, { ...sample, frameLength: sample.bytes.length, surroundings: 0xff })).toBe(whole);
      expect(text(bytes, { ...sample, frameLength: sample.bytes.length, surroundings: 0x45 })).toBe(whole);
    }
  });

  it('fails by the snap length when cut by it, and by its layer when sent short', () => {
    for (let length = 0; length < sample.bytes.length; length++) {
      const bytes = sample.bytes.subarray(0, length);
      const snapped = decode(bytes, { ...sample, frameLength: sample.bytes.length });
      expect(['frame_truncated', null]).toContain(snapped.failure);
      const short = decode(bytes, sample);
      expect(short.failure).not.toBe('frame_truncated');
      if (snapped.failure !== null) expect(short.failure).not.toBeNull();
      const fields = (document: PacketDocument) => JSON.stringify({ ...document, failure: null, frameLength: 0 });
      expect(fields(short)).toBe(fields(snapped));
    }
  });

  it('survives flipped bits, and so does what is within a tunnel', () => {
    const random = new Random(sample.bytes.length);
    for (let flip = 0; flip < BIT_FLIPS_PER_SAMPLE; flip++) {
      const bytes = Buffer.from(sample.bytes);
      const at = random.below(bytes.length);
      bytes[at]! ^= 1 << random.below(8);
      for (const tunnels of ['outer', 'inner'] as const) {
        const decoded = text(bytes, { ...sample, tunnels });
        expect(text(bytes, { ...sample, tunnels, surroundings: 0xff })).toBe(decoded);
      }
    }
  });
});

describe('a tunnelled packet seen from inside', () => {
  const tunnelled = SAMPLES.filter((sample) => sample.expected.tunnel);

  it.each(tunnelled.map((sample) => [`${sample.decoder}: ${sample.name}`, sample] as const))('%s', (_, sample) => {
    const outer = decode(sample.bytes, sample);
    const inner = decode(sample.bytes, { ...sample, tunnels: 'inner' });
    expect(inner).toMatchObject({
      source: outer.tunnel!.source,
      destination: outer.tunnel!.destination,
      ipProtocol: outer.tunnel!.ipProtocol,
      sourcePort: outer.tunnel!.sourcePort,
      destinationPort: outer.tunnel!.destinationPort,
      tcpFlags: 2,
      failure: null,
    });
    expect(inner.tunnel).toEqual({
      type: outer.tunnel!.type,
      layer: 'outer',
      id: outer.tunnel!.id,
      source: outer.source,
      destination: outer.destination,
      ipProtocol: outer.ipProtocol,
      sourcePort: outer.sourcePort,
      destinationPort: outer.destinationPort,
    });
  });
});

describe('a frame that cannot be decoded whole', () => {
  it('is known for every failure', () => {
    const known = new Set<string>(FAILING_FRAMES.map((frame) => frame.failure));
    expect(DECODE_FAILURES.filter((name) => name !== '' && !known.has(name))).toEqual([]);
  });

  it.each(FAILING_FRAMES.map((frame, index) => [frame.failure, index, frame] as const))(
    'fails by name and keeps its source: %s (%i)',
    (failure, _, frame) => {
      const decoded = decode(frame.bytes, frame);
      expect(decoded).toMatchObject({ failure, source: frame.source });
      expect(decode(frame.bytes, { ...frame, surroundings: 0xff })).toEqual(decoded);
    },
  );
});

it('tags nested as deep as the longest frame do not exhaust the stack', () => {
  const levels = 14_000; // 18 bytes each, close to the 262,144 that a frame can have
  const bytes = Buffer.concat([
    ...Array.from({ length: levels }, () => BACKBONE_HEADER),
    ethernet({}, networkData(ETHER_TYPE.lldp, Buffer.alloc(4))),
  ]);
  expect(decode(bytes, { linkType: LINK_TYPE.ethernet }).failure).toBe('link_too_deep');
});

it('tags of the EtherTypes that a node is told of are VLAN tags', () => {
  const tag = (id: number, packet: NetworkPacket): NetworkPacket => vlan({ id, tagProtocol: 0xa0a0 }, packet);
  const packet = ipv4({ source: '192.0.2.1', destination: '198.51.100.2' }, icmp({ type: 8 }));
  const bytes = ethernet({}, tag(118, tag(10, packet)));
  const untold = decode(bytes, { linkType: LINK_TYPE.ethernet });
  expect(untold).toMatchObject({ vlan: null, etherType: 0xa0a0, source: '02:00:00:00:00:01' });
  const told = decode(bytes, { linkType: LINK_TYPE.ethernet, vlanTpids: parseVlanTpids('0x9999,0xA0A0') });
  expect(told).toMatchObject({ vlan: 118, innerVlan: 10, source: '192.0.2.1', icmpType: 8 });
  expect(VLAN_TPIDS_OPTION.pattern.test.test('0xa0a0,0x9101')).toBe(true);
  for (const refused of ['a0a0', '0xa0', '0xa0a0,', '37120'])
    expect(VLAN_TPIDS_OPTION.pattern.test.test(refused)).toBe(false);
});
