/**
 * Ordinary traffic of a site: clients that browse, resolve names, synchronise clocks, ping and ask by ARP. Popularity of
 * clients and servers follows Zipf's law, sizes are heavy-tailed, and no client breaks a detection rule: below 100
 * connections a minute, few distinct destination ports, one MAC an address.
 *
 * Packets are timed by one clock at the wanted rate; each goes to a random conversation among a fixed number of open
 * ones, which gives every conversation a plausible round-trip time at any rate and needs no queue of events.
 */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from '../../schemas/packets/packet-block.js';
import {
  DNS_TYPE,
  dnsQuery,
  dnsResponse,
  httpRequest,
  httpResponse,
  tlsApplicationData,
  tlsClientHello,
} from './application-messages.js';
import { type IpVersion, NO_PAYLOAD, type PacketWriter, type TrafficPayload, trafficPayload } from './packet-writer.js';
import { Random } from './random.js';
import { SECOND, TRAFFIC_START, type TrafficScript } from './traffic.js';
import { ipv4Text, ipv6Text, type TrafficHost, trafficHost } from './traffic-host.js';

export interface NormalTrafficOptions {
  readonly seed: number;
  /** µs; `TRAFFIC_START` by default. */
  readonly start?: number;
  readonly packetsPerSecond: number;
  /** 40 by default; the rate of connections a client may open limits how much traffic few clients can make. */
  readonly clients?: number;
  readonly servers?: number;
  /** Share of conversations over IPv6, 0 to 1. */
  readonly ipv6Share?: number;
}

/** Hosts that every generated capture shares. Clients are numbered up from 10.0.1.0, in one 10.0.0.0/8. */
export const GATEWAY = trafficHost({ ipv4: '10.0.0.1', ttl: 255 });
export const RESOLVER = trafficHost({ ipv4: '10.0.0.53' });
const TIME_SERVER = trafficHost({ ipv4: '10.0.0.123' });
const MDNS_GROUP = trafficHost({ ipv4: '224.0.0.251', mac: Uint8Array.of(0x01, 0x00, 0x5e, 0, 0, 0xfb) });

/** The client of a number; its address is 10.0.1.0 plus the number. */
export function clientHost(index: number): TrafficHost {
  return trafficHost({ ipv4: 0x0a000100 + index, ttl: index % 3 === 0 ? 128 : 64 });
}

/** A server on the Internet, in the benchmarking range 198.18.0.0/15 (RFC 2544); frames to it go to the gateway. */
export function serverHost(index: number): TrafficHost {
  return trafficHost({ ipv4: 0xc6120001 + index, mac: GATEWAY.mac, ttl: 55 });
}

interface Server {
  readonly host: TrafficHost;
  readonly query: TrafficPayload;
  readonly answer: TrafficPayload;
  readonly query6: TrafficPayload;
  readonly answer6: TrafficPayload;
  readonly clientHello: TrafficPayload;
  readonly request: TrafficPayload;
}

function server(index: number): Server {
  const host = serverHost(index);
  const name = `www.site-${index}.example`;
  const question = { id: index & 0xffff, name, type: DNS_TYPE.a };
  const question6 = { id: (index + 1) & 0xffff, name, type: DNS_TYPE.aaaa };
  return {
    host,
    query: trafficPayload(dnsQuery(question)),
    answer: trafficPayload(dnsResponse(question, [{ address: ipv4Text(host) }])),
    query6: trafficPayload(dnsQuery(question6)),
    answer6: trafficPayload(dnsResponse(question6, [{ address: ipv6Text(host) }])),
    clientHello: trafficPayload(tlsClientHello(name)),
    request: trafficPayload(httpRequest(name, `/page/${index}`)),
  };
}

const KIND_TLS = 0;
const KIND_HTTP = 1;
const KIND_QUIC = 2;
const KIND_DNS = 3;
const KIND_NTP = 4;
const KIND_PING = 5;
const KIND_ARP = 6;
const KIND_MDNS = 7;
/** Of a hundred new conversations, how many are of each kind, in the order above. */
const KIND_SHARES = [46, 14, 12, 14, 4, 4, 4, 2] as const;
const KIND_BY_PERCENT = Uint8Array.from(KIND_SHARES.flatMap((share, kind) => new Array<number>(share).fill(kind)));

