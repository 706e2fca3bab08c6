/** Rows of conversations as watchers read them: addresses as text, who is inside and who is not. */
import { formatAddressSlot } from '../../schemas/address.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';

export function originatorOf(block: ConversationBlock, row: number): string {
  return formatAddressSlot(block.originator, row * ADDRESS_SLOT_BYTES);
}

export function responderOf(block: ConversationBlock, row: number): string {
  return formatAddressSlot(block.responder, row * ADDRESS_SLOT_BYTES);
}

const IPV4 = 4;

/** Private, shared, link-local and loopback addresses: RFC 1918, 6598, 3927, 1122; of IPv6 RFC 4193, 4291. */
export function isPrivate(slots: Uint8Array, at: number): boolean {
  const a = slots[at + 1]!;
  const b = slots[at + 2]!;
  if (slots[at] === IPV4) {
    return (
      a === 10 ||
      a === 127 ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254) ||
      (a === 100 && b >= 64 && b < 128)
    );
  }
  return (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80);
}

function isGroup(slots: Uint8Array, at: number): boolean {
  const first = slots[at + 1]!;
  return slots[at] === IPV4 ? first >= 224 : first === 0xff;
}

/** Leading bytes that two addresses of one organization share, as far as that can be told: a /16, of IPv6 a /48. */
const SHARED_BYTES_IPV4 = 2;
const SHARED_BYTES_IPV6 = 6;

/** Whether the responder is somewhere else than the originator: neither private nor in the same network, nor a group. */
export function goesOutside(block: ConversationBlock, row: number): boolean {
  const at = row * ADDRESS_SLOT_BYTES;
  const { originator, responder } = block;
  if (isPrivate(responder, at) || isGroup(responder, at)) return false;
  const shared = responder[at] === IPV4 ? SHARED_BYTES_IPV4 : SHARED_BYTES_IPV6;
  for (let byte = 0; byte <= shared; byte++) if (originator[at + byte] !== responder[at + byte]) return true;
  return false;
}

/** Whether both ends are inside: private, or in one network. */
export function staysInside(block: ConversationBlock, row: number): boolean {
  const at = row * ADDRESS_SLOT_BYTES;
  return !isGroup(block.responder, at) && !goesOutside(block, row);
}
