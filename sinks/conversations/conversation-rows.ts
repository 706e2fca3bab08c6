/** Conversations of a unit as rows of binary COPY, of each the latest; and what of them is counted. */
import { hash } from 'node:crypto';
import { formatAddressBytes } from '../../schemas/address.js';
import { communityId } from '../../schemas/conversations/community-id.js';
import {
  type ConversationNames,
  EVENT_ENDED,
  EVENT_UPDATED,
  OUTCOMES,
} from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';
import { ADDRESS_IPV4, ADDRESS_IPV6, type PacketOrigin } from '../../schemas/packets/packet-block.js';
import { CONVERSATION_COLUMNS, communityHalf } from '../../schemas/tables/conversation-table.js';
import { CopyBuffer } from '../packets/copy-buffer.js';
import { storable } from '../packets/origin-dictionary.js';
import { storableJson } from '../packets/packet-details.js';
import { type CountedConversation, REST } from './conversation-rollup.js';

export const CONVERSATION_COPY_SQL = `COPY conversations (${CONVERSATION_COLUMNS.join(', ')}) FROM STDIN (FORMAT binary)`;

/** µs from 1970-01-01 to 2000-01-01 UTC, where timestamptz counts from. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;
/** Bound of a timestamptz that every version of Postgres takes, µs: far beyond any capture. */
const MICROS_MAX = Number.MAX_SAFE_INTEGER;
const INT32_MAX = 0x7fffffff;
const INT16_MAX = 0x7fff;
/** A row without its texts: 25 fields, their lengths, two IPv6 addresses. */
const ROW_BYTES_MAX = 512;
/** A shorter conversation was never told of while it was open: capture nodes wait longer than this before they do, µs. */
export const OPEN_MICROS_MIN = 1_000_000;
const UNKNOWN_SERVICE = 'unknown';

export class ConversationRows {
  readonly copy = new CopyBuffer(1 << 16, 1 << 10);
  /** The latest of each, by its id. */
  private readonly latest = new Map<string, CountedConversation>();
  private readonly idBytes = Buffer.alloc(8);
  private readonly originHashes = new Map<PacketOrigin, string>();

  get size(): number {
    return this.latest.size;
  }

  reset(): void {
    this.copy.reset();
    this.latest.clear();
    this.originHashes.clear();
  }

  conversations(): readonly CountedConversation[] {
    return [...this.latest.values()];
  }

  /** Starts of the minutes in which they were last heard of, seconds since 1970-01-01 UTC. */
  minutes(): Set<number> {
    const starts = new Set<number>();
    for (const { last } of this.latest.values()) starts.add(Math.floor(last / 60e6) * 60);
    return starts;
  }

