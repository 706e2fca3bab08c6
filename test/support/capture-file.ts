/**
 * Writers of capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), in every variant that
 * readers must take. They build whole files in memory; traffic.ts streams large ones.
 */
import { LINK_TYPE } from './frames.js';

export interface CapturedFrame {
  /** µs since 1970-01-01 UTC; ns files take the fraction of a µs too. */
  readonly time: number;
  readonly bytes: Uint8Array;
  /** Length on the wire when it is not `bytes.length`. */
  readonly originalLength?: number;
}

export type ByteOrder = 'little' | 'big';

export interface PcapOptions {
  readonly byteOrder?: ByteOrder;
  readonly resolution?: 'microseconds' | 'nanoseconds';
  readonly linkType?: number;
  /** Frames are cut to it. */
  readonly snapLength?: number;
}

const PCAP_MAGIC = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d } as const;
export const DEFAULT_SNAP_LENGTH = 262144;

/** A pcap file. */
export function pcapFile(frames: Iterable<CapturedFrame>, options: PcapOptions = {}): Buffer {
  const parts = [pcapHeader(options)];
  for (const frame of frames) parts.push(pcapRecord(frame, options));
  return Buffer.concat(parts);
}

/** The 24 bytes before the records. */
export function pcapHeader(options: PcapOptions = {}): Buffer {
  const fields = fieldWriter(options.byteOrder ?? 'little');
  return Buffer.concat([
    fields.uint32(PCAP_MAGIC[options.resolution ?? 'microseconds']),
    fields.uint16(2),
    fields.uint16(4),
    fields.uint32(0),
    fields.uint32(0),
    fields.uint32(options.snapLength ?? DEFAULT_SNAP_LENGTH),
    fields.uint32(options.linkType ?? LINK_TYPE.ethernet),
  ]);
}

/** One record: 16 bytes and the frame. */
export function pcapRecord(frame: CapturedFrame, options: PcapOptions = {}): Buffer {
  const fields = fieldWriter(options.byteOrder ?? 'little');
  const captured = frame.bytes.subarray(0, options.snapLength ?? DEFAULT_SNAP_LENGTH);
  const seconds = Math.floor(frame.time / 1e6);
  const microseconds = frame.time - seconds * 1e6;
  const fraction = options.resolution === 'nanoseconds' ? Math.round(microseconds * 1000) : Math.floor(microseconds);
  return Buffer.concat([
    fields.uint32(seconds),
    fields.uint32(fraction),
    fields.uint32(captured.length),
    fields.uint32(frame.originalLength ?? frame.bytes.length),
    captured,
  ]);
}

export interface PcapngInterface {
  readonly linkType?: number;
  readonly snapLength?: number;
  /** The option if_tsresol as its byte: 6 = 10⁻⁶ (the default when absent), 9 = 10⁻⁹, 0x80 | n = 2⁻ⁿ seconds. */
  readonly timestampResolution?: number;
  /** The option if_tsoffset, seconds added to every timestamp. */
  readonly timestampOffset?: number;
  readonly name?: string;
}

export type PcapngBlock =
  | ({ readonly kind: 'interface' } & PcapngInterface)
  | { readonly kind: 'enhanced'; readonly interface: number; readonly frame: CapturedFrame; readonly comment?: string }
  | { readonly kind: 'simple'; readonly bytes: Uint8Array; readonly originalLength?: number }
  | { readonly kind: 'unknown'; readonly type: number; readonly body: Uint8Array };

export interface PcapngSection {
  readonly byteOrder?: ByteOrder;
  readonly blocks: readonly PcapngBlock[];
}

/** A pcapng file of one or several sections; each section has interfaces of its own, numbered from 0. */
export function pcapngFile(sections: readonly PcapngSection[]): Buffer {
  return Buffer.concat(sections.map(pcapngSection));
}

const BLOCK_TYPE = { sectionHeader: 0x0a0d0d0a, interface: 1, simple: 3, enhanced: 6 } as const;
const OPTION = { end: 0, comment: 1, interfaceName: 2, timestampResolution: 9, timestampOffset: 14 } as const;