const SEGMENT = trafficPayload(tlsApplicationData(1460));
const LAST_SEGMENTS = [37, 120, 333, 517, 812, 1024, 1300].map((length) => trafficPayload(tlsApplicationData(length)));
const HTTP_SEGMENTS = [80, 640, 1300].map((length) => trafficPayload(httpResponse(length)));
const QUIC_INITIAL = trafficPayload(Buffer.alloc(1200, 0xc3));
const QUIC_DATA = trafficPayload(Buffer.alloc(1252, 0x43));
const NTP_MESSAGE = trafficPayload(Buffer.concat([Buffer.from([0x23, 2, 6, 0xe9]), Buffer.alloc(44)]));
const PING_DATA = trafficPayload(Buffer.alloc(56, 0x61));
const MDNS_QUERY = trafficPayload(dnsQuery({ id: 0, name: '_http._tcp.local', type: DNS_TYPE.ptr }));

// A client opens a connection at most this often: 80 a minute, below the 100 SYNs of the flood rule.
const CONNECTION_INTERVAL = 0.75 * SECOND;
const PSH_ACK = TCP_PSH | TCP_ACK;
const FIN_ACK = TCP_FIN | TCP_ACK;

interface Conversation {
  kind: number;
  step: number;
  /** Data segments still to come from the server. */
  segments: number;
  client: number;
  server: number;
  version: IpVersion;
  port: number;
  clientSequence: number;
  serverSequence: number;
}

/** Endless; see `TrafficLimits` for how it ends. */
export function* normalTraffic(options: NormalTrafficOptions): TrafficScript {
  const site = new Site(options);
  const meanGap = SECOND / options.packetsPerSecond;
  const random = new Random(options.seed ^ 0x7f4a7c15);
  let time = options.start ?? TRAFFIC_START;
  for (;;) {
    time += random.exponential(meanGap);
    const writer = yield time;
    site.sendOne(writer, time);
  }
}

class Site {
  private readonly random: Random;
  private readonly ipv6Share: number;
  private readonly clients: TrafficHost[];
  private readonly servers: Server[];
  private readonly ports: Uint16Array;
  private readonly connectionAllowed: Float64Array;
  private readonly conversations: Conversation[];

  constructor(options: NormalTrafficOptions) {
    this.random = new Random(options.seed);
    this.ipv6Share = options.ipv6Share ?? 0.2;
    this.clients = Array.from({ length: options.clients ?? 40 }, (_, index) => clientHost(index));
    this.servers = Array.from({ length: options.servers ?? 60 }, (_, index) => server(index));
    this.ports = Uint16Array.from(this.clients, () => this.random.between(32768, 60999));
    this.connectionAllowed = new Float64Array(this.clients.length);
    const open = Math.min(4096, Math.max(4, Math.round(options.packetsPerSecond / 50)));
    this.conversations = Array.from({ length: open }, () => ({
      kind: 0,
      step: 0,
      segments: 0,
      client: 0,
      server: 0,
      version: 4,
      port: 0,
      clientSequence: 0,
      serverSequence: 0,
    }));
  }

  sendOne(writer: PacketWriter, time: number): void {
    const conversation = this.conversations[this.random.below(this.conversations.length)]!;
    if (conversation.step === 0) this.open(conversation, time);
    const finished = this.send(writer, time, conversation);
    conversation.step = finished ? 0 : conversation.step + 1;
  }

  private open(conversation: Conversation, time: number): void {
    const { random } = this;
    const client = random.zipf(this.clients.length);
    const connects = this.connectionAllowed[client]! <= time;
    let kind = KIND_BY_PERCENT[random.below(100)]!;
    if (kind <= KIND_HTTP && !connects) kind = KIND_QUIC;
    if (kind <= KIND_HTTP) this.connectionAllowed[client] = time + CONNECTION_INTERVAL;
    const port = this.ports[client]!;
    this.ports[client] = port === 60999 ? 32768 : port + 1;
    conversation.kind = kind;
    conversation.step = 1;
    conversation.client = client;
    conversation.server = random.zipf(this.servers.length);
    conversation.version = random.unit() < this.ipv6Share ? 6 : 4;
    conversation.port = port;
    conversation.segments = Math.floor(2 ** (random.unit() * 6)); // 1 to 63, small ones most often
    conversation.clientSequence = random.uint32();
    conversation.serverSequence = random.uint32();
  }

