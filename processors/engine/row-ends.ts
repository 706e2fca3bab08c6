/**
 * Both ends of the row that watchers are shown: brought into the words of the key table, and as text. One object a kind of row,
 * used again for each, and texts made only where somebody reads them: rows are many.
 */
import { formatIpv4, formatIpv6 } from '../../schemas/address.js';
import { communityId } from '../../schemas/conversations/community-id.js';
import {
  ADDRESS_SLOT_BYTES,
  type ConversationBlock,
  type ReceivedBlock,
} from '../../schemas/conversations/conversation-block.js';
import type { Observation } from '../../schemas/observations/observation.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketBlock } from '../../schemas/packets/packet-block.js';
import { ipAddresses } from '../contract/ip-addresses.js';
import type { Attempt, AttemptOutcome } from '../contract/watch.js';
import { NO_ATTEMPT } from './attempts.js';
import { conversationCommunity, packetCommunity } from './conversation-ids.js';
import type { EngineState } from './engine-state.js';
import { NONE } from './key-table.js';
import type { KeyWords } from './key-words.js';
import { slotText } from './sighting-target.js';

const ICMP = 1;
const ICMPV6 = 58;
/** Types of what is asked by an echo (RFC 792, RFC 4443). */
const ECHO = 8;
const ECHO6 = 128;

export interface RowEnds {
  /** The key of the source where that is known already, else `NONE`. */
  readonly slot: number;
  /** False when it is no IP address. */
  setSource(): boolean;
  setTarget(): boolean;
  texts(): readonly [string, string];
  /** The Community ID of the conversation that it is of; null where it is of none, or of many. */
  community(): string | null;
}

export const NO_ENDS: RowEnds = {
  slot: NONE,
  setSource: () => false,
  setTarget: () => false,
  texts: () => ['', ''],
  community: () => null,
};

export class PacketEnds implements RowEnds {
  readonly slot = NONE;
  private block!: PacketBlock;
  private row = 0;

  constructor(private readonly words: KeyWords) {}

  at(block: PacketBlock, row: number): void {
    this.block = block;
    this.row = row;
  }

  setSource(): boolean {
    return this.set(this.block.sourceKind[this.row]!, this.block.sourceAddress[this.row]!);
  }

  setTarget(): boolean {
    return this.set(this.block.destinationKind[this.row]!, this.block.destinationAddress[this.row]!);
  }

  texts(): readonly [string, string] {
    const { block, row } = this;
    return [
      this.text(block.sourceKind[row]!, block.sourceAddress[row]!),
      this.text(block.destinationKind[row]!, block.destinationAddress[row]!),
    ];
  }

  community(): string | null {
    return packetCommunity(this.block, this.row);
  }

  private set(kind: number, address: number): boolean {
    if (kind === ADDRESS_IPV4) this.words.setIpv4(address);
    else if (kind === ADDRESS_IPV6) this.words.setIpv6(this.block.ipv6, address * 16);
    else return false;
    return true;
  }

  private text(kind: number, address: number): string {
    if (kind === ADDRESS_IPV4) return formatIpv4(address);
    return kind === ADDRESS_IPV6 ? formatIpv6(this.block.ipv6, address * 16) : '';
  }
}

/** An attempt as watchers see it, of an entry of `attempts`. */
export class AttemptRow implements RowEnds, Attempt {
  slot = NONE;
  time = 0;
  targetKey = 0;
  ipProtocol = 0;
  port = 0;
  sourcePort = 0;
  ttl = 0;
  outcome: AttemptOutcome = 'unseen';
  private address = NO_ATTEMPT;
  private sourceText: string | null = null;
  private targetText: string | null = null;

  constructor(private readonly state: EngineState) {}

  at(entry: number, outcome: AttemptOutcome): void {
    const { attempts } = this.state;
    this.slot = attempts.slot[entry]!;
    this.time = attempts.time[entry]!;
    this.targetKey = attempts.targetKey[entry]!;
    this.ipProtocol = attempts.ipProtocol[entry]!;
    this.port = attempts.port[entry]!;
    this.sourcePort = attempts.sourcePort[entry]!;
    this.ttl = attempts.ttl[entry]!;
    this.outcome = outcome;
    this.address = attempts.address[entry]!;
    this.sourceText = null;
    this.targetText = null;
  }

  get source(): string {
    if (this.sourceText === null) {
      const { words, keys } = this.state;
      this.sourceText = words.format(keys.kind[this.slot]!, keys.words, this.slot * 4).split('/')[0]!;
    }
    return this.sourceText;
  }

  get target(): string {
    this.targetText ??=
      this.address === NO_ATTEMPT
        ? formatIpv4(this.targetKey)
        : formatIpv6(this.state.addresses.bytes, this.address * 16);
    return this.targetText;
  }

  setSource(): boolean {
    const { words, keys } = this.state;
    return words.copy(keys.kind[this.slot]!, keys.words, this.slot * 4);
  }

  setTarget(): boolean {
    const { words, addresses } = this.state;
    if (this.address === NO_ATTEMPT) words.setIpv4(this.targetKey);
    else words.setIpv6(addresses.bytes, this.address * 16);
    return true;
  }

  texts(): readonly [string, string] {
    return [this.source, this.target];
  }

  community(): string {
    const { parse } = ipAddresses();
    const isEcho = this.ipProtocol === ICMP || this.ipProtocol === ICMPV6;
    const type = this.ipProtocol === ICMP ? ECHO : ECHO6;
    return communityId(
      this.ipProtocol,
      Uint8Array.from(parse(this.source).toByteArray()),
      Uint8Array.from(parse(this.target).toByteArray()),
      isEcho ? type : this.sourcePort,
      this.port,
    );
  }
}

export class ConversationEnds implements RowEnds {
  slot = NONE;
  private block!: ConversationBlock;
  private row = 0;
  private start = 0;

  constructor(private readonly words: KeyWords) {}

  at(block: ConversationBlock, row: number, slot: number): void {
    this.block = block;
    this.row = row;
    this.start = row * ADDRESS_SLOT_BYTES;
    this.slot = slot;
  }

  setSource(): boolean {
    return this.words.setSlot(this.block.originator, this.start);
  }

  setTarget(): boolean {
    return this.words.setSlot(this.block.responder, this.start);
  }

  texts(): readonly [string, string] {
    return [slotText(this.block.originator, this.start), slotText(this.block.responder, this.start)];
  }

  community(): string {
    return conversationCommunity(this.block, this.row);
  }
}

/** Of what a host received, which names no one source. */
export class ReceivedEnds implements RowEnds {
  readonly slot = NONE;
  private block!: ReceivedBlock;
  private start = 0;

  constructor(private readonly words: KeyWords) {}

  at(block: ReceivedBlock, row: number): void {
    this.block = block;
    this.start = row * ADDRESS_SLOT_BYTES;
  }

  setSource(): boolean {
    return false;
  }

  setTarget(): boolean {
    return this.words.setSlot(this.block.target, this.start);
  }

  texts(): readonly [string, string] {
    return ['', slotText(this.block.target, this.start)];
  }

  community(): null {
    return null;
  }
}

export class ObservationEnds implements RowEnds {
  readonly slot = NONE;
  observation!: Observation;

  constructor(private readonly words: KeyWords) {}

  setSource(): boolean {
    return this.observation.source !== '' && this.words.parse(this.observation.source);
  }

  setTarget(): boolean {
    return this.observation.destination !== '' && this.words.parse(this.observation.destination);
  }

  texts(): readonly [string, string] {
    return [this.observation.source, this.observation.destination];
  }

  community(): null {
    return null;
  }
}
