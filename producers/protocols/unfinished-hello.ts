/**
 * ClientHellos that do not fit into one segment: the key share of a post-quantum handshake alone is 1,216 bytes, and the
 * server's name may stand behind it. The begin waits here for the segments that continue it, in a fixed number of
 * places; what comes out of order, or too late, or does not fit, is not waited for.
 */
import { ADDRESS_IPV6, type PacketBlock, TCP_SYN } from '../../schemas/packets/packet-block.js';
import { uint16 } from './bytes.js';

const RECORD_LENGTH = 3;
const RECORD_HEADER_LENGTH = 5;
const HANDSHAKE_TYPE = 5;
const CLIENT_HELLO = 1;

/** More than browsers with two key shares and an encrypted hello send. */
const HELLO_LENGTH_MAX = 4096;
/** Clients whose next segment is on its way, at one capture node. A power of two. */
const PLACES = 64;
/** Segments with data, of whatever connection, after which nobody's next one is expected any more. */
const PATIENCE_SEGMENTS = 16_384;

interface Place {
  readonly bytes: Buffer;
  /** Bytes there are; 0 in a free place. */
  length: number;
  /** Whether the begin alone already told the name. */
  named: boolean;
  sequence: number;
  ports: number;
  kind: number;
  readonly addresses: Int32Array;
}

export class UnfinishedHellos {
  /** Places that are taken: without any, no segment needs to be looked up. */
  waiting = 0;
  private patience = 0;
  private readonly places: (Place | undefined)[] = new Array(PLACES).fill(undefined);
  private readonly addresses = new Int32Array(8);

  /** Keeps the begin of a hello that the payload `start … end - 1`, captured whole, does not finish. */
  begin(block: PacketBlock, row: number, buffer: Uint8Array, start: number, end: number, named: boolean): void {
    if (helloLength(buffer, start, end) <= end - start || end - start > HELLO_LENGTH_MAX) return;
    this.keep(block, row, buffer, start, end, named);
  }

  /** The bytes of a hello up to this payload, when it continues one; null for every other. They are there until the next call. */
  continued(block: PacketBlock, row: number, buffer: Uint8Array, start: number, end: number): HelloBytes | null {
    const place = this.find(block, row);
    if (--this.patience <= 0) {
      for (const taken of this.places) if (taken !== undefined) taken.length = 0;
      this.waiting = 0;
      return null;
    }
    if (place === null) return null;
    const begun = place.length;
    place.length = 0;
    this.waiting--;
    const length = Math.min(begun + end - start, HELLO_LENGTH_MAX);
    place.bytes.set(buffer.subarray(start, start + length - begun), begun);
    const whole = helloLength(place.bytes, 0, length);
    const finished = length >= whole;
    const bytes = { bytes: place.bytes, length: Math.min(length, whole), finished, named: place.named };
    if (!finished && length < HELLO_LENGTH_MAX) this.keep(block, row, place.bytes, 0, length, place.named, end - start);
    return bytes;
  }

  private keep(
    block: PacketBlock,
    row: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    named: boolean,
    sent = end - start,
  ): void {
    this.readAddresses(block, row);
    const opening = (block.tcpFlags[row]! & TCP_SYN) !== 0 ? 1 : 0; // data of TCP Fast Open comes after the SYN's own number
    const sequence = (block.tcpSequence[row]! + opening + sent) >>> 0;
    const ports = portsOf(block, row);
    const index = this.indexOf(sequence, ports);
    const place = this.places[index] ?? emptyPlace();
    this.places[index] = place;
    if (place.length === 0) this.waiting++;
    this.patience = PATIENCE_SEGMENTS;
    if (place.bytes !== buffer) place.bytes.set(buffer.subarray(start, end), 0);
    place.length = end - start;
    place.named = named;
    place.sequence = sequence;
    place.ports = ports;
    place.kind = block.sourceKind[row]!;
    place.addresses.set(this.addresses);
  }

  private find(block: PacketBlock, row: number): Place | null {
    const sequence = block.tcpSequence[row]!;
    const ports = portsOf(block, row);
    const place = this.places[this.indexOf(sequence, ports)];
    if (place === undefined || place.length === 0 || place.sequence !== sequence || place.ports !== ports) return null;
    if (place.kind !== block.sourceKind[row]) return null;
    this.readAddresses(block, row);
    for (let word = 0; word < 8; word++) if (place.addresses[word] !== this.addresses[word]) return null;
    return place;
  }

  private indexOf(sequence: number, ports: number): number {
    const mixed = Math.imul(sequence ^ Math.imul(ports, 0x85ebca6b), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & (PLACES - 1);
  }

  private readAddresses(block: PacketBlock, row: number): void {
    const { addresses } = this;
    addresses.fill(0);
    if (block.sourceKind[row] === ADDRESS_IPV6) {
      for (let word = 0; word < 4; word++) {
        addresses[word] = block.ipv6View.getInt32(block.sourceAddress[row]! * 16 + 4 * word);
        addresses[4 + word] = block.ipv6View.getInt32(block.destinationAddress[row]! * 16 + 4 * word);
      }
    } else {
      addresses[0] = block.sourceAddress[row]!;
      addresses[4] = block.destinationAddress[row]!;
    }
  }
}

export interface HelloBytes {
  readonly bytes: Buffer;
  readonly length: number;
  /** Whether this is all of it. */
  readonly finished: boolean;
  readonly named: boolean;
}

/** The length of the record that a ClientHello fills; 0 when it is no hello. */
function helloLength(buffer: Uint8Array, start: number, end: number): number {
  if (end - start <= HANDSHAKE_TYPE || buffer[start + HANDSHAKE_TYPE] !== CLIENT_HELLO) return 0;
  return RECORD_HEADER_LENGTH + uint16(buffer, start + RECORD_LENGTH);
}

function portsOf(block: PacketBlock, row: number): number {
  return (block.sourcePort[row]! << 16) | block.destinationPort[row]!;
}

function emptyPlace(): Place {
  return {
    bytes: Buffer.alloc(HELLO_LENGTH_MAX),
    length: 0,
    named: false,
    sequence: 0,
    ports: 0,
    kind: 0,
    addresses: new Int32Array(8),
  };
}
