/** What a capture node tells of conversations: states, outcomes, events, and what hosts received. */
import { describe, expect, it } from 'vitest';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../../schemas/packets/packet-block.js';
import { dnsResponse } from '../../support/application-messages.js';
import { ConversationTap } from '../../support/conversation-tap.js';
import { ipv4, ipv6, type NetworkPacket } from '../../support/ip-packets.js';
import { icmp, icmpv6, ipData, sctp, tcp, udp } from '../../support/transport-segments.js';

const SECOND = 1_000_000;
const START = 1_700_000_000 * SECOND;
const CLIENT = '192.0.2.1';
const SERVER = '198.51.100.2';
const CLIENT_PORT = 50_000;
const SERVER_PORT = 8000;
const DATA = Buffer.from('0123456789');

function segment(from: 'c' | 's', flags: number, payload?: Buffer): NetworkPacket {
  const isClient = from === 'c';
  return ipv4(
    { source: isClient ? CLIENT : SERVER, destination: isClient ? SERVER : CLIENT },
    tcp(
      {
        sourcePort: isClient ? CLIENT_PORT : SERVER_PORT,
        destinationPort: isClient ? SERVER_PORT : CLIENT_PORT,
        flags,
      },
      payload,
    ),
  );
}

/** A packet a millisecond: "cS" is a SYN of the client, "sSA" the server's answer, "cAD" a segment of the client with data. */
function play(tap: ConversationTap, script: string, start = START): number {
  let time = start;
  for (const word of script.split(' ')) {
    let flags = 0;
    for (const letter of word.slice(1)) flags |= FLAGS[letter] ?? 0;
    tap.see(segment(word[0] as 'c' | 's', flags, word.includes('D') ? DATA : undefined), time);
    time += 1000;
  }
  return time;
}
const FLAGS: Readonly<Record<string, number>> = {
  S: TCP_SYN,
  A: TCP_ACK,
  F: TCP_FIN,
  R: TCP_RST,
  P: TCP_PSH,
  U: TCP_URG,
};

describe('every state of a TCP connection, with its history and outcome', () => {
  it.each([
    ['S0', 'cS', 'S', 'unanswered', []],
    ['S0', 'cS cS cS', 'S', 'unanswered', []],
    ['S1', 'cS sSA', 'Sh', 'answered', ['answered']],
    ['S1', 'cS sSA cA cAPD sA sAPD', 'ShADad', 'answered', ['answered']],
    ['S2', 'cS sSA cA cAF sA', 'ShAFa', 'answered', ['answered']],
    ['S3', 'cS sSA cA sAF cA', 'ShAf', 'answered', ['answered']],
    ['SF', 'cS sSA cA cAPD sAPD cAF sAF cA', 'ShADdFf', 'answered', ['answered']],
    ['REJ', 'cS sRA', 'Sr', 'refused_rst', ['refused']],
    ['RSTO', 'cS sSA cA cAPD cR', 'ShADR', 'answered', ['answered']],
    ['RSTO', 'cS sSA cR', 'ShR', 'answered', ['answered']],
    ['RSTR', 'cS sSA cA sR', 'ShAr', 'answered', ['answered']],
    ['RSTOS0', 'cS cR', 'SR', 'unanswered', []],
    ['SH', 'cS cF', 'SF', 'unanswered', []],
    ['RSTRH', 'sSA sR', '^hr', 'unseen', []],
    ['SHR', 'sSA sAF', '^hf', 'unseen', []],
    // The SYN was missed, and the handshake goes on: it was answered.
    ['S1', 'sSA cA cAD sA', '^hADa', 'answered', ['answered']],
    ['OTH', 'cA sA cAD', 'AaD', 'unseen', []],
    // A usual end after all: the server aborts after its FIN.
    ['SF', 'cS sSA cA sAF sR cAF', 'ShAfrF', 'answered', ['answered']],
    ['REJ', 'cF sRA', 'Fr', 'refused_rst', ['refused']],
    ['SF', 'cS sSA cA cAF sA sAF cA sR', 'ShAFafr', 'answered', ['answered']],
  ] as const)('%s: %s', (state, script, history, outcome, events) => {
    const tap = new ConversationTap();
    play(tap, script);
    expect(tap.conversations.map(({ event }) => event)).toEqual(events);
    tap.finish();
    const row = tap.conversations.at(-1)!;
    // A FIN without a SYN before is a probe; a RST to it makes the state what it makes of any.
    if (script !== 'cF sRA') expect(row.state).toBe(state);
    expect(row).toMatchObject({ event: 'ended', history, outcome, originator: CLIENT, responderPort: SERVER_PORT });
    expect(row.begun).toBe(outcome !== 'unseen');
  });
});

