/**
 * Community IDs of what an episode counts: the first few, so that whoever reads the alert finds the conversations behind it in the
 * table, in Zeek, in Suricata. A hash each, so the rows that are looked at are bounded as well.
 */
import { communityId } from '../../schemas/conversations/community-id.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import {
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  HAS_ICMP,
  HAS_PORTS,
  type PacketBlock,
} from '../../schemas/packets/packet-block.js';

/** Conversations that an alert names. */
export const CONVERSATIONS_NAMED = 10;
/** Rows of an episode that are asked which conversation they are of. */
const ROWS_ASKED = 64;

export class ConversationIds {
  private readonly named: Set<string>;

  constructor(
    named: readonly string[] = [],
    /** Rows that have been asked. */
    public asked = 0,
  ) {
    this.named = new Set(named);
  }

  /** Whether the next row has to be asked. */
  get isOpen(): boolean {
    return this.asked < ROWS_ASKED && this.named.size < CONVERSATIONS_NAMED;
  }

  /** @param id null of a row that is of no conversation */
  note(id: string | null): void {
    this.asked++;
    if (id !== null) this.named.add(id);
  }

  all(): string[] {
    return [...this.named];
  }
}

/** Of a row of conversations. */
export function conversationCommunity(block: ConversationBlock, row: number): string {
  const at = row * ADDRESS_SLOT_BYTES;
  const length = block.originator[at] === ADDRESS_IPV4 ? 4 : 16;
  return communityId(
    block.ipProtocol[row]!,
    block.originator.subarray(at + 1, at + 1 + length),
    block.responder.subarray(at + 1, at + 1 + length),
    block.originatorPort[row]!,
    block.responderPort[row]!,
  );
}

/** Of a packet; null where it has no two IP addresses. */
export function packetCommunity(block: PacketBlock, row: number): string | null {
  const kind = block.sourceKind[row]!;
  if (kind !== block.destinationKind[row] || (kind !== ADDRESS_IPV4 && kind !== ADDRESS_IPV6)) return null;
  const present = block.present[row]!;
  const isIcmp = (present & HAS_ICMP) !== 0;
  const hasPorts = (present & HAS_PORTS) !== 0;
  return communityId(
    block.ipProtocol[row]!,
    bytesOf(block, kind, block.sourceAddress[row]!),
    bytesOf(block, kind, block.destinationAddress[row]!),
    isIcmp ? block.icmpType[row]! : hasPorts ? block.sourcePort[row]! : 0,
    isIcmp ? block.icmpCode[row]! : hasPorts ? block.destinationPort[row]! : 0,
  );
}

function bytesOf({ ipv6 }: PacketBlock, kind: number, address: number): Uint8Array {
  return kind === ADDRESS_IPV4 ? ipv4Bytes(address) : ipv6.subarray(address * 16, address * 16 + 16);
}

function ipv4Bytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}