function pcapngSection(section: PcapngSection): Buffer {
  const fields = fieldWriter(section.byteOrder ?? 'little');
  const interfaces: PcapngInterface[] = [];
  const header = fields.block(
    BLOCK_TYPE.sectionHeader,
    Buffer.concat([fields.uint32(0x1a2b3c4d), fields.uint16(1), fields.uint16(0), Buffer.alloc(8, 0xff)]),
  );
  const parts = [header];
  for (const block of section.blocks) {
    if (block.kind === 'interface') {
      interfaces.push(block);
      parts.push(interfaceBlock(fields, block));
    } else if (block.kind === 'enhanced') {
      parts.push(enhancedBlock(fields, block, interfaces[block.interface]));
    } else if (block.kind === 'simple') {
      const captured = block.bytes.subarray(0, snapLimit(interfaces[0]));
      const length = fields.uint32(block.originalLength ?? block.bytes.length);
      parts.push(fields.block(BLOCK_TYPE.simple, Buffer.concat([length, captured])));
    } else {
      parts.push(fields.block(block.type, Buffer.from(block.body)));
    }
  }
  return Buffer.concat(parts);
}

function interfaceBlock(fields: FieldWriter, description: PcapngInterface): Buffer {
  const options: Buffer[] = [];
  if (description.name !== undefined) options.push(fields.option(OPTION.interfaceName, Buffer.from(description.name)));
  if (description.timestampResolution !== undefined) {
    options.push(fields.option(OPTION.timestampResolution, Buffer.from([description.timestampResolution])));
  }
  if (description.timestampOffset !== undefined) {
    options.push(fields.option(OPTION.timestampOffset, fields.uint64(BigInt(description.timestampOffset))));
  }
  if (options.length > 0) options.push(fields.option(OPTION.end, Buffer.alloc(0)));
  return fields.block(
    BLOCK_TYPE.interface,
    Buffer.concat([
      fields.uint16(description.linkType ?? LINK_TYPE.ethernet),
      fields.uint16(0),
      fields.uint32(description.snapLength ?? 0),
      ...options,
    ]),
  );
}

function enhancedBlock(
  fields: FieldWriter,
  block: Extract<PcapngBlock, { kind: 'enhanced' }>,
  description: PcapngInterface | undefined,
): Buffer {
  const captured = block.frame.bytes.subarray(0, snapLimit(description));
  const time = timestampUnits(block.frame.time, description);
  const comment =
    block.comment === undefined
      ? []
      : [fields.option(OPTION.comment, Buffer.from(block.comment)), fields.option(OPTION.end, Buffer.alloc(0))];
  return fields.block(
    BLOCK_TYPE.enhanced,
    Buffer.concat([
      fields.uint32(block.interface),
      fields.uint32(Number(time >> 32n)),
      fields.uint32(Number(time & 0xffffffffn)),
      fields.uint32(captured.length),
      fields.uint32(block.frame.originalLength ?? block.frame.bytes.length),
      padded(captured),
      ...comment,
    ]),
  );
}

/** µs to the units of an interface, after its offset is taken away. */
function timestampUnits(time: number, description: PcapngInterface | undefined): bigint {
  const resolution = description?.timestampResolution ?? 6;
  const nanoseconds =
    BigInt(Math.floor(time)) * 1000n +
    BigInt(Math.round((time % 1) * 1000)) -
    BigInt(description?.timestampOffset ?? 0) * 1_000_000_000n;
  const unitsPerSecond = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  return (nanoseconds * unitsPerSecond) / 1_000_000_000n;
}

function snapLimit(description: PcapngInterface | undefined): number {
  return description?.snapLength || Number.MAX_SAFE_INTEGER; // 0 is no limit
}

interface FieldWriter {
  uint16(value: number): Buffer;
  uint32(value: number): Buffer;
  uint64(value: bigint): Buffer;
  block(type: number, body: Buffer): Buffer;
  option(code: number, value: Buffer): Buffer;
}

function fieldWriter(byteOrder: ByteOrder): FieldWriter {
  const ordered = (bytes: Buffer): Buffer => (byteOrder === 'big' ? bytes : bytes.reverse());
  const writer: FieldWriter = {
    uint16(value) {
      const bytes = Buffer.alloc(2);
      bytes.writeUInt16BE(value);
      return ordered(bytes);
    },
    uint32(value) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value >>> 0);
      return ordered(bytes);
    },
    uint64(value) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value);
      return ordered(bytes);
    },
    block(type, body) {
      const content = padded(body);
      const length = writer.uint32(content.length + 12);
      return Buffer.concat([writer.uint32(type), length, content, length]);
    },
    option(code, value) {
      return Buffer.concat([writer.uint16(code), writer.uint16(value.length), padded(value)]);
    },
  };
  return writer;
}

/** Filled with zeros to a multiple of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
