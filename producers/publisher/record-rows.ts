/** Rows of conversations, of what hosts received, and observations on their way into records: encoded at once, chained by their hosts. */

import type { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import {
  CONVERSATION_BYTES_MAX,
  conversationBytesMax,
  putConversation,
  putReceived,
  RECEIVED_BYTES_MAX,
} from '../../schemas/conversations/conversation-codec.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { putObservation } from '../../schemas/observations/observation-codec.js';
import { putInt } from '../../schemas/packets/avro-bytes.js';
import { BEYOND_RUN_BYTES, copyRun, type Memory, memoryOf } from './copy-run.js';

/** Rows that may wait for a flush. */
export const ROW_COUNT_MAX = 16_384;
const BYTES = 2 * 1024 * 1024;

/** Kinds of rows, each an array of the host. */
const ROW_CONVERSATION = 0;
const ROW_RECEIVED = 1;
const ROW_OBSERVATION = 2;

export class RecordRows {
  bytesUsed = 0;
  count = 0;
  private readonly memory = memoryOf(BYTES + BEYOND_RUN_BYTES);
  private readonly bytes = this.memory.bytes;
  private readonly ends = new Int32Array(ROW_COUNT_MAX + 1);
  private readonly next = new Int32Array(ROW_COUNT_MAX + 1);
  private readonly kinds = new Uint8Array(ROW_COUNT_MAX + 1);
  /** How many there are of each kind, of the host at hand. */
  private readonly counts = new Int32Array(ROW_OBSERVATION + 1);

  /** Whether the next row needs a flush first. */
  get isFull(): boolean {
    return this.count === ROW_COUNT_MAX || this.bytesUsed > BYTES - CONVERSATION_BYTES_MAX;
  }

  /** Encodes a row and returns its number, from 1. @param time the host's, µs */
  addConversation(block: ConversationBlock, row: number, time: number): number {
    return this.end(ROW_CONVERSATION, putConversation(this.bytes, this.bytesUsed, block, row, time));
  }

  addReceived(block: ReceivedBlock, row: number, time: number): number {
    return this.end(ROW_RECEIVED, putReceived(this.bytes, this.bytesUsed, block, row, time));
  }

  addObservation(observation: Observation, time: number): number {
    return this.end(ROW_OBSERVATION, putObservation(this.bytes, this.bytesUsed, observation, time));
  }

  private end(kind: number, at: number): number {
    const row = ++this.count;
    this.kinds[row] = kind;
    this.ends[row] = this.bytesUsed = at;
    this.next[row] = 0;
    return row;
  }

  /** Bytes of a row. */
  lengthOf(row: number): number {
    return this.ends[row]! - this.ends[row - 1]!;
  }

  chain(row: number, next: number): void {
    this.next[row] = next;
  }

  /** Writes the three arrays of the rows that are chained to `first`; 0: empty ones. */
  putArrays(to: Memory, start: number, first: number): number {
    const { kinds, next, counts } = this;
    counts.fill(0);
    for (let row = first; row !== 0; row = next[row]!) counts[kinds[row]!]!++;
    let at = start;
    for (let kind = ROW_CONVERSATION; kind <= ROW_OBSERVATION; kind++) {
      if (counts[kind] !== 0) at = this.putItems(to, putInt(to.bytes, at, counts[kind]!), first, kind);
      to.bytes[at++] = 0; // no further block of rows
    }
    return at;
  }

  private putItems(to: Memory, start: number, first: number, kind: number): number {
    const { kinds, next, ends } = this;
    let at = start;
    for (let row = first; row !== 0; row = next[row]!) {
      if (kinds[row] === kind) at = copyRun(this.memory, ends[row - 1]!, ends[row]!, to, at);
    }
    return at;
  }

  clear(): void {
    this.bytesUsed = 0;
    this.count = 0;
  }
}

export function rowBytesMax(block: ConversationBlock | ReceivedBlock, row: number): number {
  return 'responder' in block ? conversationBytesMax(block, row) : RECEIVED_BYTES_MAX;
}
