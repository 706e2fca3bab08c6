/** The same packet seen twice by one node counts once; the same packet sent twice counts twice. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Balance } from '../../../producers/balance.js';
import { decodeCapture } from '../../../producers/decoding/capture-decoder.js';
import { CopyFilter, copyWindow } from '../../../producers/decoding/copies.js';
import { Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import { Intake } from '../../../producers/decoding/intake.js';
import { Registry } from '../../../runtime/process/metrics.js';
import { PacketBlock, type PacketOrigin } from '../../../schemas/packets/packet-block.js';
import { ethernet, LINK_TYPE, linuxCooked, linuxCooked2 } from '../../support/frames.js';
import { ipv4, ipv6, type NetworkPacket } from '../../support/ip-packets.js';
import { requireSharedCaptures, sharedCaptureFolder } from '../../support/shared-captures.js';
import { tcp, udp } from '../../support/transport-segments.js';

const START = 1_700_000_000_000_000;
const WINDOW = 5000;
const ORIGIN: PacketOrigin = {
  captureNode: 'node',
  interface: 'eth0',
  linkType: LINK_TYPE.ethernet,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
};
const HERE = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const BEHIND = { source: '02:00:00:00:00:03', destination: '02:00:00:00:00:04' };
const ENDS = { source: '192.0.2.1', destination: '198.51.100.2' };
const PORTS = { sourcePort: 1000, destinationPort: 80 };

class Node {
  private readonly block = new PacketBlock(1);
  private readonly dissection = new Dissection();
  private readonly filter = new CopyFilter();

  isCopy(packet: NetworkPacket, macs: typeof HERE, time: number): boolean {
    const { block } = this;
    block.reset();
    const bytes = ethernet(macs, packet);
    const origin = block.originIndex(ORIGIN);
    const row = decodeFrame(block, 1, bytes, 0, bytes.length, bytes.length, time, origin, this.dissection);
    return this.filter.isCopy(block, row, this.dissection, WINDOW);
  }
}

it.each([
  ['TCP', ipv4({ ...ENDS, id: 7 }, tcp(PORTS)), ipv4({ ...ENDS, id: 7, ttl: 63 }, tcp(PORTS))],
  ['UDP', ipv4({ ...ENDS, id: 7 }, udp(PORTS)), ipv4({ ...ENDS, id: 7, ttl: 63 }, udp(PORTS))],
  [
    'TCP over IPv6',
    ipv6({ source: '2001:db8::1', destination: '2001:db8::2' }, tcp(PORTS)),
    ipv6({ source: '2001:db8::1', destination: '2001:db8::2', hopLimit: 63 }, tcp(PORTS)),
  ],
])('%s behind the router is a copy, within the window', (_, before, after) => {
  const node = new Node();
  expect(node.isCopy(before, HERE, START)).toBe(false);
  expect(node.isCopy(after, BEHIND, START + 200)).toBe(true);
  expect(node.isCopy(after, BEHIND, START + WINDOW + 1)).toBe(false);
});

it('what is sent again is none: on the same way, with another identification, sequence or length', () => {
  const node = new Node();
  const packet = ipv4({ ...ENDS, id: 7 }, tcp(PORTS));
  expect(node.isCopy(packet, HERE, START)).toBe(false);
  expect(node.isCopy(packet, HERE, START + 10)).toBe(false);
  expect(node.isCopy(ipv4({ ...ENDS, id: 8, ttl: 63 }, tcp(PORTS)), BEHIND, START + 20)).toBe(false);
  expect(node.isCopy(ipv4({ ...ENDS, id: 7 }, tcp({ ...PORTS, sequence: 2 })), BEHIND, START + 30)).toBe(false);
  expect(node.isCopy(ipv4({ ...ENDS, id: 7 }, tcp(PORTS, Buffer.from('x'))), BEHIND, START + 40)).toBe(false);
});

it.each([
  ['v2, by the interface', LINK_TYPE.linuxCooked2, linuxCooked2, { interfaceIndex: 3 }, { interfaceIndex: 4 }],
  ['v1, by the direction', LINK_TYPE.linuxCooked, linuxCooked, { packetType: 3 }, { packetType: 0 }],
] as const)('what a bridge passes on, captured on any, counts once: cooked %s', (_, linkType, cooked, port, bridge) => {
  const balance = new Balance(new Registry());
  let packets = 0;
  const intake = new Intake({ captureNode: 'node', sampling: { kind: 'none', rate: 1 } }, balance, (record) => {
    packets += record.packets;
  });
  const source = intake.source({ name: 'any', timeline: '' });
  source.onInterface({ index: 0, linkType, name: 'any' } as Parameters<typeof source.onInterface>[0]);
  const packet = ipv4({ ...ENDS, id: 7 }, tcp(PORTS));
  // Sent twice, and each time seen at the port of the bridge and at the bridge itself.
  for (const at of [port, bridge, port, bridge]) {
    const bytes = cooked(at, packet);
    source.onFrame(bytes, 0, bytes.length, bytes.length, START, 0);
  }
  intake.flush();
  expect([packets, balance.total().dropped.duplicate]).toEqual([2, 2]);
});

it('is off on one interface, and on where nobody asked only on any and in replays', () => {
  expect(copyWindow(0, ORIGIN)).toBe(0);
  expect(copyWindow(0, { ...ORIGIN, linkType: 113 })).toBe(10_000);
  expect(copyWindow(0, { ...ORIGIN, linkType: 276 })).toBe(10_000);
  expect(copyWindow(0, { ...ORIGIN, timeline: 'replay/1' })).toBe(10_000);
  expect(copyWindow(3000, ORIGIN)).toBe(3000);
});

it('a capture node counts what it leaves out by cause', () => {
  const balance = new Balance(new Registry());
  let packets = 0;
  const options = { captureNode: 'node', sampling: { kind: 'none', rate: 1 }, dedupeWindow: WINDOW } as const;
  const intake = new Intake(options, balance, (record) => {
    packets += record.packets;
  });
  const source = intake.source({ name: 'eth0', timeline: '' });
  source.onInterface({ index: 0, linkType: 1, name: 'eth0' } as Parameters<typeof source.onInterface>[0]);
  for (const macs of [HERE, BEHIND, HERE]) {
    const bytes = ethernet(macs, ipv4({ ...ENDS, id: 7 }, tcp(PORTS)));
    source.onFrame(bytes, 0, bytes.length, bytes.length, START, 0);
  }
  intake.flush();
  expect([packets, balance.total().dropped.duplicate]).toEqual([2, 1]);
});

it.for([
  ['span-duplicate', 70, 70],
  ['seen-thrice', 600, 1200],
] as const)('%s', async ([name, kept, copies], context) => {
  requireSharedCaptures(context);
  const path = join(sharedCaptureFolder, 'cases', `${name}.pcap`);
  const decoded = await decodeCapture(path, { timeline: name, dedupeWindow: 0 }, () => undefined);
  expect([decoded.frames - decoded.copies, decoded.copies]).toEqual([kept, copies]);
});
