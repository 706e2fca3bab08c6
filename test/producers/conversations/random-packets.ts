/**
 * Packets of a small, busy and badly behaved network: few hosts and ports, so that ends meet again; whole TCP connections
 * with retransmissions and packets out of order, halves of them, resets, probes, refusals by ICMP, questions and answers,
 * and packets that fit nothing. Time goes on in steps of milliseconds, now and then in leaps, and sometimes back.
 */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../../schemas/packets/packet-block.js';
import {
  dnsQuery,
  dnsResponse,
  httpRequest,
  httpResponse,
  tlsClientHello,
} from '../../support/application-messages.js';
import type { Random } from '../../support/random.js';
import type { Ends, SeenPacket } from './reference-tracker.js';

export type UntimedPacket = Omit<SeenPacket, 'time' | 'length'>;

const SECOND = 1_000_000;
const TCP = 6;
const UDP = 17;
const SCTP = 132;

const HOSTS4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '172.16.5.9', '198.51.100.7', '203.0.113.200'];
const HOSTS6 = ['2001:db8::1', '2001:db8::2', 'fe80::1:2', '2001:db8:ffff::9'];
const PORTS = [21, 22, 53, 69, 80, 443, 1900, 5353, 3000, 40000, 40001, 50000, 65535];
const QUESTION = { id: 7, name: 'www.example.org', type: 1 };
const PAYLOADS: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.alloc(1, 0x80),
  Buffer.alloc(900, 0x17),
  Buffer.from('USER root\r\n'),
  Buffer.from('530 Login incorrect.\r\n'),
  Buffer.from('227 Entering Passive Mode (10,0,0,2,156,65)\r\n'),
  Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
  httpRequest('www.example.org'),
  httpResponse(40),
  tlsClientHello('www.example.org'),
  dnsQuery(QUESTION),
  dnsResponse(QUESTION, [{ address: '192.0.2.1' }]),
];

export function leap(random: Random): number {
  const kind = random.below(1000);
  if (kind < 700) return random.exponential(2_000);
  if (kind < 940) return random.exponential(40_000);
  if (kind < 970) return -random.below(30_000);
  if (kind < 992) return random.exponential(3 * SECOND);
  if (kind < 995) return random.between(50, 70) * SECOND;
  if (kind < 997) return random.between(280, 320) * SECOND;
  if (kind < 998) return random.between(590, 1_100) * SECOND;
  return kind < 999 ? -random.between(1, 59) * SECOND : -random.between(60, 90) * SECOND;
}

export class RandomNetwork {
  /** Packets that are to come of conversations under way. */
  private readonly underWay: UntimedPacket[][] = [];

  /** @param isOneWay of connections only what their originators send is seen */
  constructor(
    private readonly random: Random,
    private readonly isOneWay: boolean,
  ) {}

  next(): UntimedPacket {
    const { random, underWay } = this;
    const choice = random.below(100);
    if (choice < 12) return this.anything();
    if (choice < 30 || underWay.length === 0) underWay.push(this.script());
    const index = random.below(underWay.length);
    const script = underWay[index]!;
    // Now and then the second before the first, and now and then one twice.
    const packet = random.below(20) === 0 && script.length > 1 ? script.splice(1, 1)[0]! : script.shift()!;
    if (random.below(25) === 0) script.unshift(packet);
    if (script.length === 0) underWay.splice(index, 1);
    return packet;
  }

  private ends(protocol: number): Ends {
    const { random } = this;
    const hosts = random.below(3) === 0 ? HOSTS6 : HOSTS4;
    const source = random.pick(hosts);
    const destination = random.pick(hosts.filter((host) => host !== source));
    return { protocol, source, destination, sourcePort: random.pick(PORTS), destinationPort: random.pick(PORTS) };
  }

  private packet(ends: Ends, flags = 0, payload: Buffer = PAYLOADS[0]!): UntimedPacket {
    const place = { interface: this.random.pick(['eth0', 'eth1']), vlan: this.random.pick([0, 0, 0, 7, 4094]) };
    return { ...ends, ...place, flags, payload, icmp: null };
  }

