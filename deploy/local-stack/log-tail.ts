/** The logs of the local servers: kept small, and quoted when a server does not start. */
import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const MOST_LOG_BYTES = 10_000_000;
/** Kafka writes some 20 kB of farewell after the line that says why it gives up. */
const TAIL_BYTES = 65_536;

/** Moves a log that has grown past 10 MB aside, over the one moved aside before. */
export function rotateLog(path: string): void {
  try {
    if (statSync(path).size > MOST_LOG_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // No log yet.
  }
}

/** The end of a log, from byte `since` on; empty when there is no log. */
export function tailLog(path: string, since = 0): string {
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
    return buffer.toString('utf8').trimEnd();
  } finally {
    closeSync(descriptor);
  }
}

/** The line of a log that most likely says why its server gave up: a root cause, an error, or else the last line. */
export function reasonIn(log: string): string | undefined {
  const lines = linesOf(log);
  return faultIn(log) ?? (lines.findLast((line) => /Exception|error/i.test(line)) ?? lines.at(-1))?.trim();
}

/** The line of a log that its server itself calls an error; none when it complains of nothing worse than a warning. */
export function faultIn(log: string): string | undefined {
  const lines = linesOf(log);
  return (
    lines.findLast((line) => line.startsWith('Caused by: ')) ??
    lines.findLast((line) => /\b(FATAL|PANIC)\b/.test(line)) ??
    lines.findLast((line) => /\bERROR\b/.test(line))
  )?.trim();
}

function linesOf(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !/^\s+at /.test(line));
}

/** The size of a log in bytes, 0 when there is none. */
export function logSize(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
