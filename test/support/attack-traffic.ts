/** Attacks as traffic scripts: the packets of the attacker and the answers a real victim gives. */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../schemas/packets/packet-block.js';
import { ipv4, ipv6 } from './ip-packets.js';
import { type IpVersion, type TrafficPayload, trafficPayload } from './packet-writer.js';
import { Random } from './random.js';
import { SECOND, type TrafficScript } from './traffic.js';
import { ipv4Text, ipv6Text, type TrafficHost, trafficHost } from './traffic-host.js';
import { udp } from './transport-segments.js';

/** µs between a packet and its answer on a local network. */
const ANSWER_DELAY = 300;
const ICMP_UNREACHABLE = 3;
const ICMPV6_UNREACHABLE = 1;
const PORT_UNREACHABLE = { 4: 3, 6: 4 } as const;

export type ScanTechnique = 'syn' | 'connect' | 'null' | 'fin' | 'xmas' | 'udp';

export interface PortScanOptions {
  readonly start: number;
  readonly attacker: TrafficHost;
  /** One target is a vertical scan; many with one port a horizontal one. Each port is tried on all before the next. */
  readonly targets: readonly TrafficHost[];
  readonly ports: readonly number[];
  readonly technique?: ScanTechnique;
  readonly openPorts?: readonly number[];
  /** µs from probe to probe; 50,000 by default. */
  readonly interval?: number;
  readonly version?: IpVersion;
}

const PROBE_FLAGS = {
  syn: TCP_SYN,
  connect: TCP_SYN,
  null: 0,
  fin: TCP_FIN,
  xmas: TCP_FIN | TCP_PSH | TCP_URG,
} as const;

export function* portScan(options: PortScanOptions): TrafficScript {
  const { attacker, technique = 'syn', version = 4 } = options;
  const open = new Set(options.openPorts ?? []);
  let time = options.start;
  let sourcePort = 40000;
  for (const port of options.ports) {
    for (const target of options.targets) {
      sourcePort = technique === 'connect' ? sourcePort + 1 : sourcePort;
      if (technique === 'udp') {
        (yield time).udp(time, version, attacker, target, sourcePort, port);
        if (!open.has(port)) {
          const answer = time + ANSWER_DELAY;
          const type = version === 4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
          const cause = unreachableCause(version, attacker, target, sourcePort, port);
          (yield answer).icmp(answer, version, target, attacker, type, PORT_UNREACHABLE[version], 0, cause);
        }
      } else {
        yield* tcpProbe(options, technique, target, time, sourcePort, port, open.has(port));
      }
      time += options.interval ?? 50_000;
    }
  }
}

/** The packet that an ICMP error is about, as it carries it: the IP header and the UDP header. */
function unreachableCause(
  version: IpVersion,
  attacker: TrafficHost,
  target: TrafficHost,
  sourcePort: number,
  destinationPort: number,
): TrafficPayload {
  const datagram = udp({ sourcePort, destinationPort });
  const packet =
    version === 4
      ? ipv4({ source: ipv4Text(attacker), destination: ipv4Text(target), ttl: attacker.ttl }, datagram)
      : ipv6({ source: ipv6Text(attacker), destination: ipv6Text(target), hopLimit: attacker.ttl }, datagram);
  return trafficPayload(packet.bytes);
}

function* tcpProbe(
  options: PortScanOptions,
  technique: Exclude<ScanTechnique, 'udp'>,
  target: TrafficHost,
  time: number,
  sourcePort: number,
  port: number,
  open: boolean,
): TrafficScript {
  const { attacker, version = 4 } = options;
  const flags = PROBE_FLAGS[technique];
  (yield time).tcp(time, version, attacker, target, sourcePort, port, flags, 1000, 0);
  const answer = time + ANSWER_DELAY;
  const consumed = (flags & (TCP_SYN | TCP_FIN)) === 0 ? 0 : 1;
  if (!open) {
    (yield answer).tcp(answer, version, target, attacker, port, sourcePort, TCP_RST | TCP_ACK, 0, 1000 + consumed);
    return;
  }
  if (flags !== TCP_SYN) return; // an open port does not answer NULL, FIN and Xmas (RFC 9293 section 3.10.7.2)
  (yield answer).tcp(answer, version, target, attacker, port, sourcePort, TCP_SYN | TCP_ACK, 5000, 1001);
  const reaction = answer + ANSWER_DELAY;
  if (technique === 'connect') {
    (yield reaction).tcp(reaction, version, attacker, target, sourcePort, port, TCP_ACK, 1001, 5001);
    const end = reaction + ANSWER_DELAY;
    (yield end).tcp(end, version, attacker, target, sourcePort, port, TCP_RST | TCP_ACK, 1001, 5001);
  } else {
    (yield reaction).tcp(reaction, version, attacker, target, sourcePort, port, TCP_RST, 1001, 0);
  }
}

