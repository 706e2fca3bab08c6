/**
 * The spool: records that Kafka does not take now, in order, on disk, within a bound. Segment files of checksummed
 * frames; the oldest segment goes when the bound is reached. A restart finds what the last run left: a torn tail (the
 * node was killed while it wrote) is cut and counted.
 *
 * Safety: an appended record has been handed to the operating system, so the death of the process loses none; the disk
 * is synchronised when a segment is full and on `sync()` (the node calls it every second), so that a power cut loses at
 * most what came since. Every record is read until it is acknowledged: after a kill exactly those are sent again that
 * had not been.
 */
import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { makeFolder } from '../../runtime/process/folder.js';
import { type FolderLock, lockFolder } from './folder-lock.js';
import { readFrame, type SpoolRecord, writeFrame } from './frame.js';
import { ReadPosition, type SpoolPosition } from './read-position.js';
import { segmentFile, segmentIds } from './segment-files.js';

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
  /** Offsets of records that an earlier run had acknowledged. */
  readonly acknowledged: ReadonlySet<number>;
  /** Packets after `readTo`, by interface. */
  readonly unread: Map<string, number>;
}

/** A record that was read, and where it stands. */
export interface SpooledRecord extends SpoolRecord {
  readonly position: SpoolPosition;
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
  private readonly position: ReadPosition;
  private lastId = FIRST_ID;
  private unsynced = false;
  /** Copies of records under way, the first segment; null when there are none. */
  private kept: Segment | null = null;
  /** Bytes of all segments on disk. */
  bytes = 0;