  private anything(): UntimedPacket {
    const { random } = this;
    const protocol = random.pick([TCP, TCP, TCP, UDP, UDP, SCTP]);
    const ends = this.ends(protocol);
    if (random.below(6) === 0) return this.echo(ends, random.pick([0, 8, 8, 13, 14, 3]), random.below(3), null);
    return this.packet(
      ends,
      protocol === TCP ? random.below(64) : 0,
      protocol === SCTP ? PAYLOADS[0] : random.pick(PAYLOADS),
    );
  }

  private echo(ends: Ends, type: number, id: number, quote: Ends | null): UntimedPacket {
    const isIpv6 = ends.source.includes(':');
    const icmp = { type: isIpv6 ? ({ 0: 129, 8: 128, 3: 1 }[type] ?? 135) : type, code: 1, id, quote };
    const payload = quote === null ? Buffer.alloc(this.random.below(40), 0x61) : PAYLOADS[0]!;
    return { ...this.packet({ ...ends, protocol: isIpv6 ? 58 : 1, sourcePort: 0, destinationPort: 0 }), payload, icmp };
  }

  private script(): UntimedPacket[] {
    const kind = this.random.below(10);
    if (kind < 5) return this.connection();
    if (kind < 7) return this.datagrams();
    if (kind < 8) return this.pings();
    return kind < 9 ? this.refusal() : this.burst();
  }

  private connection(): UntimedPacket[] {
    const { random } = this;
    const ends = this.ends(TCP);
    const back = turned(ends);
    const script = [this.packet(ends, TCP_SYN)];
    if (random.below(5) === 0) return [...script, this.packet(back, TCP_RST | TCP_ACK)];
    script.push(this.packet(back, TCP_SYN | TCP_ACK), this.packet(ends, TCP_ACK));
    for (let count = random.below(14); count > 0; count--) {
      const direction = random.below(2) === 0 ? ends : back;
      script.push(
        this.packet(direction, TCP_ACK | TCP_PSH, random.pick(PAYLOADS)),
        this.packet(turned(direction), TCP_ACK),
      );
    }
    const end = random.below(5);
    if (end < 3)
      script.push(
        this.packet(ends, TCP_FIN | TCP_ACK),
        this.packet(back, TCP_FIN | TCP_ACK),
        this.packet(ends, TCP_ACK),
      );
    if (end === 2 || end === 3) script.push(this.packet(random.below(2) === 0 ? ends : back, TCP_RST));
    return this.isOneWay
      ? script.filter(({ source, sourcePort }) => source === ends.source && sourcePort === ends.sourcePort)
      : script;
  }

  private datagrams(): UntimedPacket[] {
    const { random } = this;
    const ends = this.ends(random.below(8) === 0 ? SCTP : UDP);
    const script: UntimedPacket[] = [];
    for (let count = random.between(1, 5); count > 0; count--) {
      const payload = ends.protocol === UDP ? random.pick(PAYLOADS) : PAYLOADS[0]!;
      script.push(this.packet(random.below(2) === 0 ? ends : turned(ends), 0, payload));
    }
    return script;
  }

  private pings(): UntimedPacket[] {
    const ends = this.ends(1);
    const id = this.random.below(4);
    return [this.echo(ends, 8, id, null), this.echo(turned(ends), 0, id, null), this.echo(ends, 8, id, null)];
  }

  private refusal(): UntimedPacket[] {
    const { random } = this;
    const ends = this.ends(random.pick([TCP, UDP]));
    const from = random.below(2) === 0 ? ends.destination : ends.source.includes(':') ? HOSTS6[3]! : HOSTS4[5]!;
    const error = this.echo({ ...turned(ends), source: from }, 3, 0, ends);
    const attempt = this.packet(
      ends,
      ends.protocol === TCP ? TCP_SYN : 0,
      ends.protocol === UDP ? random.pick(PAYLOADS) : undefined,
    );
    return [attempt, ...(from === ends.source ? [] : [error])];
  }

  /** So many packets towards one port, from many hosts, that its row is told and has more sources than it names. */
  private burst(): UntimedPacket[] {
    const { random } = this;
    const ends = { ...this.ends(TCP), source: '', destination: HOSTS4[0]! };
    return Array.from({ length: 60 }, () =>
      this.packet({ ...ends, source: `192.0.2.${random.between(1, 40)}` }, TCP_SYN),
    );
  }
}

function turned({ protocol, source, destination, sourcePort, destinationPort }: Ends): Ends {
  return {
    protocol,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}
