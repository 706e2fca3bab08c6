/** Rows of what hosts received, as watchers read them. */
import { formatIpv4, formatIpv6 } from '../../schemas/address.js';
import { ADDRESS_SLOT_BYTES, type ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4 } from '../../schemas/packets/packet-block.js';

function textAt(slots: Uint8Array, at: number): string {
  if (slots[at] !== ADDRESS_IPV4) return formatIpv6(slots, at + 1);
  return formatIpv4(((slots[at + 1]! << 24) | (slots[at + 2]! << 16) | (slots[at + 3]! << 8) | slots[at + 4]!) >>> 0);
}

export function targetOf(block: ReceivedBlock, row: number): string {
  return textAt(block.target, row * ADDRESS_SLOT_BYTES);
}

/** The sources that a row names: all of them where they are few. */
export function sourcesOf(block: ReceivedBlock, row: number): string[] {
  const slots = block.sources[row]!;
  const sources: string[] = [];
  for (let at = 0; at < slots.length; at += ADDRESS_SLOT_BYTES) sources.push(textAt(slots, at));
  return sources;
}
