/**
 * The four detections, slow and obvious, as the measure for the engine: every rule looks back over the whole list of
 * packets at every packet. It shares no code with processors/, on purpose, and must stay that way.
 *
 * The window at a packet of time t is [t − 60 s, t]. Rules and defaults:
 * port scan: 10 distinct destination ports among a source's probes (TCP and UDP numbers in one set, all targets
 * together). A probe is a TCP SYN without ACK, a NULL, FIN or Xmas segment, a first fragment that ends before the flags, or a UDP packet that opens a conversation.
 * SYN flood: 100 SYN without ACK of a source. Brute force: 20 SYN without ACK of a source to one login port.
 * ARP spoofing: one sender protocol address claimed by two sender MACs; 0.0.0.0 claims nothing (RFC 5227).
 */

export interface ReferencePacket {
  /** µs since 1970-01-01 UTC. */
  readonly time: number;
  /** Network addresses as text, "" when there are none; the outermost IP layer. */
  readonly source: string;
  readonly destination: string;
  readonly ipProtocol?: number | undefined;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  readonly tcpFlags?: number | undefined;
  /** A first fragment of TCP that ends before the flags, captured whole. */
  readonly tinyFragment?: boolean | undefined;
  /** Whether a UDP packet opens its conversation; worked out from the packets before it when absent. */
  readonly opening?: boolean | undefined;
  readonly arp?: { readonly senderMac: string; readonly senderAddress: string } | undefined;
}

export interface ReferenceRules {
  /** µs. */
  readonly window: number;
  readonly portScanPorts: number;
  readonly synFloodSyns: number;
  readonly bruteForceSyns: number;
  readonly loginPorts: readonly number[];
  /** Whether NULL, FIN and Xmas segments and tiny fragments are probes. */
  readonly stealthProbes: boolean;
  /** Whether claims by the virtual MACs of VRRP, CARP and HSRP are left out. */
  readonly ignoreVirtualRouters: boolean;
}

export const REFERENCE_RULES: ReferenceRules = {
  window: 60_000_000,
  portScanPorts: 10,
  synFloodSyns: 100,
  bruteForceSyns: 20,
  loginPorts: [21, 22, 23, 25, 110, 143, 3389],
  stealthProbes: true,
  ignoreVirtualRouters: true,
};

export type ReferenceDetector = 'port-scan' | 'syn-flood' | 'brute-force' | 'arp-spoofing';

export interface ReferenceDetection {
  readonly detector: ReferenceDetector;
  /** The source address; for ARP spoofing the address that several MACs claim. */
  readonly source: string;
  /** Brute force alone. */
  readonly port?: number;
  /** The times, µs, of all packets at which the rule holds; the first one is when an alert opens. */
  readonly times: readonly number[];
}

/** Every source that fulfils a rule, in order of the first time it does. Packets may come in any order. */
export function referenceDetections(
  unordered: readonly ReferencePacket[],
  changes: Partial<ReferenceRules> = {},
): ReferenceDetection[] {
  const rules = { ...REFERENCE_RULES, ...changes };
  const packets = [...unordered].sort((a, b) => a.time - b.time); // stable: ties keep the order of the list
  const detections = [
    ...portScans(packets, rules),
    ...synFloods(packets, rules),
    ...bruteForce(packets, rules),
    ...arpSpoofing(packets, rules),
  ];
  return detections.sort((a, b) => a.times[0]! - b.times[0]!);
}

const TCP = 6;
const UDP = 17;
const FIN = 0x01;
const SYN = 0x02;
const ACK = 0x10;
/** FIN, SYN, RST, PSH, ACK and URG: the flags that make the shape of a probe; ECE and CWR do not matter. */
const SHAPE = 0x3f;
const XMAS = 0x29;

function portScans(packets: readonly ReferencePacket[], rules: ReferenceRules): ReferenceDetection[] {
  const openings = udpOpenings(packets);
  const probes = packets.filter((packet) => {
    if (packet.source === '' || packet.destinationPort === undefined) return false;
    if (packet.ipProtocol === UDP) return packet.opening ?? openings.has(packet);
    if (packet.ipProtocol !== TCP) return false;
    if (packet.tinyFragment) return rules.stealthProbes;
    if (packet.tcpFlags === undefined) return false;
    const shape = packet.tcpFlags & SHAPE;
    if (isConnectionAttempt(packet)) return true;
    return rules.stealthProbes && (shape === 0 || shape === FIN || shape === XMAS);
  });
  return detect(
    'port-scan',
    probes,
    (packet) => packet.source,
    rules.window,
    (window) => {
      const ports = new Set(window.map((packet) => packet.destinationPort));
      return ports.size >= rules.portScanPorts;
    },
  );
}

