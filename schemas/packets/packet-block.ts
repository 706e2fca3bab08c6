/**
 * Packets inside a process: one block of typed arrays, a row a packet. Capture decodes frames into it, the batcher
 * groups its rows by source, the Avro codec writes and reads it, detectors and the COPY encoder read it. Objects
 * appear only where a packet carries something rare (`extras`) and at the edges (JSON, API, alerts).
 *
 * Columns are plain public arrays on purpose: an accessor a field costs more than the field in the hot loops.
 * A block has a fixed capacity and is reused: `reset()` forgets the rows, not the memory.
 */

import type { Observation } from '../observations/observation.js';
import { APPLICATION_BYTES_MAX, type Application, readApplication, writeApplication } from './application.js';

/** How `sourceAddress[row]` / `destinationAddress[row]` is to be read. */
export const ADDRESS_NONE = 0;
/** The IPv4 address as an unsigned 32-bit number, 192.0.2.1 = 0xc0000201. */
export const ADDRESS_IPV4 = 4;
/** The number of a 16-byte address in `ipv6`, at byte `16 * value`. */
export const ADDRESS_IPV6 = 6;
/** No network address: the frame is known by its MAC, which stands in `macs`. Only sources have this kind. */
export const ADDRESS_MAC = 48;

/** Bits of `present[row]`: which of the columns that have no natural "absent" value are set. */
export const HAS_MACS = 1 << 0;
export const HAS_IP = 1 << 1; // ipProtocol, ttl
export const HAS_IP_ID = 1 << 2; // ipId: IPv4 identification, or the identification of an IPv6 fragment header
export const HAS_FRAGMENT = 1 << 3; // fragmentOffset: the packet is a fragment; offset 0 is the first
export const HAS_PORTS = 1 << 4; // sourcePort, destinationPort: TCP, UDP, SCTP
export const HAS_TCP = 1 << 5; // tcpFlags, tcpSequence
export const HAS_ICMP = 1 << 6; // icmpType, icmpCode: ICMP and ICMPv6

/** TCP flag bits of `tcpFlags`, RFC 9293 section 3.1 (bits 8 to 11 of the word are AE and the reserved bits). */
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

/** Values of `role[row]`: who the sender of the packet is in its conversation, as the capture node saw it. */
export const ROLE_UNKNOWN = 0;
/** The first packet of a conversation that the capture node had not seen in either direction. */
export const ROLE_OPENING = 1;
export const ROLE_ORIGINATOR = 2;
export const ROLE_RESPONDER = 3;
export const ROLE_NAMES = ['unknown', 'opening', 'originator', 'responder'] as const;

/** RFC 826. Addresses are copies: 6-byte MACs, 4-byte IPv4 addresses. */
export interface Arp {
  /** 1 request, 2 reply; others as IANA lists them. */
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderAddress: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetAddress: Uint8Array;
}

/** IPv6 neighbour discovery, RFC 4861: the target of a solicitation or advertisement and its link-layer option. */
export interface NeighborDiscovery {
  /** 16 bytes. */
  readonly target: Uint8Array;
  /** 6 bytes, or empty when the option is absent. */
  readonly linkLayerAddress: Uint8Array;
}

/** The first six are those of packet-batch-1.avsc; names are never removed or moved. */
export const TUNNEL_TYPES = [
  'vxlan',
  'gre',
  'ip6_in_ip4',
  'ip4_in_ip4',
  'ip4_in_ip6',
  'ip6_in_ip6',
  'geneve',
  'vxlan_gpe',
  'gtp_u',
  'teredo',
  'l2tp',
  'nvgre',
  'erspan',
] as const;

export type TunnelType = (typeof TUNNEL_TYPES)[number];

/**
 * The layer of a tunnelled packet that the columns do not show: the inner packet when the columns hold the outer one
 * (the default), the outer one when the capture node was told to look inside.
 */
