/**
 * pcapng, draft-ietf-opsawg-pcapng: blocks of type, length, body and length again. A section header starts a section
 * with a byte order and interfaces of its own; sections may be appended to each other.
 */
import { InterfaceClock } from './clock.js';
import { fieldInt64, fieldUint16, fieldUint32, fieldUint64 } from './field-reader.js';
import type { FrameHandler } from './frame-handler.js';
import { FRAME_LENGTH_MAX, type RecordFault, type RecordFormat } from './record-format.js';

export const SECTION_HEADER_BLOCK = 0x0a0d0d0a; // the same in both byte orders
const INTERFACE_BLOCK = 1;
const PACKET_BLOCK = 2; // obsolete
const SIMPLE_PACKET_BLOCK = 3;
const INTERFACE_STATISTICS_BLOCK = 5;
const ENHANCED_PACKET_BLOCK = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BODY = 8; // after type and length
const BLOCK_LENGTH_MIN = 12;
const TRAILER_LENGTH = 4;
/** As Wireshark limits blocks. Blocks of unknown types are skipped without being held, so they may be longer. */
const BLOCK_LENGTH_MAX = 16 * 1024 * 1024;
/** A block's origin column has 16 bits. */
const INTERFACES_MAX = 65535;

const OPTION_HEADER_LENGTH = 4;
const OPTION_END = 0;
const OPTION_INTERFACE_NAME = 2;
const OPTION_TIMESTAMP_RESOLUTION = 9;
const OPTION_TIMESTAMP_OFFSET = 14;
const OPTION_RECEIVED = 4;
const OPTION_INTERFACE_DROPPED = 5;
const OPTION_SYSTEM_DROPPED = 7;
const RESOLUTION_DEFAULT = 6;
const NAME_LENGTH_MAX = 255;

interface SectionInterface {
  readonly index: number;
  readonly snapLength: number;
  readonly clock: InterfaceClock;
}

/** Whether the first twelve bytes start a pcapng section. */
export function isPcapng(buffer: Uint8Array, offset: number): boolean {
  return (
    fieldUint32(buffer, offset, true) === SECTION_HEADER_BLOCK &&
    (fieldUint32(buffer, offset + 8, true) === BYTE_ORDER_MAGIC ||
      fieldUint32(buffer, offset + 8, false) === BYTE_ORDER_MAGIC)
  );
}

export class PcapngFormat implements RecordFormat {
  needed = BLOCK_LENGTH_MIN;
  skip = 0;
  fault: RecordFault | null = null;
  frames = 0;
  paused = false;
  private readonly handler: FrameHandler;
  private littleEndian = true;
  /** Interfaces of the section being read. */
  private interfaces: SectionInterface[] = [];
  private interfaceCount = 0;
  private lastTimestamp = 0;

  constructor(handler: FrameHandler) {
    this.handler = handler;
  }

  read(buffer: Uint8Array, start: number, end: number): number {
    let offset = start;
    while (!this.paused) {
      if (end - offset < BLOCK_LENGTH_MIN) {
        this.needed = BLOCK_LENGTH_MIN;
        break;
      }
      let type = fieldUint32(buffer, offset, this.littleEndian);
      if (type === SECTION_HEADER_BLOCK) {
        if (!this.readByteOrder(buffer, offset)) break;
        type = SECTION_HEADER_BLOCK;
      }
      const written = fieldUint32(buffer, offset + 4, this.littleEndian);
      const length = (written + 3) & ~3; // some writers do not count the padding of the last packet
      if (written < BLOCK_LENGTH_MIN || written > 0x7ffffff0) {
        this.damaged(`a block claims a length of ${written} bytes`);
        break;
      }
      if (!isRead(type)) {
        this.skip = length;
        break;
      }
      if (length > BLOCK_LENGTH_MAX) {
        this.damaged(`a block claims ${length} bytes, more than the ${BLOCK_LENGTH_MAX} a block can have`);
        break;
      }
      if (end - offset < length) {
        this.needed = length;
        break;
      }
      const trailer = fieldUint32(buffer, offset + length - TRAILER_LENGTH, this.littleEndian);
      if (trailer !== written) {
        this.damaged(`a block begins with a length of ${written} bytes and ends with one of ${trailer}`);
        break;
      }
      this.readBlock(type, buffer, offset + BODY, offset + length - TRAILER_LENGTH);
      if (this.fault !== null) break;
      offset += length;
    }
    return offset;
  }