export interface SynFloodOptions {
  readonly start: number;
  /** The one source, or `spoofed` for a new random IPv4 address with every packet. */
  readonly source: TrafficHost | 'spoofed';
  readonly target: TrafficHost;
  readonly targetPort?: number;
  /** Endless when absent. */
  readonly packets?: number;
  readonly packetsPerSecond: number;
  readonly seed?: number;
}

/** SYNs without answers: the victim's backlog is full. */
export function* synFlood(options: SynFloodOptions): TrafficScript {
  const random = new Random(options.seed ?? 1);
  const source = options.source === 'spoofed' ? trafficHost({ ipv4: 1 }) : options.source;
  const packets = options.packets ?? Number.POSITIVE_INFINITY;
  const gap = SECOND / options.packetsPerSecond;
  for (let sent = 0; sent < packets; sent++) {
    const time = Math.floor(options.start + sent * gap);
    if (options.source === 'spoofed') source.ipv4 = random.uint32();
    const writer = yield time;
    const port = 1024 + random.below(64512);
    writer.tcp(time, 4, source, options.target, port, options.targetPort ?? 80, TCP_SYN, random.uint32(), 0);
  }
}

export interface BruteForceOptions {
  readonly start: number;
  readonly attacker: TrafficHost;
  readonly target: TrafficHost;
  readonly port: number;
  readonly attempts: number;
  /** µs from attempt to attempt; 1,000,000 by default. */
  readonly interval?: number;
  readonly version?: IpVersion;
}

const BANNER = trafficPayload(Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n'));
const CREDENTIALS = trafficPayload(Buffer.alloc(120, 0x2e));
const REFUSAL = trafficPayload(Buffer.alloc(52, 0x2d));

/** Connections that try a password, are refused and end. */
export function* bruteForce(options: BruteForceOptions): TrafficScript {
  const { attacker, target, port, version = 4, interval = SECOND } = options;
  const step = Math.min(2000, Math.floor(interval / 10));
  for (let attempt = 0; attempt < options.attempts; attempt++) {
    const from = 33000 + (attempt % 27000);
    const start = options.start + attempt * interval;
    let time = start;
    (yield time).tcp(time, version, attacker, target, from, port, TCP_SYN, 100, 0);
    time += step;
    (yield time).tcp(time, version, target, attacker, port, from, TCP_SYN | TCP_ACK, 900, 101);
    time += step;
    (yield time).tcp(time, version, attacker, target, from, port, TCP_ACK, 101, 901);
    time += step;
    (yield time).tcp(time, version, target, attacker, port, from, TCP_PSH | TCP_ACK, 901, 101, BANNER);
    time += step;
    const afterBanner = 901 + BANNER.bytes.length;
    (yield time).tcp(time, version, attacker, target, from, port, TCP_PSH | TCP_ACK, 101, afterBanner, CREDENTIALS);
    time += step;
    const afterCredentials = 101 + CREDENTIALS.bytes.length;
    (yield time).tcp(
      time,
      version,
      target,
      attacker,
      port,
      from,
      TCP_PSH | TCP_ACK,
      afterBanner,
      afterCredentials,
      REFUSAL,
    );
    time += step;
    const afterRefusal = afterBanner + REFUSAL.bytes.length;
    (yield time).tcp(time, version, attacker, target, from, port, TCP_FIN | TCP_ACK, afterCredentials, afterRefusal);
    time += step;
    (yield time).tcp(
      time,
      version,
      target,
      attacker,
      port,
      from,
      TCP_FIN | TCP_ACK,
      afterRefusal,
      afterCredentials + 1,
    );
    time += step;
    (yield time).tcp(time, version, attacker, target, from, port, TCP_ACK, afterCredentials + 1, afterRefusal + 1);
  }
}

export interface ArpSpoofingOptions {
  readonly start: number;
  readonly attacker: TrafficHost;
  readonly gateway: TrafficHost;
  readonly victim: TrafficHost;
  readonly replies: number;
  /** µs; 2,000,000 by default, as arpspoof sends. */
  readonly interval?: number;
}

/**
 * The victim asks for the gateway and is answered; then the attacker tells it, over and over, that the gateway's address
 * is at the attacker's MAC.
 */
export function* arpSpoofing(options: ArpSpoofingOptions): TrafficScript {
  const { attacker, gateway, victim } = options;
  const question = options.start;
  (yield question).arp(question, 1, victim, gateway);
  const answer = question + ANSWER_DELAY;
  (yield answer).arp(answer, 2, gateway, victim);
  for (let reply = 1; reply <= options.replies; reply++) {
    const time = options.start + reply * (options.interval ?? 2 * SECOND);
    (yield time).arp(time, 2, attacker, victim, gateway.ipv4);
  }
}