it('counts packets, wire and payload of both ends, and when', () => {
  const tap = new ConversationTap();
  play(tap, 'cS sSA cA cAD cAD sAD');
  tap.finish();
  expect(tap.conversations[0]).toMatchObject({ event: 'answered', time: START + 1000, packets: [1, 1] });
  expect(tap.conversations[1]).toMatchObject({
    start: START,
    last: START + 5000,
    time: START + 5000,
    packets: [4, 2],
    bytes: [4 * 40 + 20, 2 * 40 + 10],
    payload: [20, 10],
  });
});

describe('ends', () => {
  it.each([
    ['an attempt after ten seconds', 'cS', 10],
    ['a closed connection after five seconds', 'cS sSA cA cAF sAF cA', 5],
    ['an aborted one after a second', 'cS sRA', 1],
    ['an idle one after five minutes', 'cS sSA cA', 300],
  ] as const)('%s', (_, script, seconds) => {
    const tap = new ConversationTap();
    const last = play(tap, script) - 1000;
    const other = ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2' },
      udp({ sourcePort: 1111, destinationPort: 2222 }),
    );
    tap.see(other, last + seconds * SECOND - 1);
    expect(tap.told.filter((told) => told.startsWith('ended'))).toEqual([]);
    // Seconds of the clock: it is over within the next.
    tap.see(other, last + (seconds + 1) * SECOND);
    expect(tap.conversations.at(-1)).toMatchObject({ event: 'ended', time: last, originator: CLIENT });
  });

  it('goes on while it is used, and is told of every minute', () => {
    const tap = new ConversationTap();
    play(tap, 'cS sSA cA');
    for (let minute = 1; minute <= 10; minute++) play(tap, 'cAD', START + minute * 61 * SECOND);
    expect(tap.told).toEqual(['answered answered S1', ...Array(10).fill('updated answered S1')]);
  });

  it('a SYN after the end begins another, and one in the middle of an unknown connection does', () => {
    const tap = new ConversationTap();
    const roles = (script: string, at: number): string[] =>
      script
        .split(' ')
        .map((word, index) => tap.see(segment(word[0] as 'c', word === 'cS' ? TCP_SYN : TCP_ACK), at + index));
    play(tap, 'cS sSA cA cAF sAF');
    expect(roles('cS', START + SECOND)).toEqual(['opening']);
    expect(tap.told).toEqual(['answered answered S1', 'ended answered SF']);
    const other = new ConversationTap();
    play(other, 'cAD sA cS');
    other.finish();
    expect(other.told).toEqual(['ended unseen OTH', 'ended unanswered S0']);
  });

  it('an attempt repeated late is no opening', () => {
    const tap = new ConversationTap();
    expect(tap.see(segment('c', TCP_SYN), START)).toBe('opening');
    expect(tap.see(segment('c', TCP_SYN), START + 15 * SECOND)).toBe('originator');
    tap.finish();
    expect(tap.told).toEqual(['ended unanswered S0', 'ended unanswered S0']);
  });
});

const ENDS = { source: CLIENT, destination: SERVER };
const BACK = { source: SERVER, destination: CLIENT };