  private readBlock(type: number, buffer: Uint8Array, body: number, end: number): void {
    switch (type) {
      case ENHANCED_PACKET_BLOCK:
        this.readPacket(buffer, body, end, fieldUint32OrNone(buffer, body, end, this.littleEndian));
        break;
      case PACKET_BLOCK: {
        const number = end - body >= 2 ? fieldUint16(buffer, body, this.littleEndian) : NONE;
        this.readPacket(buffer, body, end, number);
        break;
      }
      case SIMPLE_PACKET_BLOCK:
        this.readSimplePacket(buffer, body, end);
        break;
      case INTERFACE_BLOCK:
        this.readInterface(buffer, body, end);
        break;
      case INTERFACE_STATISTICS_BLOCK:
        this.readStatistics(buffer, body, end);
        break;
      default: // a section header, whose byte order is already taken
        this.interfaces = [];
        if (end - body < 16) this.damaged('a section header is too short');
        else if (fieldUint16(buffer, body + 4, this.littleEndian) !== 1) {
          const major = fieldUint16(buffer, body + 4, this.littleEndian);
          this.damaged(`pcapng version ${major} does not exist`);
        }
    }
  }

  private readByteOrder(buffer: Uint8Array, offset: number): boolean {
    if (fieldUint32(buffer, offset + BODY, true) === BYTE_ORDER_MAGIC) this.littleEndian = true;
    else if (fieldUint32(buffer, offset + BODY, false) === BYTE_ORDER_MAGIC) this.littleEndian = false;
    else {
      this.damaged('a section header has no byte order magic');
      return false;
    }
    return true;
  }

  /** An enhanced packet block, or the obsolete one, whose fields have the same places after the interface. */
  private readPacket(buffer: Uint8Array, body: number, end: number, interfaceNumber: number): void {
    const data = body + 20;
    if (data > end) {
      this.damaged('a packet block is too short');
      return;
    }
    const source = this.interfaces[interfaceNumber];
    if (source === undefined) {
      this.damaged(`packet ${this.frames + 1} is of interface ${interfaceNumber}, which the section does not describe`);
      return;
    }
    const capturedLength = fieldUint32(buffer, body + 12, this.littleEndian);
    if (capturedLength > FRAME_LENGTH_MAX || capturedLength > end - data) {
      this.damaged(`packet ${this.frames + 1} claims ${capturedLength} captured bytes, more than its block can hold`);
      return;
    }
    const timestamp = source.clock.microseconds(
      fieldUint32(buffer, body + 4, this.littleEndian),
      fieldUint32(buffer, body + 8, this.littleEndian),
    );
    this.lastTimestamp = timestamp;
    this.frames++;
    const frameLength = fieldUint32(buffer, body + 16, this.littleEndian);
    this.handler.onFrame(buffer, data, capturedLength, frameLength, timestamp, source.index);
  }

  /** The captured length is not written: it is the frame's, cut by the interface's snap length and by the block. */
  private readSimplePacket(buffer: Uint8Array, body: number, end: number): void {
    const data = body + 4;
    const source = this.interfaces[0];
    if (data > end || source === undefined) {
      this.damaged(data > end ? 'a packet block is too short' : `packet ${this.frames + 1} is of no known interface`);
      return;
    }
    const frameLength = fieldUint32(buffer, body, this.littleEndian);
    let capturedLength = Math.min(frameLength, end - data);
    if (source.snapLength !== 0) capturedLength = Math.min(capturedLength, source.snapLength);
    if (capturedLength > FRAME_LENGTH_MAX) {
      this.damaged(`packet ${this.frames + 1} claims ${capturedLength} bytes, more than a packet can have`);
      return;
    }
    this.frames++;
    this.handler.onFrame(buffer, data, capturedLength, frameLength, this.lastTimestamp, source.index);
  }

