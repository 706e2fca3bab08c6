/**
 * The ClientHello in the Initial packets that begin a QUIC connection: RFC 9000 section 17.2.2 (packets) and 19.6 (CRYPTO
 * frames), RFC 9001 section 5 (protection). Decrypting one costs some 50 µs, so it is done so many times a second of the
 * capture's clock at most, and only of what a client sends.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { uint16, uint32 } from '../bytes.js';
import { readClientHello } from './client-hello.js';
import { clientInitialKeys, type InitialKeys, quicVersion } from './quic-keys.js';
import type { ServiceFacts, ServicePayload } from './service-facts.js';
import { helloFacts } from './tls-reader.js';

const LONG_HEADER = 0x80;
const PACKET_TYPE_MASK = 0x30;
const PACKET_NUMBER_LENGTH_MASK = 0x03;
const PROTECTED_BITS = 0x0f;
const VERSION = 1;
const DESTINATION_ID_LENGTH = 5;
const DESTINATION_ID = 6;
const CONNECTION_ID_LENGTH_MAX = 20;
const SAMPLE_OFFSET = 4; // from the packet number, however long it is
const SAMPLE_LENGTH = 16;
const TAG_LENGTH = 16;

const FRAME_PADDING = 0x00;
const FRAME_PING = 0x01;
const FRAME_ACK = 0x02;
const FRAME_ACK_ECN = 0x03;
const FRAME_CRYPTO = 0x06;

const HELLO_LENGTH_MAX = 4096;
const HELLO_HEADER_LENGTH = 4;
/** Chrome cuts a hello into dozens of pieces on purpose. */
const PIECES_MAX = 64;
const PACKETS_MAX = 4; // coalesced into one datagram
/** Clients whose hello takes a second datagram, which comes at once. */
const HANDSHAKES_MAX = 64;
const DECRYPTIONS_PER_SECOND_MAX = 2000;
const SECOND = 1_000_000;

/** A hello as far as its pieces have come. */
interface Handshake {
  readonly bytes: Buffer;
  /** Begins and ends of the pieces, in the order in which they came. */
  readonly pieces: number[];
}

export class QuicReader {
  /** By the client's connection id, the oldest first. */
  private readonly handshakes = new Map<string, Handshake>();
  private second = Number.NEGATIVE_INFINITY;
  private decryptions = 0;
  /** Packets that were not decrypted because so many had been in the second. */
  skipped = 0;

  read(payload: ServicePayload): ServiceFacts | null {
    const { buffer, start, end, state, fromOriginator } = payload;
    if ((buffer[start]! & LONG_HEADER) === 0) return null;
    const facts: ServiceFacts = { service: 'quic', state };
    if (!fromOriginator) return facts;
    let at = start;
    for (let packets = 0; packets < PACKETS_MAX && at < end; packets++) {
      const packet = parseInitial(buffer, at, end);
      if (packet === null) break;
      const hello = this.readPacket(buffer, at, packet, payload.time);
      if (hello !== null) return { ...hello, state };
      at = packet.end;
    }
    return facts;
  }

  private readPacket(buffer: Uint8Array, start: number, packet: InitialPacket, time: number): ServiceFacts | null {
    if (!this.mayDecrypt(time)) return null;
    const plain = decrypt(buffer, start, packet);
    if (plain === null) return null;
    const id = packet.connectionId.toString('latin1');
    const handshake = this.handshakes.get(id) ?? { bytes: Buffer.alloc(HELLO_LENGTH_MAX), pieces: [] };
    if (!readFrames(plain, handshake)) return null;
    const length = contiguousLength(handshake.pieces);
    const hello = length < HELLO_HEADER_LENGTH ? null : readClientHello(handshake.bytes, 0, length);
    if (hello?.isWhole) {
      this.handshakes.delete(id);
      return helloFacts('quic', hello, 0);
    }
    this.handshakes.set(id, handshake);
    if (this.handshakes.size > HANDSHAKES_MAX) this.handshakes.delete(this.handshakes.keys().next().value!);
    // What there is of it names the server already, mostly.
    return hello?.serverName ? helloFacts('quic', hello, 0) : null;
  }

  private mayDecrypt(time: number): boolean {
    const second = Math.floor(time / SECOND);
    if (second !== this.second) {
      this.second = second;
      this.decryptions = 0;
    }
    if (++this.decryptions <= DECRYPTIONS_PER_SECOND_MAX) return true;
    this.skipped++;
    return false;
  }
}

interface InitialPacket {
  readonly keys: () => InitialKeys;
  readonly connectionId: Buffer;
  readonly packetNumber: number;
  readonly end: number;
}

