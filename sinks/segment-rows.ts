/**
 * Packets gathered into segments, and these as rows of binary COPY. Packets are expected origin by origin and source by
 * source: each segment then has few addresses, and a source few segments.
 */
import type { PacketBlock } from '../schemas/packet-block.js';
import { SEGMENT_PACKETS, SEGMENT_SECONDS } from '../schemas/packet-table.js';
import { CopyBuffer } from './copy-buffer.js';
import { PacketSegment, SEGMENT_COLUMNS } from './packet-segment.js';

export const SEGMENT_COPY_SQL = `COPY packet_segments (${SEGMENT_COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`;

const SEGMENT_MICROS = SEGMENT_SECONDS * 1e6;
/**
 * Segments that are filled at the same time, each of another ten seconds; the oldest is written out for one more. Live
 * traffic needs two; a capture of some packets a minute needs many, or its segments would hold a packet or two.
 */
const OPEN_MAX = 256;

export class SegmentRows {
  readonly copy = new CopyBuffer();
  /** Packets written so far. */
  packets = 0;
  /** The tags of the packets in the order in which they are written. */
  tags = new Uint32Array(1 << 16);
  /** How many packets are written before each row. */
  private readonly rowStarts: number[] = [];
  private firstId = 0;
  private originId = -1;
  /** By the number of its ten seconds. */
  private readonly open = new Map<number, PacketSegment>();
  private readonly spare: PacketSegment[] = [];
  private currentSpan = Number.NaN;
  private current: PacketSegment | undefined;

  /** @param packetsMax packets a segment, at most 256 */
  constructor(private readonly packetsMax = SEGMENT_PACKETS) {}

  /** Forgets all; ids count from `firstId`. */
  begin(firstId: number): void {
    this.copy.reset();
    this.packets = 0;
    this.rowStarts.length = 0;
    this.firstId = firstId;
    this.originId = -1;
  }

  /** `tag` finds the packet again when Postgres refuses its row. */
  append(block: PacketBlock, row: number, originId: number, tag: number): void {
    if (originId !== this.originId) {
      this.finish();
      this.originId = originId;
    }
    const span = Math.floor(block.timestamp[row]! / SEGMENT_MICROS);
    let segment = this.current;
    if (segment === undefined || span !== this.currentSpan) segment = this.segmentOf(span);
    segment.append(block, row, tag);
    if (segment.packets === this.packetsMax) this.write(span, segment);
  }

  private segmentOf(span: number): PacketSegment {
    let segment = this.open.get(span);
    if (segment === undefined) {
      if (this.open.size === OPEN_MAX) {
        const [oldest] = this.open;
        this.write(...oldest!);
      }
      segment = this.spare.pop() ?? new PacketSegment();
      this.open.set(span, segment);
    }
    this.current = segment;
    this.currentSpan = span;
    return segment;
  }

  private write(span: number, segment: PacketSegment): void {
    if (this.packets + segment.packets > this.tags.length) {
      const larger = new Uint32Array(2 * this.tags.length);
      larger.set(this.tags);
      this.tags = larger;
    }
    segment.sort();
    this.tags.set(segment.tags.subarray(0, segment.packets), this.packets);
    this.rowStarts.push(this.packets);
    segment.put(this.copy, this.firstId + this.packets, this.originId);
    this.packets += segment.packets;
    segment.reset();
    this.open.delete(span);
    this.spare.push(segment);
    this.current = undefined;
  }

  /** Writes out what is still being filled. */
  finish(): void {
    for (const [span, segment] of this.open) this.write(span, segment);
  }

  firstIdOf(row: number): number {
    return this.firstId + this.rowStarts[row]!;
  }

  /** The tags of the packets in a row. */
  rowTags(row: number): Uint32Array {
    return this.tags.subarray(this.rowStarts[row], this.rowStarts[row + 1] ?? this.packets);
  }
}
