/**
 * What packets of a record share, read once: its links, and the flows of the host at hand, each with its link, in columns that
 * packets copy their own from.
 */
import type { AvroReader } from './avro-bytes.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_NONE,
  HAS_IP,
  HAS_MACS,
  HAS_PORTS,
  type PacketBlock,
} from './packet-block.js';
import { FLOW_BYTES_MIN, LINK_BYTES_MIN } from './packet-encoding.js';

export class FlowColumns {
  /** Flows of the host at hand. */
  count = 0;
  readonly present: Uint8Array;
  /** Three words a flow. */
  readonly macWords: Int32Array;
  readonly vlan: Uint16Array;
  readonly innerVlan: Uint16Array;
  readonly etherType: Uint16Array;
  readonly destinationKind: Uint8Array;
  readonly destinationAddress: Uint32Array;
  readonly ipProtocol: Uint8Array;
  readonly ttl: Uint8Array;
  readonly sourcePort: Uint16Array;
  readonly destinationPort: Uint16Array;
  private links = 0;
  private readonly linkPresent: Uint8Array;
  private readonly linkMacs: Uint8Array;
  private readonly linkMacWords: Int32Array;
  private readonly linkVlan: Uint16Array;
  private readonly linkInnerVlan: Uint16Array;
  private readonly linkEtherType: Uint16Array;

  /** @param most links of a record, and flows of a host */
  constructor(private readonly most: number) {
    this.present = new Uint8Array(most);
    this.macWords = new Int32Array(most * 3);
    this.vlan = new Uint16Array(most);
    this.innerVlan = new Uint16Array(most);
    this.etherType = new Uint16Array(most);
    this.destinationKind = new Uint8Array(most);
    this.destinationAddress = new Uint32Array(most);
    this.ipProtocol = new Uint8Array(most);
    this.ttl = new Uint8Array(most);
    this.sourcePort = new Uint16Array(most);
    this.destinationPort = new Uint16Array(most);
    this.linkPresent = new Uint8Array(most);
    this.linkMacs = new Uint8Array(most * 12);
    this.linkMacWords = new Int32Array(this.linkMacs.buffer);
    this.linkVlan = new Uint16Array(most);
    this.linkInnerVlan = new Uint16Array(most);
    this.linkEtherType = new Uint16Array(most);
  }

  /** Reads the array of links. A `fault` of the reader tells that it could not. */
  readLinks(reader: AvroReader): void {
    this.links = 0;
    for (;;) {
      const count = reader.blockCount(LINK_BYTES_MIN);
      if (count === 0) return;
      if (this.links + count > this.most) reader.fail('invalid');
      for (let item = 0; item < count && reader.fault === null; item++) this.readLink(reader);
      if (reader.fault !== null) return;
    }
  }

  private readLink(reader: AvroReader): void {
    const link = this.links++;
    this.linkPresent[link] = readMac(reader, this.linkMacs, link * 12) & readMac(reader, this.linkMacs, link * 12 + 6);
    this.linkVlan[link] = reader.unsigned16();
    this.linkInnerVlan[link] = reader.unsigned16();
    this.linkEtherType[link] = reader.unsigned16();
  }

  /** Reads the array of a host's flows, whose addresses go to the block. */
  readFlows(reader: AvroReader, block: PacketBlock): void {
    this.count = 0;
    for (;;) {
      const count = reader.blockCount(FLOW_BYTES_MIN);
      if (count === 0) return;
      if (this.count + count > this.most || block.ipv6Count + count > 2 * block.capacity) reader.fail('invalid');
      for (let item = 0; item < count && reader.fault === null; item++) this.readFlow(reader, block);
      if (reader.fault !== null) return;
    }
  }

  private readFlow(reader: AvroReader, block: PacketBlock): void {
    const flow = this.count++;
    const link = reader.int();
    if (link >>> 0 >= this.links) {
      reader.fail('invalid');
      return;
    }
    let present = this.linkPresent[link]!;
    const to = flow * 3;
    const from = link * 3;
    this.macWords[to] = this.linkMacWords[from]!;
    this.macWords[to + 1] = this.linkMacWords[from + 1]!;
    this.macWords[to + 2] = this.linkMacWords[from + 2]!;
    this.vlan[flow] = this.linkVlan[link]!;
    this.innerVlan[flow] = this.linkInnerVlan[link]!;
    this.etherType[flow] = this.linkEtherType[link]!;
    this.readDestination(reader, block, flow);
    const ipProtocol = readOptional(reader, 0xff);
    const ttl = readOptional(reader, 0xff);
    if (ipProtocol < 0 !== ttl < 0) reader.fail('invalid');
    if (ipProtocol >= 0) {
      present |= HAS_IP;
      this.ipProtocol[flow] = ipProtocol;
      this.ttl[flow] = ttl;
    }
    const sourcePort = readOptional(reader, 0xffff);
    const destinationPort = readOptional(reader, 0xffff);
    if (sourcePort < 0 !== destinationPort < 0) reader.fail('invalid');
    if (sourcePort >= 0) {
      present |= HAS_PORTS;
      this.sourcePort[flow] = sourcePort;
      this.destinationPort[flow] = destinationPort;
    }
    this.present[flow] = present;
  }

  private readDestination(reader: AvroReader, block: PacketBlock, flow: number): void {
    const length = reader.int();
    if (length !== 0 && length !== 4 && length !== 16) reader.fail('invalid');
    const from = reader.skip(length);
    if (reader.fault !== null || length === 0) this.destinationKind[flow] = ADDRESS_NONE;
    else if (length === 4) {
      this.destinationKind[flow] = ADDRESS_IPV4;
      this.destinationAddress[flow] = reader.word(from);
    } else {
      this.destinationKind[flow] = ADDRESS_IPV6;
      this.destinationAddress[flow] = block.addIpv6(reader.bytes, from);
    }
  }

  /** Gives a row what its flow has; returns the bits of `present` that this sets. */
  copyTo(block: PacketBlock, row: number, flow: number): number {
    const { macWords } = block;
    const to = row * 3;
    const from = flow * 3;
    macWords[to] = this.macWords[from]!;
    macWords[to + 1] = this.macWords[from + 1]!;
    macWords[to + 2] = this.macWords[from + 2]!;
    block.vlan[row] = this.vlan[flow]!;
    block.innerVlan[row] = this.innerVlan[flow]!;
    block.etherType[row] = this.etherType[flow]!;
    block.destinationKind[row] = this.destinationKind[flow]!;
    block.destinationAddress[row] = this.destinationAddress[flow]!;
    block.ipProtocol[row] = this.ipProtocol[flow]!;
    block.ttl[row] = this.ttl[flow]!;
    block.sourcePort[row] = this.sourcePort[flow]!;
    block.destinationPort[row] = this.destinationPort[flow]!;
    return this.present[flow]!;
  }
}

function readMac(reader: AvroReader, macs: Uint8Array, to: number): number {
  const length = reader.int();
  if (length === 6) {
    const from = reader.skip(6);
    if (reader.fault !== null) return 0;
    for (let i = 0; i < 6; i++) macs[to + i] = reader.bytes[from + i]!;
    return HAS_MACS;
  }
  if (length !== 0) reader.fail('invalid');
  macs.fill(0, to, to + 6);
  return 0;
}

/** A number up to `max`, or -1. */
export function readOptional(reader: AvroReader, max: number): number {
  const value = reader.int();
  if (value < -1 || value > max) reader.fail('invalid');
  return value;
}