describe('datagrams', () => {
  it.each([
    ['UDP', udp],
    ['SCTP', sctp],
  ] as const)('%s is answered by a datagram back', (_, build) => {
    const tap = new ConversationTap();
    tap.see(ipv4(ENDS, build({ sourcePort: CLIENT_PORT, destinationPort: SERVER_PORT })), START);
    expect(tap.told).toEqual([]);
    tap.see(ipv4(BACK, build({ sourcePort: SERVER_PORT, destinationPort: CLIENT_PORT })), START + 1000);
    expect(tap.told).toEqual(['answered answered SF']);
  });

  it('ICMP echo is a conversation of its identifier', () => {
    const tap = new ConversationTap();
    for (const id of [7, 8]) tap.see(ipv4(ENDS, icmp({ type: 8, rest: id << 16 })), START + id);
    expect(tap.see(ipv4(BACK, icmp({ type: 0, rest: 7 << 16 })), START + 1000)).toBe('unknown');
    tap.finish();
    expect(tap.told).toEqual(['answered answered OTH', 'ended unanswered OTH', 'ended answered OTH']);
    expect(tap.conversations[0]).toMatchObject({ originatorPort: 8, icmpId: 7, protocol: 1, originator: CLIENT });
    expect(tap.received).toMatchObject([{ target: SERVER, port: 8, attempts: 2, answered: 1, packets: 2 }]);
  });

  it('ICMPv6 echo too', () => {
    const tap = new ConversationTap();
    const ends = { source: '2001:db8::1', destination: '2001:db8::2' };
    tap.see(ipv6(ends, icmpv6({ type: 128, rest: 7 << 16 })), START);
    tap.see(
      ipv6({ source: ends.destination, destination: ends.source }, icmpv6({ type: 129, rest: 7 << 16 })),
      START + 1,
    );
    expect(tap.conversations).toMatchObject([{ outcome: 'answered', originator: '2001:db8::1', originatorPort: 128 }]);
  });
});

describe('an ICMP error that quotes the attempt refuses it', () => {
  const attempts: readonly (readonly [string, NetworkPacket])[] = [
    ['TCP', segment('c', TCP_SYN)],
    ['UDP', ipv4(ENDS, udp({ sourcePort: CLIENT_PORT, destinationPort: SERVER_PORT }, DATA))],
    ['ICMP echo', ipv4(ENDS, icmp({ type: 8, rest: 7 << 16 }))],
  ];
  it.each(attempts)('%s', (_, attempt) => {
    const tap = new ConversationTap();
    tap.see(attempt, START);
    const error = (type: number, code: number): NetworkPacket =>
      ipv4({ source: '203.0.113.9', destination: CLIENT }, icmp({ type, code }, attempt.bytes.subarray(0, 28)));
    // Expired on its way, too large: neither is a refusal.
    tap.see(error(11, 0), START + 1000);
    tap.see(error(3, 4), START + 2000);
    expect(tap.told).toEqual([]);
    tap.see(error(3, 1), START + 3000);
    tap.see(error(3, 1), START + 4000);
    expect(tap.conversations).toMatchObject([{ event: 'refused', outcome: 'refused_icmp', time: START + 3000 }]);
    tap.finish();
    expect(tap.received).toMatchObject([{ target: SERVER, attempts: 1, refused: 1, answered: 0 }]);
  });

  it('IPv6', () => {
    const tap = new ConversationTap();
    const ends = { source: '2001:db8::1', destination: '2001:db8::2' };
    const attempt = ipv6(ends, udp({ sourcePort: CLIENT_PORT, destinationPort: SERVER_PORT }));
    tap.see(attempt, START);
    tap.see(
      ipv6({ source: '2001:db8::9', destination: ends.source }, icmpv6({ type: 1, code: 4 }, attempt.bytes)),
      START + 1,
    );
    expect(tap.told).toEqual(['refused refused_icmp S0']);
  });

  it('but not what answers an answer, or quotes something that was never sent', () => {
    const tap = new ConversationTap();
    play(tap, 'cS');
    const quote = (packet: NetworkPacket): NetworkPacket =>
      ipv4({ source: '203.0.113.9', destination: CLIENT }, icmp({ type: 3, code: 1 }, packet.bytes));
    tap.see(quote(segment('s', TCP_SYN)), START + 1000);
    tap.see(quote(ipv4(ENDS, tcp({ sourcePort: 1, destinationPort: 2 }))), START + 1000);
    tap.see(ipv4(ENDS, icmp({ type: 3, code: 1 }, Buffer.from([0x45, 0]))), START + 1000);
    expect(tap.told).toEqual([]);
  });
});

