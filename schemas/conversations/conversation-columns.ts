/**
 * Rows of conversations and of what hosts received, copied out of their blocks: what a thread hands to another. Only the rows
 * in use are copied.
 */
import type { PacketOrigin } from '../packets/packet-block.js';
import type { ConversationNames } from './conversation.js';
import { ADDRESS_SLOT_BYTES, ConversationBlock, ReceivedBlock } from './conversation-block.js';

type Column = Float64Array | Uint16Array | Uint8Array;
type Columns = Readonly<Record<string, Column>>;

export interface ConversationRowsCopy {
  readonly count: number;
  readonly columns: Columns;
  readonly history: readonly string[];
  readonly service: readonly string[];
  readonly names: readonly (ConversationNames | null)[];
  readonly origins: readonly PacketOrigin[];
}

export interface ReceivedRowsCopy {
  readonly count: number;
  readonly columns: Columns;
  readonly sources: readonly Uint8Array[];
  readonly origins: readonly PacketOrigin[];
}

export function copyConversations(block: ConversationBlock): ConversationRowsCopy {
  const { count, history, service, names, origins } = block;
  return {
    count,
    columns: copyColumns(block, count),
    history: history.slice(0, count),
    service: service.slice(0, count),
    names: names.slice(0, count),
    origins: origins.slice(),
  };
}

export function copyReceived(block: ReceivedBlock): ReceivedRowsCopy {
  const { count, sources, origins } = block;
  return { count, columns: copyColumns(block, count), sources: sources.slice(0, count), origins: origins.slice() };
}

/** A block of just these rows, which lies in the memory of the copy. */
export function conversationBlock(copy: ConversationRowsCopy): ConversationBlock {
  const block = Object.assign(new ConversationBlock(0), copy.columns, { capacity: copy.count, count: copy.count });
  block.history.push(...copy.history);
  block.service.push(...copy.service);
  block.names.push(...copy.names);
  block.origins.push(...copy.origins);
  return block;
}

export function receivedBlock(copy: ReceivedRowsCopy): ReceivedBlock {
  const block = Object.assign(new ReceivedBlock(0), copy.columns, { capacity: copy.count, count: copy.count });
  block.sources.push(...copy.sources);
  block.origins.push(...copy.origins);
  return block;
}

function copyColumns(block: ConversationBlock | ReceivedBlock, count: number): Columns {
  const columns: Record<string, Column> = {};
  for (const [name, value] of Object.entries(block)) {
    if (!ArrayBuffer.isView(value)) continue;
    const column = value as Column;
    columns[name] = column.slice(0, count * (column.length === block.capacity ? 1 : ADDRESS_SLOT_BYTES));
  }
  return columns;
}