export interface Tunnel {
  readonly type: TunnelType;
  /** Whether these fields are those of the `inner` or of the `outer` packet. */
  readonly layer: 'inner' | 'outer';
  /**
   * Which of the tunnels between two addresses: the network identifier of VXLAN, Geneve and NVGRE, the key of GRE, the
   * session of ERSPAN, the endpoint identifier of GTP-U, tunnel and session of L2TP (16 bits each).
   */
  readonly id: number | null;
  /** 4 or 16 bytes; empty when there is no network address. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly ipProtocol: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
}

/** What few packets carry, as objects. A row without any of it has no entry in `extras`. */
export interface RareParts {
  readonly arp: Arp | null;
  readonly neighborDiscovery: NeighborDiscovery | null;
  readonly tunnel: Tunnel | null;
}

/** All that a row carries beside its columns, for edges. */
export interface PacketExtra extends RareParts {
  readonly application: Application | null;
}

/** Where packets come from: what every packet of a batch shares. */
export interface PacketOrigin {
  readonly captureNode: string;
  readonly interface: string;
  /** LINKTYPE_ value of the interface, https://www.tcpdump.org/linktypes.html */
  readonly linkType: number;
  /**
   * Empty for live traffic; a replay of a capture file has a name of its own here, so that processors can tell an old
   * capture played now from a packet that is late. It is `group/run` or `group`: runs of a group count together (one scan
   * split over the captures of several nodes), and a run is one file replayed once by one node.
   */
  readonly timeline: string;
  readonly sampling: 'none' | 'packet' | 'flow';
  /** One of how many was kept; 1 when nothing is sampled out. */
  readonly samplingRate: number;
  /** The address space that the node looks into; empty or left out where there is one. */
  readonly site?: string;
}

/** The index of an origin in a list, to which it is added when it is new. Nearly always the last one's. */
export function originIndex(origins: PacketOrigin[], origin: PacketOrigin): number {
  const last = origins.length - 1;
  if (last >= 0 && origins[last] === origin) return last;
  const known = origins.indexOf(origin);
  return known >= 0 ? known : origins.push(origin) - 1;
}

export const NO_EXTRA = -1;

/** Whether this machine stores the lowest byte of a word first. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export class PacketBlock {
  readonly capacity: number;
  /** Rows in use; rows `0 … count - 1` are valid. */
  count = 0;

  /** µs since 1970-01-01 UTC; a double holds every µs until the year 2255 exactly. */
  readonly timestamp: Float64Array;
  /** Index into `origins`. */
  readonly origin: Uint16Array;
  readonly present: Uint8Array;
  /** Length on the wire and length captured, bytes. */
  readonly frameLength: Uint32Array;
  readonly capturedLength: Uint32Array;
  /** Twelve bytes a row: source MAC, then destination MAC. */
  readonly macs: Uint8Array;
  /** The same memory, to read and write several bytes of at once. */
  readonly macView: DataView;
  /** The same, three words a row in the machine's order of bytes. */
  readonly macWords: Int32Array;
  /** VLAN ids of the outer and the inner tag; 0 is untagged (a VID of 0 names no VLAN, IEEE 802.1Q). */
  readonly vlan: Uint16Array;
  readonly innerVlan: Uint16Array;
  /** EtherType of the network layer, after the tags; 0x0800 or 0x86dd for links that carry bare IP; 0 when there is none. */
  readonly etherType: Uint16Array;
  readonly sourceKind: Uint8Array;
  readonly sourceAddress: Uint32Array;
  readonly destinationKind: Uint8Array;
  readonly destinationAddress: Uint32Array;
  readonly ipProtocol: Uint8Array;
  readonly ttl: Uint8Array;
  readonly ipId: Uint32Array;
  /** Bytes. */
  readonly fragmentOffset: Uint16Array;
  readonly sourcePort: Uint16Array;
  readonly destinationPort: Uint16Array;
  readonly tcpFlags: Uint16Array;
  readonly tcpSequence: Uint32Array;
  readonly icmpType: Uint8Array;
  readonly icmpCode: Uint8Array;
  readonly role: Uint8Array;
  /** Index into `DECODE_FAILURES`; 0 when the frame was decoded whole. */
  readonly failure: Uint8Array;
  /** Index into `extras`, or `NO_EXTRA`. */
  readonly extra: Int32Array;
  /** Bytes of `applications` that hold the row's; a length of 0 is none. */
  readonly applicationStart: Uint32Array;
  readonly applicationLength: Uint16Array;