describe('who began', () => {
  const datagram = (source: string, sourcePort: number, destination: string, destinationPort: number): NetworkPacket =>
    ipv4({ source, destination }, udp({ sourcePort, destinationPort }, DATA));

  it('a TFTP server answers from a port of its own', () => {
    const tap = new ConversationTap();
    expect(tap.see(datagram(CLIENT, 40_000, SERVER, 69), START)).toBe('opening');
    expect(tap.see(datagram(SERVER, 41_000, CLIENT, 40_000), START + 1)).toBe('responder');
    expect(tap.see(datagram(CLIENT, 40_000, SERVER, 41_000), START + 2)).toBe('originator');
    expect(tap.conversations).toMatchObject([{ originator: CLIENT, responderPort: 41_000, outcome: 'answered' }]);
    // Nobody expects it a minute later.
    expect(tap.see(datagram(SERVER, 42_000, CLIENT, 40_000), START + 61 * SECOND)).toBe('opening');
  });

  it.each([
    ['SSDP', '239.255.255.250', 1900],
    ['LLMNR', '224.0.0.252', 5355],
    ['multicast DNS', '224.0.0.251', 5353],
    ['NetBIOS names', '192.0.2.255', 137],
  ])('%s: anybody may answer a question to all', (_, group, port) => {
    const tap = new ConversationTap();
    expect(tap.see(datagram(CLIENT, 40_000, group, port), START)).toBe('opening');
    for (const host of ['192.0.2.7', '192.0.2.8']) {
      expect(tap.see(datagram(host, 43_000, CLIENT, 40_000), START + 1)).toBe('responder');
    }
  });

  it.each([
    ['a resolver', 53],
    ['QUIC', 443],
    ['NTP', 123],
    ['SSDP', 1900],
    ['LLMNR', 5355],
  ])('%s, heard first, does not open; who speaks to it then is the originator', (_, port) => {
    const tap = new ConversationTap();
    expect(tap.see(datagram(SERVER, port, CLIENT, 40_000), START)).toBe('unknown');
    expect(tap.see(datagram(SERVER, port, CLIENT, 40_000), START + 1)).toBe('unknown');
    expect(tap.see(datagram(CLIENT, 40_000, SERVER, port), START + 2)).toBe('originator');
    expect(tap.see(datagram(SERVER, port, CLIENT, 40_000), START + 3)).toBe('responder');
    tap.finish();
    expect(tap.conversations).toMatchObject([{ originator: CLIENT, begun: false, outcome: 'unseen', state: 'SF' }]);
    expect(tap.received).toMatchObject([{ target: CLIENT, port, unasked: 2, attempts: 0, sources: [SERVER] }]);
  });

  it.each([
    ['an empty datagram', 53, Buffer.alloc(0)],
    ['a question of DNS', 53, Buffer.from('123401000001000000000000', 'hex')],
    ['an empty datagram', 161, Buffer.alloc(0)],
    ['a client of NTP', 123, Buffer.from([0x23, 0, 0, 0])],
  ])(
    '%s from port %i to a port of no service is no answer: it opens, as a scan with that source port does',
    (_, port, data) => {
      const tap = new ConversationTap();
      const probe = (destinationPort: number): NetworkPacket =>
        ipv4({ source: CLIENT, destination: SERVER }, udp({ sourcePort: port, destinationPort }, data));
      expect(tap.see(probe(40_000), START)).toBe('opening');
      expect(tap.see(probe(40_001), START + 1)).toBe('opening');
      tap.finish();
      expect(tap.received).toMatchObject([
        { attempts: 1, unasked: 0 },
        { attempts: 1, unasked: 0 },
      ]);
    },
  );

  it('the answer of a resolver on a tap of one direction stays one that nobody asked for', () => {
    const tap = new ConversationTap();
    const answer = dnsResponse({ id: 7, name: 'a.example', type: 1 }, [{ address: '192.0.2.1' }]);
    const packet = ipv4(
      { source: SERVER, destination: CLIENT },
      udp({ sourcePort: 53, destinationPort: 40_000 }, answer),
    );
    expect(tap.see(packet, START)).toBe('unknown');
  });

  it('an ABORT of SCTP refuses', () => {
    const tap = new ConversationTap();
    const chunk = Buffer.from([6, 0, 0, 4]);
    tap.see(ipv4({ source: CLIENT, destination: SERVER }, sctp({ sourcePort: 40_000, destinationPort: 3868 })), START);
    tap.see(
      ipv4({ source: SERVER, destination: CLIENT }, sctp({ sourcePort: 3868, destinationPort: 40_000 }, chunk)),
      START + 1,
    );
    tap.finish();
    expect(tap.told).toEqual(['refused refused_rst SF', 'ended refused_rst SF']);
    expect(tap.received).toMatchObject([{ attempts: 1, refused: 1, answered: 0 }]);
  });

  it('services that speak to each other open', () => {
    const tap = new ConversationTap();
    expect(tap.see(datagram(CLIENT, 123, SERVER, 123), START)).toBe('opening');
    expect(tap.see(datagram(CLIENT, 53, SERVER, 53), START)).toBe('opening');
    expect(tap.see(datagram('192.0.2.9', 67, '255.255.255.255', 68), START)).toBe('unknown');
    // A probe from the port of a service to that of another.
    expect(tap.see(datagram('192.0.2.9', 53, SERVER, 161), START)).toBe('opening');
  });

  it.each([
    ['227 Entering Passive Mode (198,51,100,2,195,80)', 's'],
    ['229 Entering Extended Passive Mode (|||50000|)', 's'],
    ['PORT 192,0,2,1,195,80', 'c'],
    ['EPRT |1|192.0.2.1|50000|', 'c'],
  ] as const)('the data connection of FTP was agreed on: %s', (line, from) => {
    const tap = new ConversationTap();
    const control = (sender: 'c' | 's', text: string): NetworkPacket =>
      sender === 'c'
        ? ipv4(ENDS, tcp({ sourcePort: 40_000, destinationPort: 21, flags: TCP_ACK }, Buffer.from(text)))
        : ipv4(BACK, tcp({ sourcePort: 21, destinationPort: 40_000, flags: TCP_ACK }, Buffer.from(text)));
    tap.see(control('s', '220 ready\r\n'), START);
    for (let index = 0; index < 10; index++) tap.see(control('c', `NOOP ${index}\r\n`), START);
    tap.see(control(from, `${line}\r\n`), START);
    const data = (port: number): NetworkPacket =>
      ipv4(from === 's' ? ENDS : BACK, tcp({ sourcePort: from === 's' ? 40_001 : 20, destinationPort: port }));
    expect(tap.see(data(50_001), START)).toBe('opening');
    expect(tap.see(data(50_000), START)).toBe('originator');
  });
});