function synFloods(packets: readonly ReferencePacket[], rules: ReferenceRules): ReferenceDetection[] {
  const attempts = packets.filter(isConnectionAttempt);
  return detect(
    'syn-flood',
    attempts,
    (packet) => packet.source,
    rules.window,
    (window) => {
      return window.length >= rules.synFloodSyns;
    },
  );
}

function bruteForce(packets: readonly ReferencePacket[], rules: ReferenceRules): ReferenceDetection[] {
  return rules.loginPorts.flatMap((port) => {
    const attempts = packets.filter((packet) => isConnectionAttempt(packet) && packet.destinationPort === port);
    const found = detect(
      'brute-force',
      attempts,
      (packet) => packet.source,
      rules.window,
      (window) => {
        return window.length >= rules.bruteForceSyns;
      },
    );
    return found.map((detection) => ({ ...detection, port }));
  });
}

function arpSpoofing(packets: readonly ReferencePacket[], rules: ReferenceRules): ReferenceDetection[] {
  const claims = packets.filter(({ arp }) => {
    if (arp === undefined || arp.senderAddress === '' || arp.senderAddress === '0.0.0.0') return false;
    return !(rules.ignoreVirtualRouters && isVirtualRouter(arp.senderMac));
  });
  return detect(
    'arp-spoofing',
    claims,
    (packet) => packet.arp!.senderAddress,
    rules.window,
    (window) => {
      return new Set(window.map((packet) => packet.arp!.senderMac)).size >= 2;
    },
  );
}

/** Applies a rule to the window of every packet, among the packets of the same key. */
function detect(
  detector: ReferenceDetector,
  packets: readonly ReferencePacket[],
  keyOf: (packet: ReferencePacket) => string,
  windowLength: number,
  holds: (window: readonly ReferencePacket[]) => boolean,
): ReferenceDetection[] {
  const bySource = new Map<string, ReferencePacket[]>();
  for (const packet of packets) {
    const own = bySource.get(keyOf(packet)) ?? [];
    own.push(packet);
    bySource.set(keyOf(packet), own);
  }
  return [...bySource].flatMap(([source, own]) => {
    const times = own
      .filter((packet, index) => {
        const untilNow = own.slice(0, index + 1);
        return holds(untilNow.filter((earlier) => earlier.time >= packet.time - windowLength));
      })
      .map((packet) => packet.time);
    return times.length > 0 ? [{ detector, source, times }] : [];
  });
}

/** The UDP packets before which no packet went between the same two endpoints, either way. */
function udpOpenings(packets: readonly ReferencePacket[]): Set<ReferencePacket> {
  const conversations = new Set<string>();
  const openings = new Set<ReferencePacket>();
  for (const packet of packets) {
    if (packet.ipProtocol !== UDP || packet.destinationPort === undefined) continue;
    const from = `${packet.source} ${packet.sourcePort}`;
    const to = `${packet.destination} ${packet.destinationPort}`;
    const conversation = from < to ? `${from} ${to}` : `${to} ${from}`;
    if (!conversations.has(conversation)) openings.add(packet);
    conversations.add(conversation);
  }
  return openings;
}

function isConnectionAttempt(packet: ReferencePacket): boolean {
  if (packet.ipProtocol !== TCP || packet.tcpFlags === undefined || packet.source === '') return false;
  return (packet.tcpFlags & SYN) !== 0 && (packet.tcpFlags & ACK) === 0;
}

/** VRRP and CARP for IPv4 and IPv6 (RFC 5798 section 7.3), HSRP version 1 and 2 (RFC 2281 and Cisco's range). */
function isVirtualRouter(mac: string): boolean {
  return /^(00:00:5e:00:0[12]|00:00:0c:07:ac|00:00:0c:9f:f|00:05:73:a0:0)/.test(mac.toLowerCase());
}
