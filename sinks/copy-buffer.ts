/**
 * Rows in the binary format of COPY (PostgreSQL manual, "COPY", File Formats), in one reused buffer that grows by
 * doubling. Where each row ends is kept, so that a range of rows can be sent alone when Postgres refuses one of them.
 */

/** Signature, flags and length of the header extension; stands in front of the rows. */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** A field count of -1; stands behind the rows. */
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

export class CopyBuffer {
  bytes: Buffer;
  /** Bytes in use. */
  length = 0;
  rows = 0;
  /** Where row i ends in `bytes`. */
  rowEnds: Uint32Array;
  /** A number of the caller's for each row. */
  rowTags: Uint32Array;

  constructor(bytes = 1 << 20, rows = 1 << 13) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.rowEnds = new Uint32Array(rows);
    this.rowTags = new Uint32Array(rows);
  }

  reset(): void {
    this.length = 0;
    this.rows = 0;
  }

  /** Makes sure that one more row of at most `rowBytes` fits. */
  reserve(rowBytes: number): void {
    if (this.length + rowBytes > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.length + rowBytes));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    if (this.rows === this.rowEnds.length) {
      this.rowEnds = enlarged(this.rowEnds);
      this.rowTags = enlarged(this.rowTags);
    }
  }

  endRow(end: number, tag: number): void {
    this.length = end;
    this.rowEnds[this.rows] = end;
    this.rowTags[this.rows] = tag;
    this.rows++;
  }

  /** The bytes of rows `from … to - 1`; a view, valid until the buffer changes. */
  slice(from: number, to: number): Buffer {
    return this.bytes.subarray(from === 0 ? 0 : this.rowEnds[from - 1], to === 0 ? 0 : this.rowEnds[to - 1]);
  }
}

function enlarged(array: Uint32Array): Uint32Array {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}