describe('a tap that sees one direction', () => {
  const client = (port: number, flags: number): NetworkPacket =>
    ipv4(ENDS, tcp({ sourcePort: port, destinationPort: 80, flags }));

  it('says that nothing is known, once handshakes without their other half show it', () => {
    const tap = new ConversationTap();
    for (let port = 1; port <= 6; port++) {
      tap.see(client(port, TCP_SYN), START + port);
      tap.see(client(port, TCP_ACK), START + port);
    }
    expect(tap.told).toEqual(Array(3).fill('unseen unseen S0'));
    tap.finish();
    expect(tap.told.slice(3)).toEqual([...Array(3).fill('ended unanswered S0'), ...Array(3).fill('ended unseen S0')]);
  });

  it('but nothing of the kind where answers are seen, whatever one host pretends', () => {
    const tap = new ConversationTap();
    for (let port = 1; port <= 20; port++) {
      tap.see(client(port, TCP_SYN), START + port);
      if (port <= 3)
        tap.see(ipv4(BACK, tcp({ sourcePort: 80, destinationPort: port, flags: TCP_SYN | TCP_ACK })), START);
      else tap.see(client(port, TCP_ACK), START + port);
    }
    expect(new Set(tap.told)).toEqual(new Set(['answered answered S1']));
  });
});

