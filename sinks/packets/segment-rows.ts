/**
 * Packets of a block gathered into segments, and these as rows of binary COPY. Packets are expected origin by origin and source by
 * source: each segment then has few addresses, and a source few segments.
 */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { SEGMENT_PACKETS, SEGMENT_SECONDS } from '../../schemas/tables/packet-table.js';
import { SEGMENT_COLUMNS } from '../../schemas/tables/segment-columns.js';
import { CopyBuffer } from './copy-buffer.js';
import { SegmentEncoder } from './packet-segment.js';

export const SEGMENT_COPY_SQL = `COPY packet_segments (${SEGMENT_COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`;

const SEGMENT_MICROS = SEGMENT_SECONDS * 1e6;
/**
 * Segments that are filled at the same time, each of another ten seconds; the oldest is written out for one more. Live
 * traffic needs two; a capture of some packets a minute needs many, or its segments would hold a packet or two.
 */
const OPEN_MAX = 256;

/** What a segment will be of. */
class OpenSegment {
  packets = 0;
  /** Of the block. */
  readonly rows = new Uint32Array(SEGMENT_PACKETS);
}

export class SegmentRows {
  readonly copy = new CopyBuffer();
  /** Packets written so far. */
  packets = 0;
  /** The packets in the order in which they are written, by their rows of the block. */
  blockRows = new Uint32Array(1 << 16);
  /** How many packets are written before each row. */
  private readonly rowStarts: number[] = [];
  private firstId = 0;
  private originId = -1;
  private readonly encoder = new SegmentEncoder();
  /** By the number of its ten seconds. */
  private readonly open = new Map<number, OpenSegment>();
  private readonly spare: OpenSegment[] = [];
  private currentSpan = Number.NaN;
  private current: OpenSegment | undefined;

  /** @param packetsMax packets a segment, at most 256 */
  constructor(
    private readonly block: PacketBlock,
    private readonly packetsMax = SEGMENT_PACKETS,
  ) {}

  /** Forgets all. */
  reset(): void {
    this.copy.reset();
    this.packets = 0;
    this.rowStarts.length = 0;
    this.originId = -1;
  }

  /** Forgets all; ids count from `firstId`. */
  begin(firstId: number): void {
    this.reset();
    this.firstId = firstId;
  }

  /** Takes rows `from`, `from + every` … of the block that are below `to`. */
  append(from: number, to: number, every: number, originId: number): void {
    if (originId !== this.originId) {
      this.finish();
      this.originId = originId;
    }
    const { timestamp } = this.block;
    for (let row = from; row < to; row += every) {
      const span = Math.floor(timestamp[row]! / SEGMENT_MICROS);
      let segment = this.current;
      if (segment === undefined || span !== this.currentSpan) segment = this.segmentOf(span);
      segment.rows[segment.packets++] = row;
      if (segment.packets === this.packetsMax) this.write(span, segment);
    }
  }

  private segmentOf(span: number): OpenSegment {
    let segment = this.open.get(span);
    if (segment === undefined) {
      if (this.open.size === OPEN_MAX) {
        const [oldest] = this.open;
        this.write(...oldest!);
      }
      segment = this.spare.pop() ?? new OpenSegment();
      this.open.set(span, segment);
    }
    this.current = segment;
    this.currentSpan = span;
    return segment;
  }

  private write(span: number, segment: OpenSegment): void {
    const { packets, rows } = segment;
    if (this.packets + packets > this.blockRows.length) {
      const larger = new Uint32Array(2 * this.blockRows.length);
      larger.set(this.blockRows);
      this.blockRows = larger;
    }
    this.encoder.put(this.copy, this.block, rows, packets, this.firstId + this.packets, this.originId);
    for (let index = 0; index < packets; index++) this.blockRows[this.packets + index] = rows[index]!;
    this.rowStarts.push(this.packets);
    this.packets += packets;
    segment.packets = 0;
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

  /** The packets in a row, by their rows of the block. */
  blockRowsOf(row: number): Uint32Array {
    return this.blockRows.subarray(this.rowStarts[row], this.rowStarts[row + 1] ?? this.packets);
  }
}
