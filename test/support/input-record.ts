/** A record as a processor reads it, by itself. */
import type { InputRecord } from '../../processors/worker/partition-input.js';

export function inputRecord(value: Buffer | null, offset: number, timestamp: number): InputRecord {
  const key = null;
  const valueLength = value?.length ?? -1;
  return { bytes: value ?? Buffer.alloc(0), valueStart: 0, valueLength, offset, timestamp, key, value };
}
