/**
 * Rows in the binary format of COPY (PostgreSQL manual, "COPY", File Formats), in one reused buffer that grows by
 * doubling. Where each row ends is kept, so that a range of rows can be sent alone when Postgres refuses one of them.
 *
 * Arrays are as array_recv reads them: dimensions, whether there are nulls, type of the elements, their number, the first
 * subscript, then each element behind its length.
 */

/** Signature, flags and length of the header extension; stands in front of the rows. */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** A field count of -1; stands behind the rows. */
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

const INTEGER_OID = 23;
/** Families of the binary form of inet. */
export const PGSQL_AF_INET = 2;
export const PGSQL_AF_INET6 = 3;
const TWO_32 = 4_294_967_296;
/** Length of a field that is null. */
const NULL = -1;

export class CopyBuffer {
  bytes: Buffer;
  private view: DataView;
  /** Bytes in use, those of the row that is being written among them. */
  private at = 0;
  /** Bytes of whole rows. */
  length = 0;
  rows = 0;
  /** Where row i ends in `bytes`. */
  private rowEnds: Uint32Array;

  constructor(bytes = 1 << 20, rows = 1 << 13) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.view = new DataView(this.bytes.buffer);
    this.rowEnds = new Uint32Array(rows);
  }

  reset(): void {
    this.at = this.length = 0;
    this.rows = 0;
  }

  /** Begins a row of so many fields; all that is written until its end takes at most `rowBytes`. */
  beginRow(fields: number, rowBytes: number): void {
    this.at = this.length;
    const needed = this.length + 2 + rowBytes;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, needed));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.view.setInt16(this.at, fields);
    this.at += 2;
  }

  endRow(): void {
    if (this.rows === this.rowEnds.length) {
      const larger = new Uint32Array(2 * this.rowEnds.length);
      larger.set(this.rowEnds);
      this.rowEnds = larger;
    }
    this.length = this.at;
    this.rowEnds[this.rows++] = this.at;
  }

  /** The bytes of rows `from … to - 1`; a view, valid until the buffer changes. */
  slice(from: number, to: number): Buffer {
    return this.bytes.subarray(from === 0 ? 0 : this.rowEnds[from - 1], to === 0 ? 0 : this.rowEnds[to - 1]);
  }

  /** Four bytes, of a number modulo 2^32. */
  putInt32(value: number): void {
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  putNull(): void {
    this.putInt32(NULL);
  }

  putInteger(value: number): void {
    this.putInt32(4);
    this.putInt32(value);
  }

  /** Eight bytes, two's complement, of a whole number within ±2^53. */
  putBigint(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.putInt32(8);
    this.putInt32(high);
    this.putInt32(value - high * TWO_32);
  }

  /** Begins an array of so many elements, each to be written behind its length. @returns what `endField` wants */
  beginArray(elementType: number, elements: number, hasNulls = false): number {
    const start = this.at;
    this.at += 4;
    this.putInt32(elements === 0 ? 0 : 1);
    this.putInt32(hasNulls ? 1 : 0);
    this.putInt32(elementType);
    if (elements > 0) {
      this.putInt32(elements);
      this.putInt32(1);
    }
    return start;
  }

  endField(start: number): void {
    this.view.setInt32(start, this.at - start - 4);
  }

  /** An integer[] of the first elements. */
  putIntegers(values: ArrayLike<number>, elements: number): void {
    const start = this.beginArray(INTEGER_OID, elements);
    const { view } = this;
    let { at } = this;
    for (let index = 0; index < elements; index++) {
      view.setInt32(at, 4);
      view.setInt32(at + 4, values[index]!);
      at += 8;
    }
    this.at = at;
    this.endField(start);
  }

  /** An element or a field of such bytes. */
  putBytes(bytes: Uint8Array, from: number, to: number): void {
    this.putInt32(to - from);
    for (let index = from; index < to; index++) this.bytes[this.at++] = bytes[index]!;
  }

  /** jsonb: a version byte and the text (jsonb_recv). */
  putJson(text: string): void {
    const written = this.bytes.write(text, this.at + 5, 'utf8');
    this.putInt32(1 + written);
    this.bytes[this.at] = 1;
    this.at += 1 + written;
  }

  putSmall(value: number): void {
    this.putInt32(2);
    this.view.setInt16(this.at, value);
    this.at += 2;
  }

  putBoolean(value: boolean): void {
    this.putInt32(1);
    this.bytes[this.at++] = value ? 1 : 0;
  }

  putText(text: string): void {
    const written = this.bytes.write(text, this.at + 4, 'utf8');
    this.putInt32(written);
    this.at += written;
  }

  /** A timestamptz later than all others. */
  putInfinity(): void {
    this.putInt32(8);
    this.putInt32(0x7fffffff);
    this.putInt32(-1);
  }

  /** An inet of 4 or 16 bytes: family, bits, whether it is a cidr, bytes (network_recv). */
  putAddress(address: Uint8Array): void {
    const family = address.length === 4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
    this.putInt32(4 + address.length);
    this.putInt32((family << 24) | ((8 * address.length) << 16) | address.length);
    for (let index = 0; index < address.length; index++) this.bytes[this.at++] = address[index]!;
  }
}