/** Where the parts of the Initial packet at `start` are; null when it is none, or was cut. */
function parseInitial(buffer: Uint8Array, start: number, end: number): InitialPacket | null {
  if (end - start < DESTINATION_ID || (buffer[start]! & LONG_HEADER) === 0) return null;
  const version = quicVersion(uint32(buffer, start + VERSION));
  if (version === null || (buffer[start]! & PACKET_TYPE_MASK) !== version.initialType) return null;
  const idLength = buffer[start + DESTINATION_ID_LENGTH]!;
  let at = start + DESTINATION_ID + idLength;
  if (idLength > CONNECTION_ID_LENGTH_MAX || at >= end) return null;
  const connectionId = Buffer.from(buffer.subarray(start + DESTINATION_ID, at));
  at += 1 + buffer[at]!; // the source's
  const token = readVariable(buffer, at, end);
  if (token === null) return null;
  at = token.end + token.value;
  const length = readVariable(buffer, at, end);
  if (length === null || length.end + length.value > end) return null;
  if (length.value < SAMPLE_OFFSET + SAMPLE_LENGTH) return null;
  const keys = (): InitialKeys => clientInitialKeys(version, connectionId);
  return { keys, connectionId, packetNumber: length.end, end: length.end + length.value };
}

/** A variable-length integer of RFC 9000 section 16; null when it is cut or larger than any length here. */
function readVariable(buffer: Uint8Array, at: number, end: number): { value: number; end: number } | null {
  if (at >= end) return null;
  const first = buffer[at]!;
  const length = 1 << (first >> 6);
  if (at + length > end) return null;
  switch (length) {
    case 1:
      return { value: first & 0x3f, end: at + 1 };
    case 2:
      return { value: uint16(buffer, at) & 0x3fff, end: at + 2 };
    case 4:
      return { value: uint32(buffer, at) & 0x3fffffff, end: at + 4 };
    default:
      return (uint32(buffer, at) & 0x3fffffff) === 0 ? { value: uint32(buffer, at + 4), end: at + 8 } : null;
  }
}

/** The frames of a packet; null when it does not authenticate: it is of another connection, or of the server. */
function decrypt(buffer: Uint8Array, start: number, packet: InitialPacket): Buffer | null {
  const { key, iv, headerProtection } = packet.keys();
  const sample = packet.packetNumber + SAMPLE_OFFSET;
  const mask = createCipheriv('aes-128-ecb', headerProtection, null)
    .setAutoPadding(false)
    .update(buffer.subarray(sample, sample + SAMPLE_LENGTH));
  const first = buffer[start]! ^ (mask[0]! & PROTECTED_BITS);
  const numberLength = (first & PACKET_NUMBER_LENGTH_MASK) + 1;
  const payload = packet.packetNumber + numberLength;
  const header = Buffer.from(buffer.subarray(start, payload));
  header[0] = first;
  const nonce = Buffer.from(iv);
  for (let i = 0; i < numberLength; i++) {
    const at = header.length - numberLength + i;
    header[at] = header[at]! ^ mask[1 + i]!;
    const place = nonce.length - numberLength + i;
    nonce[place] = nonce[place]! ^ header[at]!;
  }
  const tag = packet.end - TAG_LENGTH;
  if (tag < payload) return null;
  const cipher = createDecipheriv('aes-128-gcm', key, nonce)
    .setAAD(header)
    .setAuthTag(buffer.subarray(tag, packet.end));
  const plain = cipher.update(buffer.subarray(payload, tag));
  try {
    cipher.final();
    return plain;
  } catch {
    return null;
  }
}

/** Copies what CRYPTO frames carry to its place; false for frames that an Initial packet of a client does not have. */
function readFrames(plain: Buffer, handshake: Handshake): boolean {
  let at = 0;
  while (at < plain.length) {
    const type = plain[at++]!;
    if (type === FRAME_PADDING || type === FRAME_PING) continue;
    if (type === FRAME_ACK || type === FRAME_ACK_ECN) {
      at = endOfAck(plain, at, type === FRAME_ACK_ECN);
      if (at < 0) return false;
      continue;
    }
    if (type !== FRAME_CRYPTO) return handshake.pieces.length > 0;
    const offset = readVariable(plain, at, plain.length);
    const length = offset === null ? null : readVariable(plain, offset.end, plain.length);
    if (offset === null || length === null) return false;
    const data = length.end;
    const pieceEnd = offset.value + length.value;
    at = data + length.value;
    if (at > plain.length || pieceEnd > HELLO_LENGTH_MAX) return false;
    if (handshake.pieces.length >= 2 * PIECES_MAX) return false;
    handshake.bytes.set(plain.subarray(data, at), offset.value);
    handshake.pieces.push(offset.value, pieceEnd);
  }
  return handshake.pieces.length > 0;
}

/** Largest, delay, count of ranges and the first, then two numbers a range, then three counts. -1 when it is cut. */
function endOfAck(plain: Buffer, start: number, hasCounts: boolean): number {
  let at = start;
  let left = 4;
  for (let field = 0; left > 0; field++) {
    const value = readVariable(plain, at, plain.length);
    if (value === null) return -1;
    if (field === 2) left += 2 * Math.min(value.value, plain.length) + (hasCounts ? 3 : 0);
    at = value.end;
    left--;
  }
  return at;
}

/** How many bytes there are from the begin without a gap. */
function contiguousLength(pieces: readonly number[]): number {
  let length = 0;
  for (let pass = 0; pass < pieces.length; pass += 2) {
    const before = length;
    for (let piece = 0; piece < pieces.length; piece += 2) {
      if (pieces[piece]! <= length && pieces[piece + 1]! > length) length = pieces[piece + 1]!;
    }
    if (length === before) break;
  }
  return length;
}
