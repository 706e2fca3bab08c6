/**
 * The spool: records that Kafka does not take now, in order, on disk, within a bound. Segment files of checksummed
 * frames; the oldest segment goes when the bound is reached. A restart finds what the last run left: a torn tail (the
 * node was killed while it wrote) is cut and counted.
 *
 * Safety: an appended record has been handed to the operating system, so the death of the process loses none; the disk
 * is synchronised when a segment is full and on `sync()` (the node calls it every second), so that a power cut loses at
 * most what came since. Reading is acknowledged in rounds: after a kill the records of one unacknowledged round are
 * sent again, never skipped.
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FolderLock, lockFolder } from './folder-lock.js';
import { readFrame, type SpoolRecord, writeFrame } from './frame.js';

const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
/** How many segments the bound is divided into: at most this part of the spool goes at once when it is full. */
const SEGMENTS_MIN = 8;

/** Segments count up from here; below it there is room for those put in front. */
const FIRST_ID = 1_000_000;

interface Segment {
  readonly id: number;
  readonly file: string;
  bytes: number;
  /** Where reading goes on; what is before it is acknowledged or being sent. */
  readTo: number;
  /** Packets after `readTo`, by interface. */
  readonly unread: Map<string, number>;
}

/** Told of packets that will never be sent. */
export type SpoolDropListener = (interfaceName: string, packets: number) => void;

export interface SpoolRecovery {
  readonly records: number;
  /** By interface. */
  readonly packets: ReadonlyMap<string, number>;
  /** Bytes cut from segments because they were incomplete or damaged. */
  readonly tornBytes: number;
}

export class Spool {
  private readonly segments: Segment[] = [];
  private readonly segmentBytes: number;
  /** The last segment, open for writing; null when the next record starts a segment. */
  private descriptor: number | null = null;
  private lock: FolderLock | null = null;
  private lastId = FIRST_ID;
  private unsynced = false;
  /** Bytes of all segments on disk. */
  bytes = 0;