  /** Rows that a later one of the same conversation has replaced are left out: the ranges `[from, to)` of those to copy. */
  ranges(): [from: number, to: number][] {
    const ranges: [number, number][] = [];
    for (const { row } of this.latest.values()) {
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === row) last[1] = row + 1;
      else ranges.push([row, row + 1]);
    }
    return ranges;
  }

  /** Takes a row when it tells of a conversation that goes on or has ended; of an answer or a refusal alone nothing is stored. */
  take(block: ConversationBlock, row: number, originId: number, partition: number, offset: number): void {
    const event = block.event[row]!;
    if (event !== EVENT_ENDED && event !== EVENT_UPDATED) return;
    const originator = addressOf(block.originator, row);
    const responder = addressOf(block.responder, row);
    if (originator === null || responder === null) return;
    const origin = block.origins[block.origin[row]!]!;
    const ended = event === EVENT_ENDED;
    const id = this.writeId(block, row, originator, responder, origin);
    const last = clamp(block.last[row]!, -MICROS_MAX, MICROS_MAX);
    const conversation: CountedConversation = {
      id,
      row: this.copy.rows,
      ended,
      mayBeOpen: !ended || last - block.start[row]! >= OPEN_MICROS_MIN,
      last,
      captureNode: storable(origin.captureNode),
      service: storable(block.service[row]!) || UNKNOWN_SERVICE,
      outcome: OUTCOMES[block.outcome[row]!] ?? OUTCOMES[0],
      pair: `${formatAddressBytes(originator)} ${formatAddressBytes(responder)}`,
      port: portOf(block, row),
      packets: block.originatorPackets[row]! + block.responderPackets[row]!,
      bytes: block.originatorBytes[row]! + block.responderBytes[row]!,
      partition,
      offset,
    };
    this.write(block, row, originId, originator, responder, ended, last);
    this.latest.delete(id); // so that it comes last: rows ascend
    this.latest.set(id, conversation);
  }

  /** @returns the id as text; its bytes are left in `idBytes`. */
  private writeId(
    block: ConversationBlock,
    row: number,
    originator: Uint8Array,
    responder: Uint8Array,
    origin: PacketOrigin,
  ): string {
    const { idBytes } = this;
    const community = communityId(
      block.ipProtocol[row]!,
      originator,
      responder,
      block.originatorPort[row]!,
      block.responderPort[row]!,
    );
    communityHalf(community).copy(idBytes, 0, 0, 4);
    let where = this.originHashes.get(origin);
    if (where === undefined) {
      where = JSON.stringify(origin);
      this.originHashes.set(origin, where);
    }
    const key = `${block.start[row]} ${block.icmpId[row]} ${block.vlan[row]} ${where}`;
    hash('sha1', key, 'buffer').copy(idBytes, 4, 0, 4);
    return idBytes.readBigInt64BE(0).toString();
  }

  private write(
    block: ConversationBlock,
    row: number,
    originId: number,
    originator: Uint8Array,
    responder: Uint8Array,
    ended: boolean,
    last: number,
  ): void {
    const { copy } = this;
    const history = storable(block.history[row]!);
    const service = storable(block.service[row]!);
    const names = namesJson(block.names[row] ?? null);
    copy.beginRow(CONVERSATION_COLUMNS.length, ROW_BYTES_MAX + 3 * (history.length + service.length + names.length));
    if (ended) putTime(copy, last);
    else copy.putInfinity();
    putTime(copy, clamp(block.start[row]!, -MICROS_MAX, MICROS_MAX));
    if (ended) {
      copy.putNull();
      copy.putNull();
    } else {
      putTime(copy, last);
      putTime(copy, Date.now() * 1000);
    }
    copy.putBytes(this.idBytes, 0, 8);
    copy.putBigint(block.originatorBytes[row]!);
    copy.putBigint(block.responderBytes[row]!);
    copy.putBigint(block.originatorPayload[row]!);
    copy.putBigint(block.responderPayload[row]!);
    copy.putInteger(Math.min(block.originatorPackets[row]!, INT32_MAX));
    copy.putInteger(Math.min(block.responderPackets[row]!, INT32_MAX));
    copy.putInteger(originId);
    copy.putInteger(block.originatorPort[row]!);
    copy.putInteger(block.responderPort[row]!);
    putSmallOrNull(copy, block.vlan[row]!);
    copy.putSmall(block.ipProtocol[row]!);
    copy.putSmall(block.state[row]!);
    copy.putSmall(block.outcome[row]!);
    putSmallOrNull(copy, Math.min(block.loginsFailed[row]!, INT16_MAX));
    putSmallOrNull(copy, Math.min(block.loginsSucceeded[row]!, INT16_MAX));
    copy.putBoolean(block.begun[row] === 1);
    copy.putAddress(originator);
    copy.putAddress(responder);
    putTextOrNull(copy, history);
    putTextOrNull(copy, service);
    if (names === '') copy.putNull();
    else copy.putJson(names);
    copy.endRow();
  }
}

/** The bytes of an IP address; null of anything else. A view. */
function addressOf(slots: Uint8Array, row: number): Uint8Array | null {
  const at = row * ADDRESS_SLOT_BYTES;
  const kind = slots[at];
  if (kind === ADDRESS_IPV4) return slots.subarray(at + 1, at + 5);
  return kind === ADDRESS_IPV6 ? slots.subarray(at + 1, at + 17) : null;
}

/** Protocols with ports. */
const TCP = 6;
const UDP = 17;
const SCTP = 132;

/** Where who began is a guess, a client's ephemeral port is taken for no service: it counts among the rest. */
function portOf(block: ConversationBlock, row: number): string | null {
  const protocol = block.ipProtocol[row]!;
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP) return null;
  const port = block.responderPort[row]!;
  return block.begun[row] === 1 || port < block.originatorPort[row]! ? `${protocol} ${port}` : REST;
}

function namesJson(names: ConversationNames | null): string {
  if (names === null) return '';
  const text = storableJson(names);
  return text === '{}' ? '' : text;
}

function putTime(copy: CopyBuffer, micros: number): void {
  copy.putBigint(micros - POSTGRES_EPOCH_MICROS);
}

function putSmallOrNull(copy: CopyBuffer, value: number): void {
  if (value === 0) copy.putNull();
  else copy.putSmall(value);
}

function putTextOrNull(copy: CopyBuffer, text: string): void {
  if (text === '') copy.putNull();
  else copy.putText(text);
}

function clamp(value: number, least: number, greatest: number): number {
  return Math.min(greatest, Math.max(least, value));
}
