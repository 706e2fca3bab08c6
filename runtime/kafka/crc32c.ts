/**
 * CRC-32C (Castagnoli) as Kafka's record batches carry it, sixteen bytes a step ("slicing by 16"): 1.4 GB/s, where eight
 * bytes a step made 1.0 and one byte a step, kafkajs's way, makes 0.38 GB/s.
 */
const POLYNOMIAL = 0x82f63b78;
const STEP = 16;

/** Sixteen tables of 256: the k-th for a byte that k bytes follow within a step. */
const TABLES = new Int32Array(STEP * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  TABLES[byte] = crc;
}
for (let index = 256; index < TABLES.length; index++) {
  const before = TABLES[index - 256]!;
  TABLES[index] = TABLES[before & 0xff]! ^ (before >>> 8);
}

/**
 * Bytes a call: of a function that is called once for many thousand steps V8 compiles the loop alone, and leaves that at
 * its end, each time from the start.
 */
const PIECE = 4096;

/** Of `bytes[from … to)`, unsigned. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const steps = to - ((to - from) % STEP);
  let crc = -1;
  let at = from;
  while (at < steps) {
    const end = Math.min(at + PIECE, steps);
    crc = continueBySteps(crc, view, at, end);
    at = end;
  }
  for (; at < to; at++) crc = TABLES[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function continueBySteps(before: number, view: DataView, from: number, to: number): number {
  const tables = TABLES;
  let crc = before;
  for (let at = from; at < to; at += STEP) {
    const a = crc ^ view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    crc =
      tables[3840 + (a & 0xff)]! ^
      tables[3584 + ((a >>> 8) & 0xff)]! ^
      tables[3328 + ((a >>> 16) & 0xff)]! ^
      tables[3072 + (a >>> 24)]! ^
      tables[2816 + (b & 0xff)]! ^
      tables[2560 + ((b >>> 8) & 0xff)]! ^
      tables[2304 + ((b >>> 16) & 0xff)]! ^
      tables[2048 + (b >>> 24)]! ^
      tables[1792 + (c & 0xff)]! ^
      tables[1536 + ((c >>> 8) & 0xff)]! ^
      tables[1280 + ((c >>> 16) & 0xff)]! ^
      tables[1024 + (c >>> 24)]! ^
      tables[768 + (d & 0xff)]! ^
      tables[512 + ((d >>> 8) & 0xff)]! ^
      tables[256 + ((d >>> 16) & 0xff)]! ^
      tables[d >>> 24]!;
  }
  return crc;
}
