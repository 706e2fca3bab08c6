/**
 * pcap, draft-ietf-opsawg-pcap: a header of 24 bytes, then records of a fixed header and the frame. Beside the two
 * standard magics: Kuznetzov's "modified" format of old Linux distributions and the two of IXIA's instruments.
 */
import { plausibleTime } from './clock.js';
import { fieldUint16, fieldUint32 } from './field-reader.js';
import type { FrameHandler } from './frame-handler.js';
import { FRAME_LENGTH_MAX, type RecordFault, type RecordFormat } from './record-format.js';

interface PcapVariant {
  readonly nanoseconds: boolean;
  readonly fileHeaderLength: number;
  readonly recordHeaderLength: number;
}

const VARIANTS = new Map<number, PcapVariant>([
  [0xa1b2c3d4, { nanoseconds: false, fileHeaderLength: 24, recordHeaderLength: 16 }],
  [0xa1b23c4d, { nanoseconds: true, fileHeaderLength: 24, recordHeaderLength: 16 }],
  // Interface, protocol and packet type follow the lengths of each record.
  [0xa1b2cd34, { nanoseconds: false, fileHeaderLength: 24, recordHeaderLength: 24 }],
  // The length of the rest of the file follows the header.
  [0x1c0001ac, { nanoseconds: true, fileHeaderLength: 28, recordHeaderLength: 16 }],
  [0x1c0001ab, { nanoseconds: true, fileHeaderLength: 28, recordHeaderLength: 16 }],
]);

const VERSION_MAJOR = 4;
const VERSION_MINOR = 6;
const SNAP_LENGTH = 16;
const LINK_TYPE = 20;
/** The upper half of the field tells of a frame check sequence at the end, which no decoder reads as far as. */
const LINK_TYPE_MASK = 0xffff;
const VERSION_MAJOR_EXPECTED = 2;
/** Up to version 2.2 the length on the wire came first; of 2.3 there are files with either order (libpcap's sf-pcap.c). */
const VERSION_MINOR_WIRE_LENGTH_FIRST = 2;
const VERSION_MINOR_EITHER_ORDER = 3;

const SECONDS = 0;
const FRACTION = 4;
const CAPTURED_LENGTH = 8;
const FRAME_LENGTH = 12;

/** Numbers that libpcap uses inside programs (DLT_…) and that some of them wrote into files. */
const LINK_TYPE_OF_DLT = new Map<number, number>([
  [12, 101], // DLT_RAW
  [14, 101], // DLT_RAW on OpenBSD
]);

/** Whether the first four bytes are those of a pcap file, and in which byte order. */
export function pcapByteOrder(buffer: Uint8Array, offset: number): 'little' | 'big' | null {
  if (VARIANTS.has(fieldUint32(buffer, offset, true))) return 'little';
  return VARIANTS.has(fieldUint32(buffer, offset, false)) ? 'big' : null;
}

export class PcapFormat implements RecordFormat {
  needed: number;
  skip = 0;
  fault: RecordFault | null = null;
  frames = 0;
  paused = false;
  private readonly handler: FrameHandler;
  private readonly littleEndian: boolean;
  private readonly variant: PcapVariant;
  private headerRead = false;
  private versionMinor = 4;

  constructor(handler: FrameHandler, buffer: Uint8Array, offset: number) {
    this.handler = handler;
    this.littleEndian = pcapByteOrder(buffer, offset) === 'little';
    this.variant = VARIANTS.get(fieldUint32(buffer, offset, this.littleEndian))!;
    this.needed = this.variant.fileHeaderLength;
  }

  read(buffer: Uint8Array, start: number, end: number): number {
    let offset = start;
    if (!this.headerRead) {
      if (end - offset < this.variant.fileHeaderLength) return offset;
      if (!this.readHeader(buffer, offset)) return offset;
      offset += this.variant.fileHeaderLength;
    }
    const littleEndian = this.littleEndian;
    const headerLength = this.variant.recordHeaderLength;
    const nanoseconds = this.variant.nanoseconds;
    const { versionMinor } = this;
    const wireLengthFirst = versionMinor <= VERSION_MINOR_WIRE_LENGTH_FIRST;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    let needed = headerLength;
    while (!this.paused) {
      if (end - offset < headerLength) break;
      let capturedLength = view.getUint32(offset + CAPTURED_LENGTH, littleEndian);
      let frameLength = view.getUint32(offset + FRAME_LENGTH, littleEndian);
      if (wireLengthFirst || (versionMinor === VERSION_MINOR_EITHER_ORDER && capturedLength > frameLength)) {
        const first = capturedLength;
        capturedLength = frameLength;
        frameLength = first;
      }
      if (capturedLength > FRAME_LENGTH_MAX) {
        this.fault = {
          code: 'damaged',
          message: `packet ${this.frames + 1} claims ${capturedLength} captured bytes, more than the ${FRAME_LENGTH_MAX} a packet can have`,
        };
        break;
      }
      const next = offset + headerLength + capturedLength;
      if (next > end) {
        needed = headerLength + capturedLength;
        break;
      }
      const fraction = view.getUint32(offset + FRACTION, littleEndian);
      const timestamp =
        view.getUint32(offset + SECONDS, littleEndian) * 1e6 + (nanoseconds ? Math.floor(fraction / 1000) : fraction);
      this.frames++;
      this.handler.onFrame(buffer, offset + headerLength, capturedLength, frameLength, plausibleTime(timestamp), 0);
      offset = next;
    }
    this.needed = needed;
    return offset;
  }

  private readHeader(buffer: Uint8Array, offset: number): boolean {
    const major = fieldUint16(buffer, offset + VERSION_MAJOR, this.littleEndian);
    if (major !== VERSION_MAJOR_EXPECTED) {
      this.fault = { code: 'damaged', message: `pcap version ${major} does not exist: the file header is damaged` };
      return false;
    }
    const written = fieldUint32(buffer, offset + LINK_TYPE, this.littleEndian) & LINK_TYPE_MASK;
    this.versionMinor = fieldUint16(buffer, offset + VERSION_MINOR, this.littleEndian);
    this.headerRead = true;
    this.handler.onInterface({
      index: 0,
      linkType: LINK_TYPE_OF_DLT.get(written) ?? written,
      snapLength: fieldUint32(buffer, offset + SNAP_LENGTH, this.littleEndian),
      name: null,
      resolution: this.variant.nanoseconds ? '10^-9 s' : '10^-6 s',
    });
    return true;
  }
}
