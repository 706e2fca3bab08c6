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

/** A number for each source that a row names, which tells them apart as well as their texts do, and costs a tenth. */
export function sourceKeysOf(block: ReceivedBlock, row: number): number[] {
  const slots = block.sources[row]!;
  const keys: number[] = [];
  for (let at = 0; at < slots.length; at += ADDRESS_SLOT_BYTES) {
    if (slots[at] === ADDRESS_IPV4) {
      keys.push(((slots[at + 1]! << 24) | (slots[at + 2]! << 16) | (slots[at + 3]! << 8) | slots[at + 4]!) >>> 0);
      continue;
    }
    let high = 0x811c9dc5;
    let low = 0x2b2ae3d1;
    for (let i = at + 1; i <= at + 16; i++) {
      high = Math.imul(high ^ slots[i]!, 0x01000193);
      low = Math.imul(low ^ slots[i]!, 0x85ebca6b);
    }
    keys.push(((high >>> 12) + 1) * 0x1_0000_0000 + (low >>> 0));
  }
  return keys;
}

/** The last of the sources that a row names; empty when it names none. */
export function lastSourceOf(block: ReceivedBlock, row: number): string {
  const slots = block.sources[row]!;
  return slots.length === 0 ? '' : textAt(slots, slots.length - ADDRESS_SLOT_BYTES);
}

/** The sources that a row names: all of them where they are few. */
export function sourcesOf(block: ReceivedBlock, row: number): string[] {
  const slots = block.sources[row]!;
  const sources: string[] = [];
  for (let at = 0; at < slots.length; at += ADDRESS_SLOT_BYTES) sources.push(textAt(slots, at));
  return sources;
}