describe('what a host received', () => {
  it('is summed a slot, with the sources', () => {
    const tap = new ConversationTap();
    for (let host = 1; host <= 9; host++) {
      const ends = { source: `10.0.0.${host}`, destination: SERVER };
      tap.see(ipv4(ends, tcp({ sourcePort: 1000, destinationPort: 80 })), START + 20_000 * host);
    }
    tap.see(segment('s', TCP_RST), START + 500_000);
    expect(tap.received).toMatchObject([
      { time: START, target: SERVER, port: 80, attempts: 4, packets: 4, sourceCount: 4 },
      { time: START + 100_000, attempts: 5, sourceCount: 5 },
    ]);
    expect([...tap.received[0]!.sources].sort()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
  });

  it('estimates how many sources there were from the few it keeps', () => {
    const tap = new ConversationTap();
    for (let host = 0; host < 5000; host++) {
      const ends = { source: `10.0.${host >> 8}.${host & 255}`, destination: SERVER };
      tap.see(ipv4(ends, tcp({ sourcePort: 1000, destinationPort: 80 })), START + host);
    }
    tap.finish();
    expect(tap.received).toHaveLength(1);
    const [{ attempts, sourceCount, sources }] = tap.received as [(typeof tap.received)[0]];
    expect(attempts).toBe(5000);
    expect(sources).toHaveLength(16);
    expect(sourceCount).toBeGreaterThan(2500);
    expect(sourceCount).toBeLessThan(10_000);
    // A row of each of the first 1,000 that ended without an answer, and a count of the others.
    expect(tap.told).toEqual(Array(1000).fill('ended unanswered S0'));
    expect(tap.tracker.unansweredLeftOut).toBe(4000);
  });

  it('counts answers and refusals, and what it never asked for', () => {
    const tap = new ConversationTap();
    play(tap, 'cS sSA cA cAD');
    tap.see(
      ipv4(
        { source: SERVER, destination: '10.9.9.9' },
        tcp({ sourcePort: 80, destinationPort: 5, flags: TCP_SYN | TCP_ACK }),
      ),
      START + 5000,
    );
    tap.see(
      ipv4({ source: SERVER, destination: '10.9.9.9' }, tcp({ sourcePort: 81, destinationPort: 5, flags: TCP_RST })),
      START + 5000,
    );
    tap.see(ipv4({ source: SERVER, destination: '10.9.9.9' }, icmp({ type: 0 })), START + 5000);
    tap.finish();
    expect(tap.received).toMatchObject([
      { target: SERVER, port: SERVER_PORT, attempts: 1, answered: 1, packets: 3, sources: [CLIENT] },
      { target: '10.9.9.9', port: 80, unasked: 1, attempts: 0, packets: 0, sources: [SERVER] },
      { target: '10.9.9.9', port: 81, unasked: 1 },
      { target: '10.9.9.9', port: 8, protocol: 1, unasked: 1 },
    ]);
  });

  it('closes rows early when there are too many targets at once', () => {
    const tap = new ConversationTap();
    for (let host = 0; host < 5000; host++) {
      const ends = { source: CLIENT, destination: `10.0.${host >> 8}.${host & 255}` };
      tap.see(ipv4(ends, tcp({ sourcePort: 1000, destinationPort: 80 })), START);
    }
    tap.finish();
    expect(tap.received.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(5000);
  });
});

it('a clock set back begins anew and ends nothing early', () => {
  const tap = new ConversationTap();
  play(tap, 'cS sSA cA', START + 3600 * SECOND);
  play(tap, 'cAD', START);
  const other = ipv4(ENDS, udp({ sourcePort: 1111, destinationPort: 2222 }));
  tap.see(other, START + 4 * SECOND);
  tap.see(other, START + 50 * SECOND);
  expect(tap.told.filter((told) => told.startsWith('ended'))).toEqual([]);
  tap.finish();
  expect(tap.conversations).toHaveLength(3);
});

it('what it remembers is bounded: conversations that make way end with a row', () => {
  const tap = new ConversationTap({ capacity: 64, unansweredRowsMax: Number.POSITIVE_INFINITY });
  for (let port = 1; port <= 2000; port++) {
    tap.see(ipv4(ENDS, tcp({ sourcePort: port, destinationPort: 80 })), START + port);
  }
  tap.finish();
  expect(tap.conversations).toHaveLength(2000);
  expect(tap.tracker.evicted).toBeGreaterThan(1900);
});

it('packets above IP that have no ports or a cut header disturb nothing', () => {
  const tap = new ConversationTap();
  tap.see(ipv4(ENDS, ipData(47, DATA)), START);
  tap.see(ipv4(ENDS, ipData(6, Buffer.from([0, 80, 1, 2]))), START);
  tap.see(ipv4(ENDS, ipData(1, Buffer.from([8]))), START);
  tap.see(ipv4(ENDS, ipData(1, Buffer.from([3, 1, 0, 0, 0, 0, 0, 0, 0x60]))), START);
  tap.finish();
  expect(tap.told).toEqual(['ended unseen OTH']);
});
