/** Copies runs of bytes of any length, most of them short. */

/** Runs up to this length are copied faster by a loop than by a call, bytes. */
const SHORT_RUN_BYTES = 256;
const WORD_BYTES = 4;

/** Memory in both forms: long runs are copied by the one, words are read and written by the other. */
export interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** So many bytes before which no run may end in its memory: whole words are read, and written, of which the last is in part of no meaning. */
export const BEYOND_RUN_BYTES: number = WORD_BYTES - 1;

/** Copies bytes `start … end - 1`; returns where they end. */
export function copyRun(from: Memory, start: number, end: number, to: Memory, at: number): number {
  if (end - start > SHORT_RUN_BYTES) from.bytes.copy(to.bytes, at, start, end);
  else copyWords(from.view, start, end, to.view, at);
  return at + end - start;
}

function copyWords(from: DataView, start: number, end: number, to: DataView, at: number): void {
  const distance = at - start;
  for (let word = start; word < end; word += WORD_BYTES) to.setUint32(word + distance, from.getUint32(word));
}

export function memoryOf(length: number): Memory {
  const bytes = Buffer.allocUnsafeSlow(length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