  /** Side array of IPv6 addresses, 16 bytes each; `ipv6Count` of them are in use. */
  readonly ipv6: Uint8Array;
  /** The same memory, to read and write several bytes of at once. */
  readonly ipv6View: DataView;
  /** The same, four words an address in the machine's order of bytes. */
  readonly ipv6Words: Int32Array;
  ipv6Count = 0;
  readonly extras: RareParts[] = [];
  /** Side array of applications, as application.ts writes them; `applicationsLength` bytes of it are in use. */
  applications: Buffer;
  applicationsLength = 0;
  /** What the packets say of the network, in the order of rows, where the decoder was asked for it. */
  readonly observations: Observation[] = [];
  readonly origins: PacketOrigin[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.timestamp = new Float64Array(capacity);
    this.origin = new Uint16Array(capacity);
    this.present = new Uint8Array(capacity);
    this.frameLength = new Uint32Array(capacity);
    this.capturedLength = new Uint32Array(capacity);
    this.macs = new Uint8Array(capacity * 12);
    this.macView = new DataView(this.macs.buffer);
    this.macWords = new Int32Array(this.macs.buffer);
    this.vlan = new Uint16Array(capacity);
    this.innerVlan = new Uint16Array(capacity);
    this.etherType = new Uint16Array(capacity);
    this.sourceKind = new Uint8Array(capacity);
    this.sourceAddress = new Uint32Array(capacity);
    this.destinationKind = new Uint8Array(capacity);
    this.destinationAddress = new Uint32Array(capacity);
    this.ipProtocol = new Uint8Array(capacity);
    this.ttl = new Uint8Array(capacity);
    this.ipId = new Uint32Array(capacity);
    this.fragmentOffset = new Uint16Array(capacity);
    this.sourcePort = new Uint16Array(capacity);
    this.destinationPort = new Uint16Array(capacity);
    this.tcpFlags = new Uint16Array(capacity);
    this.tcpSequence = new Uint32Array(capacity);
    this.icmpType = new Uint8Array(capacity);
    this.icmpCode = new Uint8Array(capacity);
    this.role = new Uint8Array(capacity);
    this.failure = new Uint8Array(capacity);
    this.extra = new Int32Array(capacity);
    this.applicationStart = new Uint32Array(capacity);
    this.applicationLength = new Uint16Array(capacity);
    this.ipv6 = new Uint8Array(capacity * 2 * 16);
    this.ipv6View = new DataView(this.ipv6.buffer);
    this.ipv6Words = new Int32Array(this.ipv6.buffer);
    this.applications = Buffer.allocUnsafeSlow(APPLICATION_BYTES_MAX);
  }

  /** Forgets everything but the memory. */
  reset(): void {
    this.forgetRows();
    if (this.origins.length > 0) this.origins.length = 0;
  }

  /** Forgets every row, address, extra and application; origins keep their index. */
  forgetRows(): void {
    this.truncate(0, 0, 0, 0);
  }

  /** Forgets the rows from `row` on, and what the side arrays hold beyond these lengths; origins keep their index. */
  truncate(row: number, ipv6Count: number, extras: number, applicationsLength: number): void {
    this.count = row;
    this.ipv6Count = ipv6Count;
    this.applicationsLength = applicationsLength;
    // Setting the length of an array, even to what it is, costs as much as a packet.
    if (this.extras.length > extras) this.extras.length = extras;
    if (this.observations.length > 0) this.forgetObservations(row);
  }

  private forgetObservations(row: number): void {
    const first = this.observations.findIndex((observation) => observation.row >= row);
    if (first >= 0) this.observations.length = first;
  }