  constructor(
    private readonly folder: string,
    readonly maxBytes: number,
    private readonly onDrop: SpoolDropListener,
  ) {
    this.segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.floor(maxBytes / SEGMENTS_MIN));
  }

  /**
   * Finds what an earlier run left.
   *
   * @throws Failure `SPOOL_IN_USE` when another living process has the folder; what the file system throws otherwise.
   */
  open(): SpoolRecovery {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.lock = lockFolder(this.folder);
    const cursor = this.readCursor();
    const packets = new Map<string, number>();
    let records = 0;
    let tornBytes = 0;
    for (const id of this.segmentIds()) {
      this.lastId = Math.max(this.lastId, id);
      const file = this.fileOf(id);
      const segment: Segment = { id, file, bytes: 0, readTo: 0, unread: new Map() };
      if (id === cursor.segment) segment.readTo = cursor.offset;
      const content = id < cursor.segment ? Buffer.alloc(0) : readFileSync(file);
      for (let frame = readFrame(content, 0); frame !== null; frame = readFrame(content, segment.bytes)) {
        if (segment.bytes >= segment.readTo) {
          addPackets(segment.unread, frame.record, 1);
          addPackets(packets, frame.record, 1);
          records++;
        }
        segment.bytes = frame.end;
      }
      if (segment.bytes < content.length) {
        tornBytes += content.length - segment.bytes;
        truncateSync(file, segment.bytes);
      }
      if (segment.readTo >= segment.bytes) rmSync(file);
      else {
        this.segments.push(segment);
        this.bytes += segment.bytes;
      }
    }
    return { records, packets, tornBytes };
  }

  get isEmpty(): boolean {
    return this.segments.every((segment) => segment.readTo >= segment.bytes);
  }

  /**
   * Appends a record; beyond the bound the oldest segment goes.
   *
   * @returns why the disk refused it, or null. A refused record counts as dropped.
   */
  append(record: SpoolRecord): Error | null {
    const frame = writeFrame(record);
    try {
      const segment = this.segmentFor(frame.length);
      this.writeWhole(frame, segment);
      segment.bytes += frame.length;
      this.bytes += frame.length;
      this.unsynced = true;
      addPackets(segment.unread, record, 1);
    } catch (error) {
      this.onDrop(record.interfaceName, record.packets);
      return error instanceof Error ? error : new Error(String(error));
    }
    while (this.bytes > this.maxBytes && this.segments.length > 1) {
      const oldest = this.segments[0]!;
      this.dropUnread(oldest);
      this.remove(oldest);
    }
    return null;
  }

  /**
   * Puts records in front of everything that has not been read, in a segment of their own.
   *
   * @returns why the disk refused them, or null. Refused records count as dropped.
   */
  prepend(records: readonly SpoolRecord[]): Error | null {
    if (records.length === 0) return null;
    const content = Buffer.concat(records.map(writeFrame));
    const first = this.segments[0];
    const id = (first?.id ?? this.lastId + 1) - 1;
    const segment: Segment = { id, file: this.fileOf(id), bytes: content.length, readTo: 0, unread: new Map() };
    try {
      writeFileSync(segment.file, content, { flag: 'wx', mode: 0o600, flush: true });
    } catch (error) {
      rmSync(segment.file, { force: true });
      for (const record of records) this.onDrop(record.interfaceName, record.packets);
      return error instanceof Error ? error : new Error(String(error));
    }
    for (const record of records) addPackets(segment.unread, record, 1);
    this.segments.unshift(segment);
    this.bytes += content.length;
    return null;
  }

  /** The next records in order, up to about `maxBytes`; at least one where there is one. */
  read(maxBytes: number): SpoolRecord[] {
    const records: SpoolRecord[] = [];
    let bytes = 0;
    for (const segment of this.segments) {
      const left = segment.bytes - segment.readTo;
      if (left === 0) continue;
      let content = readPart(segment, Math.min(left, maxBytes - bytes));
      if (records.length === 0 && readFrame(content, 0) === null) content = readPart(segment, left);
      let at = 0;
      for (let frame = readFrame(content, 0); frame !== null; frame = readFrame(content, at)) {
        records.push(frame.record);
        addPackets(segment.unread, frame.record, -1);
        at = frame.end;
      }
      segment.readTo += at;
      bytes += at;
      // Nothing readable in all that is left: the file was damaged after it was written.
      if (at === 0 && content.length === left) this.dropUnread(segment);
      if (segment.readTo < segment.bytes) break;
    }
    return records;
  }

  /** Everything read so far has been sent: remembers it, and frees the segments that are done. */
  acknowledge(): void {
    for (let head = this.segments[0]; head !== undefined && head.readTo >= head.bytes; head = this.segments[0]) {
      this.remove(head);
    }
    const head = this.segments[0];
    const file = join(this.folder, 'cursor');
    if (head === undefined) {
      rmSync(file, { force: true });
      return;
    }
    writeFileSync(`${file}.new`, `${head.id} ${head.readTo}\n`);
    renameSync(`${file}.new`, file);
  }

  /** Brings what was appended onto the disk, without waiting for it. */
  sync(): void {
    if (!this.unsynced || this.descriptor === null) return;
    this.unsynced = false;
    fdatasync(this.descriptor, () => undefined);
  }

  /** Leaves the folder to others. */
  close(): void {
    this.closeSegment();
    this.lock?.release();
    this.lock = null;
  }

  private closeSegment(): void {
    if (this.descriptor === null) return;
    fdatasyncSync(this.descriptor);
    closeSync(this.descriptor);
    this.descriptor = null;
  }

  private fileOf(id: number): string {
    return join(this.folder, `${String(id).padStart(12, '0')}.spool`);
  }

  private segmentIds(): number[] {
    return readdirSync(this.folder)
      .map((name) => Number(/^(\d{12})\.spool$/.exec(name)?.[1] ?? Number.NaN))
      .filter((id) => !Number.isNaN(id))
      .sort((a, b) => a - b);
  }

  private readCursor(): { segment: number; offset: number } {
    try {
      const match = /^(\d+) (\d+)\n$/.exec(readFileSync(join(this.folder, 'cursor'), 'utf8'));
      if (match !== null) return { segment: Number(match[1]), offset: Number(match[2]) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return { segment: 0, offset: 0 };
  }

  /** The segment that takes the next frame. */
  private segmentFor(length: number): Segment {
    const last = this.segments.at(-1);
    if (last !== undefined && this.descriptor !== null && last.bytes + length <= this.segmentBytes) return last;
    this.closeSegment();
    const id = this.lastId + 1;
    const segment: Segment = { id, file: this.fileOf(id), bytes: 0, readTo: 0, unread: new Map() };
    this.descriptor = openSync(segment.file, 'wx', 0o600);
    this.lastId = id;
    this.segments.push(segment);
    return segment;
  }

  /** Writes a frame at the end of the segment, or leaves nothing of it there. */
  private writeWhole(frame: Buffer, segment: Segment): void {
    try {
      for (let at = 0; at < frame.length; ) {
        at += writeSync(this.descriptor!, frame, at, frame.length - at, segment.bytes + at);
      }
    } catch (error) {
      ftruncateSync(this.descriptor!, segment.bytes);
      throw error;
    }
  }

  private dropUnread(segment: Segment): void {
    for (const [interfaceName, packets] of segment.unread) if (packets > 0) this.onDrop(interfaceName, packets);
    segment.unread.clear();
    segment.readTo = segment.bytes;
  }

  private remove(segment: Segment): void {
    const index = this.segments.indexOf(segment);
    if (index === this.segments.length - 1) this.closeSegment();
    this.segments.splice(index, 1);
    this.bytes -= segment.bytes;
    rmSync(segment.file, { force: true });
  }
}

function readPart(segment: Segment, length: number): Buffer {
  const content = Buffer.allocUnsafe(length);
  const descriptor = openSync(segment.file, 'r');
  try {
    const read = readSync(descriptor, content, 0, length, segment.readTo);
    return content.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}

function addPackets(counts: Map<string, number>, record: SpoolRecord, sign: 1 | -1): void {
  counts.set(record.interfaceName, (counts.get(record.interfaceName) ?? 0) + sign * record.packets);
}
