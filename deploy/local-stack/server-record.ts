/** What a local server remembers between runs: its ports, and its processes for the run after a crash. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ProcessIdentity } from './process-identity.js';

export interface ServerRecord {
  /** By the port's role. */
  readonly ports: Readonly<Record<string, number>>;
  /** Empty after a clean stop. */
  readonly processes: readonly ProcessIdentity[];
}

const EMPTY: ServerRecord = { ports: {}, processes: [] };

/** @returns an empty record when there is none or it is damaged: everything in it can be found again. */
export function readServerRecord(path: string): ServerRecord {
  try {
    const { ports, processes } = JSON.parse(readFileSync(path, 'utf8')) as Partial<ServerRecord>;
    return { ports: ports ?? {}, processes: Array.isArray(processes) ? processes : [] };
  } catch {
    return EMPTY;
  }
}

export function writeServerRecord(path: string, record: ServerRecord): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${path}.new`, path);
}
