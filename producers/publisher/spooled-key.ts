/**
 * Keys in the spool, whose frames have a text for them: that of the record, or for a record of several sources the partition it
 * was made for, "#3/12". No address and no link begins so.
 */
import type { SpoolRecord } from '../spool/frame.js';
import type { OutgoingRecord } from './lane.js';

const NO_KEY = Buffer.alloc(0);

export function toSpool({ key, value, packets, interfaceName, sharing }: OutgoingRecord): SpoolRecord {
  const text = sharing ? `#${sharing.partition}/${sharing.partitions}` : key.toString();
  return { key: text, value, packets, interfaceName };
}

export function fromSpool({ key, value, packets, interfaceName }: SpoolRecord): OutgoingRecord {
  const record = { value, packets, interfaceName, memory: null };
  const shared = /^#(\d+)\/(\d+)$/.exec(key);
  if (shared === null) return { ...record, key: Buffer.from(key) };
  return { ...record, key: NO_KEY, sharing: { partition: Number(shared[1]), partitions: Number(shared[2]) } };
}
