/** Copies runs of bytes of any length, most of them short. */

/** Runs up to this length are copied faster by a loop than by a call, bytes. */
const SHORT_RUN_BYTES = 96;

export function copyRun(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length > SHORT_RUN_BYTES) from.copy(to, at, start, end);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  return at + length;
}