  /** Writes one packet and says whether it was the last of its conversation. */
  private send(writer: PacketWriter, time: number, conversation: Conversation): boolean {
    const client = this.clients[conversation.client]!;
    const server = this.servers[conversation.server]!;
    const { step, version } = conversation;
    switch (conversation.kind) {
      case KIND_TLS:
      case KIND_HTTP:
        return this.sendWeb(writer, time, conversation, client, server);
      case KIND_QUIC:
        if (step % 3 === 1) {
          const payload = step === 1 ? QUIC_INITIAL : LAST_SEGMENTS[0]!;
          writer.udp(time, version, client, server.host, conversation.port, 443, payload);
        } else writer.udp(time, version, server.host, client, 443, conversation.port, QUIC_DATA);
        return step > 3 * conversation.segments;
      case KIND_DNS:
        return sendLookup(writer, time, conversation, client, server);
      case KIND_NTP:
        if (step === 1) writer.udp(time, version, client, TIME_SERVER, 123, 123, NTP_MESSAGE);
        else writer.udp(time, version, TIME_SERVER, client, 123, 123, NTP_MESSAGE);
        return step === 2;
      case KIND_PING:
        sendPing(writer, time, conversation, client, server.host);
        return step >= 8;
      case KIND_ARP:
        if (step === 1) writer.arp(time, 1, client, GATEWAY);
        else writer.arp(time, 2, GATEWAY, client);
        return step === 2;
      case KIND_MDNS:
        writer.udp(time, 4, client, MDNS_GROUP, 5353, 5353, MDNS_QUERY);
        return true;
      default:
        throw new RangeError(`no conversation of kind ${conversation.kind}`);
    }
  }

  /** Two packets of name resolution, then a TCP connection that fetches `segments` segments. */
  private sendWeb(
    writer: PacketWriter,
    time: number,
    conversation: Conversation,
    client: TrafficHost,
    server: Server,
  ): boolean {
    const { step, version, port } = conversation;
    if (step <= 2) {
      sendLookup(writer, time, conversation, client, server);
      return false;
    }
    const tls = conversation.kind === KIND_TLS;
    const serverPort = tls ? 443 : 80;
    const fromClient = (flags: number, payload = NO_PAYLOAD): void => {
      const { clientSequence, serverSequence } = conversation;
      const acknowledgment = (flags & TCP_ACK) === 0 ? 0 : serverSequence;
      writer.tcp(time, version, client, server.host, port, serverPort, flags, clientSequence, acknowledgment, payload);
      conversation.clientSequence = advanced(clientSequence, flags, payload);
    };
    const fromServer = (flags: number, payload = NO_PAYLOAD): void => {
      const { clientSequence, serverSequence } = conversation;
      writer.tcp(time, version, server.host, client, serverPort, port, flags, serverSequence, clientSequence, payload);
      conversation.serverSequence = advanced(serverSequence, flags, payload);
    };
    if (step === 3) fromClient(TCP_SYN);
    else if (step === 4) fromServer(TCP_SYN | TCP_ACK);
    else if (step === 5) fromClient(TCP_ACK);
    else if (step === 6) fromClient(PSH_ACK, tls ? server.clientHello : server.request);
    else if (step === 7) fromServer(TCP_ACK);
    else if (conversation.segments > 1) {
      // Two segments, then an acknowledgment.
      if (step % 3 === 1) fromClient(TCP_ACK);
      else {
        fromServer(TCP_ACK, SEGMENT);
        conversation.segments--;
      }
    } else if (conversation.segments === 1) {
      fromServer(PSH_ACK, tls ? this.random.pick(LAST_SEGMENTS) : this.random.pick(HTTP_SEGMENTS));
      conversation.segments = 0;
    } else if (conversation.segments === 0) {
      fromClient(FIN_ACK);
      conversation.segments = -1;
    } else if (conversation.segments === -1) {
      fromServer(FIN_ACK);
      conversation.segments = -2;
    } else {
      fromClient(TCP_ACK);
      return true;
    }
    return false;
  }
}

/** Names are resolved over the version that the conversation will use, from a port next to its own. */
function sendLookup(
  writer: PacketWriter,
  time: number,
  conversation: Conversation,
  client: TrafficHost,
  server: Server,
): boolean {
  const { version, step } = conversation;
  const port = (conversation.port ^ 0x8000) | 0x4000;
  if (step === 1) writer.udp(time, version, client, RESOLVER, port, 53, version === 4 ? server.query : server.query6);
  else writer.udp(time, version, RESOLVER, client, 53, port, version === 4 ? server.answer : server.answer6);
  return step === 2;
}

function sendPing(
  writer: PacketWriter,
  time: number,
  conversation: Conversation,
  client: TrafficHost,
  target: TrafficHost,
): void {
  const { version, step, port } = conversation;
  const rest = port * 65536 + ((step + 1) >> 1);
  const asks = step % 2 === 1;
  const type = version === 4 ? (asks ? 8 : 0) : asks ? 128 : 129;
  writer.icmp(time, version, asks ? client : target, asks ? target : client, type, 0, rest, PING_DATA);
}

function advanced(sequence: number, flags: number, payload: TrafficPayload): number {
  const consumed = payload.bytes.length + ((flags & (TCP_SYN | TCP_FIN)) === 0 ? 0 : 1);
  return (sequence + consumed) >>> 0;
}
