/** Traffic that looks like an attack to a careless detector and is none. */
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../schemas/packets/packet-block.js';
import { ipv4Bytes } from './address-bytes.js';
import { DHCP_MESSAGE_TYPE, dhcp, dnsQuery, dnsResponse } from './application-messages.js';
import { BROADCAST_MAC, ethernet } from './frames.js';
import { ipv4 } from './ip-packets.js';
import { trafficPayload } from './packet-writer.js';
import { Random } from './random.js';
import { SECOND, type TrafficScript } from './traffic.js';
import { ipv4Text, macText, type TrafficHost, trafficHost } from './traffic-host.js';
import { udp, vrrp } from './transport-segments.js';

/** A resolver that answers `clients` from as many ephemeral ports: many destination ports, none of them probed. */
export function* busyResolver(options: {
  readonly start: number;
  readonly resolver: TrafficHost;
  readonly clients: readonly TrafficHost[];
  readonly queries: number;
  readonly seed: number;
}): TrafficScript {
  const random = new Random(options.seed);
  for (let i = 0; i < options.queries; i++) {
    const client = random.pick(options.clients);
    const port = 20000 + i * 7;
    const question = { id: random.below(65536), name: `host-${i}.example` };
    const time = options.start + i * 40_000;
    (yield time).udp(time, 4, client, options.resolver, port, 53, trafficPayload(dnsQuery(question)));
    const answer = time + 900;
    const response = trafficPayload(dnsResponse(question, [{ address: '198.18.0.9' }]));
    (yield answer).udp(answer, 4, options.resolver, client, 53, port, response);
  }
}

/** A client that opens 90 connections a minute to many web servers, on three ports. */
export function* busyWebClient(options: {
  readonly start: number;
  readonly client: TrafficHost;
  readonly servers: readonly TrafficHost[];
  readonly connections: number;
}): TrafficScript {
  const ports = [443, 80, 8443];
  for (let i = 0; i < options.connections; i++) {
    const server = options.servers[i % options.servers.length]!;
    const port = ports[i % ports.length]!;
    const from = 50000 + i;
    let time = options.start + Math.floor(i * ((60 * SECOND) / 90));
    (yield time).tcp(time, 4, options.client, server, from, port, TCP_SYN, 1, 0);
    time += 20_000;
    (yield time).tcp(time, 4, server, options.client, port, from, TCP_SYN | TCP_ACK, 7, 2);
    time += 300;
    (yield time).tcp(time, 4, options.client, server, from, port, TCP_ACK, 2, 8);
    time += 30_000;
    (yield time).tcp(time, 4, options.client, server, from, port, TCP_RST | TCP_ACK, 2, 8);
  }
}

/** An administrator's script: SSH connections, fewer a minute than the brute-force rule's 20. */
export function* administrator(options: {
  readonly start: number;
  readonly client: TrafficHost;
  readonly server: TrafficHost;
  readonly connections: number;
}): TrafficScript {
  for (let i = 0; i < options.connections; i++) {
    let time = options.start + i * 4 * SECOND;
    (yield time).tcp(time, 4, options.client, options.server, 41000 + i, 22, TCP_SYN, 1, 0);
    time += 400;
    (yield time).tcp(time, 4, options.server, options.client, 22, 41000 + i, TCP_SYN | TCP_ACK, 7, 2);
    time += 200;
    (yield time).tcp(time, 4, options.client, options.server, 41000 + i, 22, TCP_ACK, 2, 8);
  }
}

/**
 * VRRP (RFC 5798): two routers share a virtual address. The master claims it with its own MAC once, as some
 * implementations do, and with the virtual MAC 00:00:5e:00:01:XX: two MACs of one address without any attack.
 */
export function* virtualRouter(options: {
  readonly start: number;
  readonly master: TrafficHost;
  readonly backup: TrafficHost;
  readonly virtualAddress: string;
  readonly routerId: number;
  /** Seconds; at half of it the backup takes over. */
  readonly seconds: number;
}): TrafficScript {
  const virtualMac = Uint8Array.of(0x00, 0x00, 0x5e, 0x00, 0x01, options.routerId);
  const virtual = trafficHost({ ipv4: options.virtualAddress, mac: virtualMac });
  for (let second = 0; second < options.seconds; second++) {
    const half = Math.floor(options.seconds / 2);
    const router = second < half ? options.master : options.backup;
    const time = options.start + second * SECOND;
    const advertisement = ipv4(
      { source: ipv4Text(router), destination: '224.0.0.18', ttl: 255 },
      vrrp({ routerId: options.routerId, address: ipv4Bytes(options.virtualAddress) }),
    );
    (yield time).frame(
      time,
      ethernet({ source: macText(virtual), destination: '01:00:5e:00:00:12', pad: true }, advertisement),
    );
    if (second === 0) {
      const own = time + 1000;
      (yield own).arp(own, 1, router, virtual, virtual.ipv4);
    }
    if (second === 0 || second === half) {
      const announcement = time + 2000;
      (yield announcement).arp(announcement, 1, virtual, virtual);
    }
  }
}

/**
 * DHCP (RFC 2131) gives an address that one client has left to the next one: two MACs claim one address, with the
 * server's acknowledgment between them, `pause` µs apart.
 */
export function* addressReassignment(options: {
  readonly start: number;
  readonly server: TrafficHost;
  readonly address: string;
  readonly firstMac: Uint8Array;
  readonly secondMac: Uint8Array;
  readonly pause: number;
}): TrafficScript {
  const holders = [options.firstMac, options.secondMac];
  for (const [index, mac] of holders.entries()) {
    const holder = trafficHost({ ipv4: options.address, mac });
    let time = options.start + index * options.pause;
    const { discover, offer, request, ack } = DHCP_MESSAGE_TYPE;
    for (const messageType of [discover, offer, request, ack]) {
      (yield time).frame(time, dhcpFrame(messageType, options.server, holder));
      time += 5000;
    }
    (yield time).arp(time, 1, holder, holder);
  }
}

function dhcpFrame(messageType: number, server: TrafficHost, holder: TrafficHost): Buffer {
  const fromServer = messageType === DHCP_MESSAGE_TYPE.offer || messageType === DHCP_MESSAGE_TYPE.ack;
  const message = dhcp({
    messageType,
    clientMac: macText(holder),
    hostname: fromServer ? '' : 'laptop',
    ...(fromServer ? { yourAddress: ipv4Text(holder) } : {}),
  });
  const packet = ipv4(
    { source: fromServer ? ipv4Text(server) : '0.0.0.0', destination: '255.255.255.255' },
    udp({ sourcePort: fromServer ? 67 : 68, destinationPort: fromServer ? 68 : 67 }, message),
  );
  return ethernet({ source: macText(fromServer ? server : holder), destination: BROADCAST_MAC }, packet);
}
