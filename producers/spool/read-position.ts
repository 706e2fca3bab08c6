/**
 * How far a spool has been sent, on disk: `cursor` is where the first record begins that may still have to be sent, and
 * `acknowledged` lists the records from there on that Kafka has taken already, for it does not take them in order. Both
 * are text, "segment offset" a line. Neither is synchronised: they have to outlive the process, and after a power cut
 * the worst is that records are sent again.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Where a record begins. */
export interface SpoolPosition {
  readonly segment: number;
  /** Bytes from the segment's start. */
  readonly offset: number;
}

export class ReadPosition {
  private readonly cursorFile: string;
  private readonly listFile: string;
  /** The list, open for writing; null while it is empty. */
  private list: number | null = null;

  constructor(folder: string) {
    this.cursorFile = join(folder, 'cursor');
    this.listFile = join(folder, 'acknowledged');
  }

  readCursor(): SpoolPosition {
    return readLines(this.cursorFile)[0] ?? { segment: 0, offset: 0 };
  }

  /** Offsets by segment. */
  readAcknowledged(): Map<number, Set<number>> {
    const acknowledged = new Map<number, Set<number>>();
    for (const { segment, offset } of readLines(this.listFile)) {
      const offsets = acknowledged.get(segment);
      if (offsets === undefined) acknowledged.set(segment, new Set([offset]));
      else offsets.add(offset);
    }
    return acknowledged;
  }

  /** Adds records to those that Kafka has taken. What cannot be written is sent again after a kill, nothing worse. */
  addAcknowledged(positions: readonly SpoolPosition[]): void {
    if (positions.length === 0) return;
    try {
      this.list ??= openSync(this.listFile, 'a', 0o600);
      writeSync(this.list, writeLines(positions));
    } catch {
      // A full disk is told of by the records that it refuses.
    }
  }

  /**
   * Moves the cursor, null for the end of everything; `acknowledged` is all that is listed from now on.
   *
   * @throws what the file system throws; the cursor is then where it was.
   */
  moveTo(cursor: SpoolPosition | null, acknowledged: readonly SpoolPosition[]): void {
    this.close();
    try {
      if (cursor === null) rmSync(this.cursorFile, { force: true });
      else replaceFile(this.cursorFile, writeLines([cursor]));
    } finally {
      // After the cursor: a kill in between leaves lines that say nothing new.
      rmSync(this.listFile, { force: true });
      this.addAcknowledged(acknowledged);
    }
  }

  close(): void {
    if (this.list !== null) closeSync(this.list);
    this.list = null;
  }
}

function writeLines(positions: readonly SpoolPosition[]): string {
  return positions.map(({ segment, offset }) => `${segment} ${offset}\n`).join('');
}

/** The whole lines; a torn last one has no line end. */
function readLines(file: string): SpoolPosition[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return [...text.matchAll(/^(\d+) (\d+)\n/gm)].map((match) => ({
    segment: Number(match[1]),
    offset: Number(match[2]),
  }));
}

function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