  /** The index of an origin in `origins`, adding it when it is new. At most 65,536 a block. */
  originIndex(origin: PacketOrigin): number {
    return originIndex(this.origins, origin);
  }

  /**
   * Adds a row with every column cleared and returns its index. The caller checks `count < capacity` first; beyond it
   * writes to typed arrays are lost without an error.
   */
  addRow(): number {
    const row = this.count++;
    this.present[row] = 0;
    this.vlan[row] = 0;
    this.innerVlan[row] = 0;
    this.etherType[row] = 0;
    this.sourceKind[row] = ADDRESS_NONE;
    this.destinationKind[row] = ADDRESS_NONE;
    this.role[row] = ROLE_UNKNOWN;
    this.failure[row] = 0;
    this.extra[row] = NO_EXTRA;
    this.applicationLength[row] = 0;
    return row;
  }

  /** Copies 16 bytes into the side array and returns the number of the address. */
  addIpv6(bytes: Uint8Array, offset: number): number {
    const index = this.ipv6Count++;
    const to = index * 16;
    for (let i = 0; i < 16; i++) this.ipv6[to + i] = bytes[offset + i]!;
    return index;
  }

  /** As `addIpv6`, four bytes at once. */
  addIpv6From(view: DataView, offset: number): number {
    const index = this.ipv6Count++;
    const to = index * 4;
    const { ipv6Words } = this;
    ipv6Words[to] = view.getInt32(offset, LITTLE_ENDIAN);
    ipv6Words[to + 1] = view.getInt32(offset + 4, LITTLE_ENDIAN);
    ipv6Words[to + 2] = view.getInt32(offset + 8, LITTLE_ENDIAN);
    ipv6Words[to + 3] = view.getInt32(offset + 12, LITTLE_ENDIAN);
    return index;
  }

  /** Gives a row all that it carries beside its columns, at once. */
  setExtra(row: number, { arp, neighborDiscovery, application, tunnel }: PacketExtra): void {
    if (arp !== null || neighborDiscovery !== null || tunnel !== null) {
      this.setRareParts(row, { arp, neighborDiscovery, tunnel });
    }
    if (application !== null) {
      const bytes = this.reserveApplication();
      this.endApplication(row, writeApplication(bytes, this.applicationsLength, application));
    }
  }

  /** All that a row carries beside its columns; null when that is nothing. */
  extraOf(row: number): PacketExtra | null {
    const index = this.extra[row]!;
    const application = this.applicationOf(row);
    if (index >= 0) return { ...this.extras[index]!, application };
    return application && { arp: null, neighborDiscovery: null, application, tunnel: null };
  }

  /** The application of a row, or null; made anew by each call. */
  applicationOf(row: number): Application | null {
    return this.applicationLength[row] === 0 ? null : readApplication(this.applications, this.applicationStart[row]!);
  }

  setRareParts(row: number, parts: RareParts): void {
    this.extra[row] = this.extras.length;
    this.extras.push(parts);
  }

  /** `applications` with room for one more, which is to be written from `applicationsLength` on. */
  reserveApplication(): Buffer {
    if (this.applications.length - this.applicationsLength < APPLICATION_BYTES_MAX) {
      const larger = Buffer.allocUnsafeSlow(2 * this.applications.length + APPLICATION_BYTES_MAX);
      this.applications.copy(larger, 0, 0, this.applicationsLength);
      this.applications = larger;
    }
    return this.applications;
  }

  /** Gives a row a copy of the application `bytes[from … to)`, of at most `APPLICATION_BYTES_MAX`. */
  addApplication(row: number, bytes: Buffer, from: number, to: number): void {
    const applications = this.reserveApplication();
    let at = this.applicationsLength;
    for (let byte = from; byte < to; byte++) applications[at++] = bytes[byte]!;
    this.endApplication(row, at);
  }

  /** Gives a row the application that was written up to `end`. */
  endApplication(row: number, end: number): void {
    this.applicationStart[row] = this.applicationsLength;
    this.applicationLength[row] = end - this.applicationsLength;
    this.applicationsLength = end;
  }
}
