/** The tracker of conversations against one written slowly and plainly, on random traffic: roles and every row. */
import { describe, expect, it } from 'vitest';
import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import { Payloads } from '../../../producers/decoding/payloads.js';
import { PacketBlock, type PacketOrigin, ROLE_NAMES } from '../../../schemas/packets/packet-block.js';
import { conversationRow, receivedRow } from '../../support/conversation-tap.js';
import { ethernet, LINK_TYPE, vlan } from '../../support/frames.js';
import { ipv4, ipv6, type NetworkPacket } from '../../support/ip-packets.js';
import { Random } from '../../support/random.js';
import { type IpPayload, icmp, icmpv6, sctp, tcp, udp } from '../../support/transport-segments.js';
import { leap, RandomNetwork, type UntimedPacket } from './random-packets.js';
import type { ReferenceReceivedRow } from './reference-received.js';
import type { ReferenceRow } from './reference-tracker.js';
import { type Ends, ReferenceTracker } from './reference-tracker.js';

const PACKETS = 1500;
const START = 1_700_000_000_000_000;
const UPDATE_INTERVAL = 2_000_000;

const ORIGINS: readonly PacketOrigin[] = ['eth0', 'eth1'].map((name) => ({
  captureNode: 'node',
  interface: name,
  linkType: LINK_TYPE.ethernet,
  timeline: '',
  sampling: 'none',
  samplingRate: 1,
  site: 'here',
}));

function transport(packet: UntimedPacket): IpPayload {
  const { protocol, icmp: message, payload, flags } = packet;
  if (message === null) {
    const ports = { sourcePort: packet.sourcePort, destinationPort: packet.destinationPort };
    if (protocol === 6) return tcp({ ...ports, flags }, payload);
    return protocol === 17 ? udp(ports, payload) : sctp({ ...ports }, payload);
  }
  const quoted = message.quote === null ? payload : network({ ...packet, ...message.quote, icmp: null }).bytes;
  const options = { type: message.type, code: message.code, rest: message.quote === null ? message.id << 16 : 0 };
  return protocol === 1 ? icmp(options, quoted) : icmpv6(options, quoted);
}

function network(packet: UntimedPacket & Ends): NetworkPacket {
  const ends = { source: packet.source, destination: packet.destination };
  return packet.source.includes(':') ? ipv6(ends, transport(packet)) : ipv4(ends, transport(packet));
}

function frameOf(packet: UntimedPacket): Buffer {
  return ethernet({}, packet.vlan === 0 ? network(packet) : vlan({ id: packet.vlan }, network(packet)));
}

/** The tracker as a capture node feeds it: a few packets at a time. */
class FastTracker {
  readonly rows: ReferenceRow[] = [];
  readonly received: ReferenceReceivedRow[] = [];
  readonly roles: string[] = [];
  private readonly block = new PacketBlock(64);
  private readonly payloads = new Payloads();
  private readonly dissection = new Dissection();
  readonly tracker = new ConversationTracker({
    updateIntervalMicroseconds: UPDATE_INTERVAL,
    unansweredRowsMax: Number.POSITIVE_INFINITY,
    deliver: (conversations, received) => {
      for (let row = 0; row < conversations.count; row++) {
        const origin = conversations.origins[conversations.origin[row]!]!;
        this.rows.push({
          ...conversationRow(conversations, row),
          vlan: conversations.vlan[row]!,
          interface: origin.interface,
        });
      }
      for (let row = 0; row < received.count; row++) {
        this.received.push({
          ...receivedRow(received, row),
          interface: received.origins[received.origin[row]!]!.interface,
          last: received.last[row]!,
          bytes: received.bytes[row]!,
          unaskedBytes: received.unaskedBytes[row]!,
        });
      }
    },
  });

  constructor(private readonly batch: number) {}

  see(frame: Buffer, name: string, time: number): void {
    const { block } = this;
    const origin = block.originIndex(ORIGINS.find((known) => known.interface === name)!);
    const row = decodeFrame(
      block,
      LINK_TYPE.ethernet,
      frame,
      0,
      frame.length,
      frame.length,
      time,
      origin,
      this.dissection,
    );
    this.payloads.keep(row, block, row, this.dissection, frame);
    if (block.count === this.batch) this.classify();
  }

  classify(): void {
    const { block, tracker } = this;
    tracker.classify(block, 0, block.count, this.payloads);
    for (let row = 0; row < block.count; row++) this.roles.push(ROLE_NAMES[block.role[row]!]!);
    tracker.flush();
    block.reset();
  }
}

/** As texts, whatever the order of rows and of the names in one. */
function sorted(rows: readonly object[]): string[] {
  return rows.map((row) => JSON.stringify(inOrder(row))).sort();
}

function inOrder(value: object): unknown {
  const entries = Object.entries(value).map(([name, part]) => [
    name,
    typeof part === 'object' && part !== null && !Array.isArray(part) ? inOrder(part) : part,
  ]);
  return entries.sort();
}

describe.each([
  ['both directions', false],
  ['one direction', true],
] as const)('a tap of %s', (_, isOneWay) => {
  it.each([1, 2, 3, 4, 5, 6])('random traffic, seed %i', (seed) => {
    const random = new Random(seed * 1000 + (isOneWay ? 1 : 0));
    const network = new RandomNetwork(random, isOneWay);
    const reference = new ReferenceTracker(UPDATE_INTERVAL);
    const fast = new FastTracker([1, 7, 64][seed % 3]!);
    const roles: string[] = [];
    let time = START;
    for (let count = 0; count < PACKETS; count++) {
      time += leap(random);
      const packet = network.next();
      const frame = frameOf(packet);
      roles.push(reference.see({ ...packet, time, length: frame.length }));
      fast.see(frame, packet.interface, time);
      if (random.below(200) === 0) {
        fast.classify();
        fast.tracker.passTime(time + 500_000);
        reference.passTime(time + 500_000);
      }
    }
    fast.classify();
    fast.tracker.finish();
    reference.finish();
    expect(fast.roles).toEqual(roles);
    expect(sorted(fast.rows)).toEqual(sorted(reference.rows));
    expect(sorted(fast.received)).toEqual(sorted(reference.received.finished));
  });
});
