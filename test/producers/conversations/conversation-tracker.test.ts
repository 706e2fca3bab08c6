import { describe, expect, it } from 'vitest';
import { ConversationTracker } from '../../../producers/conversations/conversation-tracker.js';
import { Dissection, decodeFrame } from '../../../producers/decoding/decoder.js';
import {
  PacketBlock,
  ROLE_NAMES,
  ROLE_OPENING,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from '../../../schemas/packets/packet-block.js';
import { LINK_TYPE, rawIp } from '../../support/frames.js';
import { ipv4, ipv6, type NetworkPacket } from '../../support/ip-packets.js';
import { Random } from '../../support/random.js';
import { icmp, sctp, tcp, udp } from '../../support/transport-segments.js';

const SECOND = 1_000_000;
const START = 1_700_000_000 * SECOND;
const A = { address: '192.0.2.1', port: 50000 };
const B = { address: '198.51.100.2', port: 4433 };
type End = typeof A;

/** A capture node's table, fed with one packet at a time. */
class Node {
  private readonly block = new PacketBlock(4);
  private readonly dissection = new Dissection();

  constructor(readonly table = new ConversationTracker()) {}

  role(packet: NetworkPacket, time = START): string {
    const { block } = this;
    block.reset();
    const bytes = rawIp(packet);
    const row = decodeFrame(block, LINK_TYPE.raw, bytes, 0, bytes.length, bytes.length, time, 0, this.dissection);
    this.table.classify(block, row, row + 1);
    return ROLE_NAMES[block.role[row]!]!;
  }
}

function packet(from: End, to: End, build: typeof udp | typeof tcp | typeof sctp, flags = TCP_SYN): NetworkPacket {
  const payload = build({ sourcePort: from.port, destinationPort: to.port, flags } as Parameters<typeof tcp>[0]);
  const ends = { source: from.address, destination: to.address };
  return from.address.includes(':') ? ipv6(ends, payload) : ipv4(ends, payload);
}

const A6 = { address: '2001:db8::1', port: 50000 };
const B6 = { address: '2001:db8::2', port: 4433 };

describe.each([
  ['IPv4', A, B],
  ['IPv4, the higher address first', B, A],
  ['IPv6', A6, B6],
  ['IPv6, the higher address first', B6, A6],
  ['one address on both ends', A, { ...A, port: 7 }],
  ['one IPv6 address on both ends', A6, { ...A6, port: 7 }],
  // What the table orders the ends by leaves these as they are, or takes each for lower than the other.
  ['addresses half the numbers apart', A, { address: '64.0.2.1', port: 4433 }],
  ['IPv6 addresses that the table makes the same of', A6, { address: '2001:db8::1:8add:f0c6', port: 44333 }],
  ['IPv6 addresses that it makes half the numbers apart', A6, { address: '2001:db8::1:add:f0c6', port: 4433 }],
] as const)('%s', (_, client, server) => {
  it.each([
    ['UDP', udp],
    ['SCTP', sctp],
  ] as const)('%s: the first packet opens', (_name, build) => {
    const node = new Node();
    expect(node.role(packet(client, server, build))).toBe('opening');
    expect(node.role(packet(client, server, build))).toBe('originator');
    expect(node.role(packet(server, client, build))).toBe('responder');
    expect(node.role(packet({ ...client, port: 1 }, server, build))).toBe('opening');
  });

  it('TCP: the SYN opens and a handshake tells the ends', () => {
    const node = new Node();
    expect(node.role(packet(client, server, tcp, TCP_SYN))).toBe('opening');
    expect(node.role(packet(client, server, tcp, TCP_SYN))).toBe('originator');
    expect(node.role(packet(server, client, tcp, TCP_SYN | TCP_ACK))).toBe('responder');
    expect(node.role(packet(client, server, tcp, TCP_ACK))).toBe('originator');
    expect(node.role(packet(server, client, tcp, TCP_RST | TCP_ACK))).toBe('responder');
  });

  it('TCP: SYN and ACK alone tells the ends', () => {
    const node = new Node();
    expect(node.role(packet(server, client, tcp, TCP_SYN | TCP_ACK))).toBe('responder');
    expect(node.role(packet(client, server, tcp, TCP_ACK))).toBe('originator');
  });

  it('TCP: a connection whose begin was not seen stays unknown until a SYN', () => {
    const node = new Node();
    expect(node.role(packet(server, client, tcp, TCP_ACK | TCP_PSH))).toBe('unknown');
    expect(node.role(packet(client, server, tcp, TCP_ACK))).toBe('unknown');
    expect(node.role(packet(client, server, tcp, TCP_SYN))).toBe('opening');
    expect(node.role(packet(server, client, tcp, TCP_ACK))).toBe('responder');
  });

  it.each([
    ['NULL', 0],
    ['FIN', TCP_FIN],
    ['Xmas', TCP_FIN | TCP_PSH | TCP_URG],
  ])('TCP: a %s probe opens', (_name, flags) => {
    const node = new Node();
    expect(node.role(packet(client, server, tcp, flags))).toBe('opening');
    expect(node.role(packet(server, client, tcp, TCP_RST | TCP_ACK))).toBe('responder');
  });
});

it('packets without ports have no role', () => {
  const node = new Node();
  const ends = { source: A.address, destination: B.address };
  expect(node.role(ipv4(ends, icmp({ type: 8 })))).toBe('unknown');
  const later = ipv4({ ...ends, fragmentOffset: 8 }, udp({ sourcePort: 1, destinationPort: 2 }));
  expect(node.role(later)).toBe('unknown');
});

it('UDP and TCP on the same ports are two conversations', () => {
  const node = new Node();
  expect(node.role(packet(A, B, udp))).toBe('opening');
  expect(node.role(packet(B, A, tcp, TCP_SYN))).toBe('opening');
  expect(node.role(packet(B, A, udp))).toBe('responder');
});

it('a conversation idle for longer than the timeout is forgotten, by event time', () => {
  const node = new Node(new ConversationTracker({ idleTimeoutMicroseconds: 60 * SECOND }));
  expect(node.role(packet(A, B, udp), START)).toBe('opening');
  expect(node.role(packet(B, A, udp), START + 60 * SECOND)).toBe('responder');
  expect(node.role(packet(B, A, udp), START + 120 * SECOND)).toBe('responder');
  expect(node.role(packet(B, A, udp), START + 181 * SECOND)).toBe('opening');
  expect(node.role(packet(A, B, udp), START)).toBe('responder'); // out of order: nothing to forget
  expect(node.table.evicted).toBe(0);
});

it('a full table forgets those idle for longest, counts them, and stays within its memory', () => {
  const capacity = 1024;
  const node = new Node(new ConversationTracker({ capacity }));
  expect(node.table.capacity).toBe(capacity);
  const conversations = 20 * capacity;
  for (let index = 0; index < conversations; index++) {
    const from = { address: `10.0.${index >> 8}.${index & 255}`, port: 1000 };
    expect(node.role(packet(from, B, udp), START + index)).toBe('opening');
  }
  expect(node.table.evicted).toBeGreaterThanOrEqual(conversations - capacity);
  const recent = { address: `10.0.${(conversations - 1) >> 8}.${(conversations - 1) & 255}`, port: 1000 };
  expect(node.role(packet(B, recent, udp), START + conversations)).toBe('responder');
});

it('agrees with a table that forgets nothing, on random traffic', () => {
  const random = new Random(3);
  const node = new Node();
  const seen = new Set<string>();
  const hosts = [
    ...Array.from({ length: 30 }, (_, i) => `10.0.0.${i}`),
    ...Array.from({ length: 30 }, (_, i) => `fd00::${i + 1}`),
  ];
  let opened = 0;
  for (let index = 0; index < 20_000; index++) {
    const from = { address: random.pick(hosts), port: random.between(1, 12) };
    const family = hosts.filter((host) => host.includes(':') === from.address.includes(':'));
    const to = { address: random.pick(family), port: random.between(1, 12) };
    const key = [`${from.address} ${from.port}`, `${to.address} ${to.port}`].sort().join(' ');
    const opens = node.role(packet(from, to, udp), START + index * 1000) === ROLE_NAMES[ROLE_OPENING];
    expect(opens).toBe(!seen.has(key));
    seen.add(key);
    if (opens) opened++;
  }
  expect(opened).toBeGreaterThan(1000);
  expect(node.table.evicted).toBe(0);
});

it('tells of many rows at once what it tells of one after the other, in a table that is too small for them', () => {
  const random = new Random(4);
  const rows = 5000;
  const block = new PacketBlock(rows);
  const dissection = new Dissection();
  const hosts = ['10.0.0.1', '10.0.0.2', '138.0.0.2', '2001:db8::1', '2001:db8::2', 'a001:db8::1'];
  for (let index = 0; index < rows; index++) {
    const from = { address: random.pick(hosts), port: random.between(1, 20) };
    const family = hosts.filter((host) => host.includes(':') === from.address.includes(':'));
    const to = { address: random.pick(family), port: random.between(1, 20) };
    const flags = random.pick([TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_RST]);
    const isPing = random.below(10) === 0 && !from.address.includes(':');
    const ends = { source: from.address, destination: to.address };
    const built = isPing ? ipv4(ends, icmp({ type: 8 })) : packet(from, to, random.pick([udp, tcp]), flags);
    const bytes = rawIp(built);
    const time = START + index * 1000;
    decodeFrame(block, LINK_TYPE.raw, bytes, 0, bytes.length, bytes.length, time, 0, dissection);
  }
  const one = new ConversationTracker({ capacity: 256 });
  for (let row = 0; row < rows; row++) one.classify(block, row, row + 1);
  const expected = [...block.role.subarray(0, rows)];
  expect(new Set(expected).size).toBe(ROLE_NAMES.length);
  block.role.fill(0);
  const many = new ConversationTracker({ capacity: 256 });
  many.classify(block, 0, 3);
  many.classify(block, 3, rows);
  expect([...block.role.subarray(0, rows)]).toEqual(expected);
  expect(many.evicted).toBe(one.evicted);
  expect(one.evicted).toBeGreaterThan(0);
});