  constructor(
    private readonly folder: string,
    readonly maxBytes: number,
    private readonly onDrop: SpoolDropListener,
  ) {
    this.position = new ReadPosition(folder);
    this.segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.floor(maxBytes / SEGMENTS_MIN));
  }

  /**
   * Finds what an earlier run left.
   *
   * @throws Failure `SPOOL_IN_USE` when another living process has the folder; what the file system throws otherwise.
   */
  open(): SpoolRecovery {
    makeFolder(this.folder, 0o700);
    this.lock = lockFolder(this.folder);
    const cursor = this.position.readCursor();
    const acknowledged = this.position.readAcknowledged();
    const packets = new Map<string, number>();
    let records = 0;
    let tornBytes = 0;
    for (const id of segmentIds(this.folder)) {
      this.lastId = Math.max(this.lastId, id);
      const segment = newSegment(id, segmentFile(this.folder, id), acknowledged.get(id));
      if (id === cursor.segment) segment.readTo = cursor.offset;
      const content = id < cursor.segment ? Buffer.alloc(0) : readFileSync(segment.file);
      const before = records;
      for (let frame = readFrame(content, 0); frame !== null; frame = readFrame(content, segment.bytes)) {
        if (segment.bytes >= segment.readTo && !segment.acknowledged.has(segment.bytes)) {
          addPackets(segment.unread, frame.record, 1);
          addPackets(packets, frame.record, 1);
          records++;
        }
        segment.bytes = frame.end;
      }
      if (segment.bytes < content.length) {
        tornBytes += content.length - segment.bytes;
        truncateSync(segment.file, segment.bytes);
      }
      if (records === before) rmSync(segment.file);
      else {
        this.segments.push(segment);
        this.bytes += segment.bytes;
      }
    }
    // Numbers of segments that are gone come again, and must not find what was noted of the old ones.
    this.savePosition();
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
    const segment = this.writeInFront(records.map(writeFrame), true);
    if (segment instanceof Error) {
      for (const record of records) this.onDrop(record.interfaceName, record.packets);
      return segment;
    }
    for (const record of records) addPackets(segment.unread, record, 1);
    return null;
  }

  /**
   * Keeps copies of records that are under way already, in front of everything: this run never reads them, the next one
   * does if it finds them.
   *
   * @returns where each stands, to be acknowledged; or why the disk refused them.
   */
  keep(records: readonly SpoolRecord[]): readonly SpoolPosition[] | Error {
    if (records.length === 0) return [];
    const frames = records.map(writeFrame);
    const segment = this.writeInFront(frames, false);
    if (segment instanceof Error) return segment;
    segment.readTo = segment.bytes;
    this.kept = segment;
    let offset = 0;
    return frames.map((frame) => {
      const position = { segment: segment.id, offset };
      offset += frame.length;
      return position;
    });
  }

  /** Nothing more can become of the kept records: their copies go. */
  releaseKept(): void {
    const { kept } = this;
    this.kept = null;
    if (kept === null || !this.segments.includes(kept)) return;
    this.remove(kept);
    this.savePosition();
  }

  private writeInFront(frames: readonly Buffer[], flush: boolean): Segment | Error {
    const content = Buffer.concat(frames);
    const first = this.segments[0];
    const id = (first?.id ?? this.lastId + 1) - 1;
    const segment = newSegment(id, segmentFile(this.folder, id));
    segment.bytes = content.length;
    try {
      // Before the records: they would be taken for sent if the cursor stood behind them.
      this.position.moveTo({ segment: id, offset: 0 }, []);
      writeFileSync(segment.file, content, { flag: 'wx', mode: 0o600, flush });
    } catch (error) {
      rmSync(segment.file, { force: true });
      return error instanceof Error ? error : new Error(String(error));
    }
    this.segments.unshift(segment);
    this.bytes += content.length;
    return segment;
  }

  /** The next records in order, up to about `maxBytes`; at least one where there is one. */
  read(maxBytes: number): SpooledRecord[] {
    const records: SpooledRecord[] = [];
    let bytes = 0;
    for (const segment of this.segments) {
      const left = segment.bytes - segment.readTo;
      if (left === 0) continue;
      let content = readPart(segment, Math.min(left, maxBytes - bytes));
      if (records.length === 0 && readFrame(content, 0) === null) content = readPart(segment, left);
      let at = 0;
      for (let frame = readFrame(content, 0); frame !== null; frame = readFrame(content, at)) {
        const offset = segment.readTo + at;
        at = frame.end;
        if (segment.acknowledged.has(offset)) continue;
        records.push({ ...frame.record, position: { segment: segment.id, offset } });
        addPackets(segment.unread, frame.record, -1);
      }
      segment.readTo += at;
      bytes += at;
      // Nothing readable in all that is left: the file was damaged after it was written.
      if (at === 0 && content.length === left) this.dropUnread(segment);
      if (segment.readTo < segment.bytes) break;
    }
    return records;
  }

  /** These of the records read have been sent. */
  acknowledgeSome(positions: readonly SpoolPosition[]): void {
    this.position.addAcknowledged(positions);
  }

  /** Everything read so far has been sent: remembers it, and frees the segments that are done. */
  acknowledge(): void {
    for (let head = this.segments[0]; head !== undefined && head.readTo >= head.bytes; head = this.segments[0]) {
      this.remove(head);
    }
    this.savePosition();
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
    this.position.close();
    this.lock?.release();
    this.lock = null;
  }

  private closeSegment(): void {
    if (this.descriptor === null) return;
    fdatasyncSync(this.descriptor);
    closeSync(this.descriptor);
    this.descriptor = null;
  }

  /** As `closeSegment`, without waiting for the disk: a slow one would hold the capture up until the kernel loses packets. */
  private leaveSegment(): void {
    const { descriptor } = this;
    if (descriptor === null) return;
    this.descriptor = null;
    fdatasync(descriptor, () => close(descriptor, () => undefined));
  }

  private savePosition(): void {
    const head = this.segments[0];
    const acknowledged = this.segments.flatMap(({ id, readTo, acknowledged: offsets }) =>
      [...offsets].filter((offset) => offset >= readTo).map((offset) => ({ segment: id, offset })),
    );
    try {
      this.position.moveTo(head === undefined ? null : { segment: head.id, offset: head.readTo }, acknowledged);
    } catch {
      // The cursor stays further back: records are sent again after a kill, and none is skipped.
    }
  }

  /** The segment that takes the next frame. */
  private segmentFor(length: number): Segment {
    const last = this.segments.at(-1);
    if (last !== undefined && this.descriptor !== null && last.bytes + length <= this.segmentBytes) return last;
    this.leaveSegment();
    const id = this.lastId + 1;
    const segment = newSegment(id, segmentFile(this.folder, id));
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
    if (index === this.segments.length - 1) this.leaveSegment();
    this.segments.splice(index, 1);
    this.bytes -= segment.bytes;
    rmSync(segment.file, { force: true });
  }
}

function newSegment(id: number, file: string, acknowledged: ReadonlySet<number> = new Set()): Segment {
  return { id, file, bytes: 0, readTo: 0, acknowledged, unread: new Map() };
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
