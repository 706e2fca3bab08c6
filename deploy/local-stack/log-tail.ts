/** The logs of the local servers: kept small, and quoted when a server does not start. */
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const MOST_LOG_BYTES = 10_000_000;
const TAIL_BYTES = 16_384;

/** Moves a log that has grown past 10 MB aside, over the one moved aside before. */
export function rotateLog(path: string): void {
  try {
    if (statSync(path).size > MOST_LOG_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // No log yet.
  }
}

/** The last lines of a log, from byte `since` on; empty when there is no log. */
export function tailLog(path: string, lines: number, since = 0): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const size = fstatSync(descriptor).size;
    const start = Math.max(size - TAIL_BYTES, since, 0);
    const buffer = Buffer.alloc(Math.max(size - start, 0));
    readSync(descriptor, buffer, 0, buffer.length, start);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(descriptor);
  }
}

/** The size of a log in bytes, 0 when there is none. */
export function logSize(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
