/** The files of a spool's segments: their numbers, which give their order, are their names. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export function segmentFile(folder: string, id: number): string {
  return join(folder, `${String(id).padStart(12, '0')}.spool`);
}

/** Oldest first. */
export function segmentIds(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d{12})\.spool$/.exec(name)?.[1] ?? Number.NaN))
    .filter((id) => !Number.isNaN(id))
    .sort((a, b) => a - b);
}
