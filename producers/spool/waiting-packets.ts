/** What waits in a spool, for those that only look. */
import { existsSync, readFileSync } from 'node:fs';
import { isFolderLocked } from './folder-lock.js';
import { readFrame } from './frame.js';
import { ReadPosition } from './read-position.js';
import { segmentFile, segmentIds } from './segment-files.js';

/** The packets that an earlier run left in the folder; 0 while a node has it, which sends them. */
export function countWaitingPackets(folder: string): number {
  if (!existsSync(folder) || isFolderLocked(folder)) return 0;
  const position = new ReadPosition(folder);
  const cursor = position.readCursor();
  const acknowledged = position.readAcknowledged();
  let packets = 0;
  for (const id of segmentIds(folder).filter((segment) => segment >= cursor.segment)) {
    const content = readFileSync(segmentFile(folder, id));
    let at = id === cursor.segment ? cursor.offset : 0;
    for (let frame = readFrame(content, at); frame !== null; frame = readFrame(content, at)) {
      if (acknowledged.get(id)?.has(at) !== true) packets += frame.record.packets;
      at = frame.end;
    }
  }
  return packets;
}