  private readInterface(buffer: Uint8Array, body: number, end: number): void {
    if (end - body < 8) {
      this.damaged('an interface description is too short');
      return;
    }
    if (this.interfaceCount === INTERFACES_MAX) {
      this.damaged(`the capture describes more than ${INTERFACES_MAX} interfaces`);
      return;
    }
    const littleEndian = this.littleEndian;
    let resolution = RESOLUTION_DEFAULT;
    let offsetSeconds = 0;
    let name: string | null = null;
    forEachOption(buffer, body + 8, end, littleEndian, (code, value, length) => {
      if (code === OPTION_TIMESTAMP_RESOLUTION && length >= 1) resolution = buffer[value]!;
      else if (code === OPTION_TIMESTAMP_OFFSET && length >= 8) {
        offsetSeconds = fieldInt64(buffer, value, littleEndian);
      } else if (code === OPTION_INTERFACE_NAME) {
        name = Buffer.from(buffer.buffer, buffer.byteOffset + value, Math.min(length, NAME_LENGTH_MAX)).toString(
          'utf8',
        );
      }
    });
    const clock = new InterfaceClock(resolution, offsetSeconds);
    const index = this.interfaceCount++;
    const snapLength = fieldUint32(buffer, body + 4, littleEndian);
    this.interfaces.push({ index, snapLength, clock });
    const linkType = fieldUint16(buffer, body, littleEndian);
    this.handler.onInterface({ index, linkType, snapLength, name, resolution: clock.resolution });
  }

  private readStatistics(buffer: Uint8Array, body: number, end: number): void {
    if (this.handler.onStatistics === undefined) return;
    const littleEndian = this.littleEndian;
    const source = this.interfaces[fieldUint32OrNone(buffer, body, end, littleEndian)];
    if (source === undefined || end - body < 12) return; // a report about nothing loses no packet
    let received: number | null = null;
    let interfaceDropped: number | null = null;
    let systemDropped: number | null = null;
    forEachOption(buffer, body + 12, end, littleEndian, (code, value, length) => {
      if (length < 8) return;
      if (code === OPTION_RECEIVED) received = fieldUint64(buffer, value, littleEndian);
      else if (code === OPTION_INTERFACE_DROPPED) interfaceDropped = fieldUint64(buffer, value, littleEndian);
      else if (code === OPTION_SYSTEM_DROPPED) systemDropped = fieldUint64(buffer, value, littleEndian);
    });
    this.handler.onStatistics({ interfaceIndex: source.index, received, interfaceDropped, systemDropped });
  }

  private damaged(message: string): void {
    this.fault = { code: 'damaged', message };
  }
}

const NONE = -1;

function isRead(type: number): boolean {
  return (
    type === ENHANCED_PACKET_BLOCK ||
    type === SIMPLE_PACKET_BLOCK ||
    type === PACKET_BLOCK ||
    type === INTERFACE_BLOCK ||
    type === INTERFACE_STATISTICS_BLOCK ||
    type === SECTION_HEADER_BLOCK
  );
}

function fieldUint32OrNone(buffer: Uint8Array, offset: number, end: number, littleEndian: boolean): number {
  return end - offset >= 4 ? fieldUint32(buffer, offset, littleEndian) : NONE;
}

/** Options that reach beyond their block end the list. */
function forEachOption(
  buffer: Uint8Array,
  start: number,
  end: number,
  littleEndian: boolean,
  visit: (code: number, value: number, length: number) => void,
): void {
  let offset = start;
  while (end - offset >= OPTION_HEADER_LENGTH) {
    const code = fieldUint16(buffer, offset, littleEndian);
    const length = fieldUint16(buffer, offset + 2, littleEndian);
    const value = offset + OPTION_HEADER_LENGTH;
    if (code === OPTION_END || value + length > end) return;
    visit(code, value, length);
    offset = value + ((length + 3) & ~3);
  }
}
