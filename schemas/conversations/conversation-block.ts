/**
 * Conversations and what hosts received inside a process: columns, as for packets (schemas/packets/packet-block.ts). The
 * capture node fills them, the codec of PacketBatch schema 2 carries them beside the packets of the same host, detection
 * and the sink read them. A block is reused: `reset()` forgets the rows, not the memory.
 *
 * Rows of `ConversationBlock` belong to the ORIGINATOR (record key: its address): what a host began and what became of it.
 * Rows of `ReceivedBlock` belong to the TARGET: what was begun towards it, summed where it arose.
 */
import type { PacketOrigin } from '../packets/packet-block.js';
import type { ConversationNames } from './conversation.js';

/** An address in 17 bytes: kind (4, 6, 48; see ADDRESS_… of packet-block.ts) in the first, then the address, zero-padded. */
export const ADDRESS_SLOT_BYTES = 17;

export class ConversationBlock {
  /** Rows in use. */
  count = 0;
  readonly capacity: number;
  /** Index into `origins` (capture node, interface, timeline, site). */
  readonly origin: Uint16Array;
  /** CONVERSATION_EVENTS. */
  readonly event: Uint8Array;
  /** When the row arose: µs of event time, that of the packet that caused it (for a timeout: of the last packet). */
  readonly time: Float64Array;
  /** First packet of the conversation, µs: with the 5-tuple it names the conversation. */
  readonly start: Float64Array;
  /** Last packet so far, µs. */
  readonly last: Float64Array;
  /** `ADDRESS_SLOT_BYTES` a row each. */
  readonly originator: Uint8Array;
  readonly responder: Uint8Array;
  /** ICMP: type of the request and its code; the identifier is in `icmpId`. */
  readonly originatorPort: Uint16Array;
  readonly responderPort: Uint16Array;
  readonly icmpId: Uint16Array;
  readonly ipProtocol: Uint8Array;
  readonly vlan: Uint16Array;
  /** 1: who began was seen; 0: it is a guess (service port), and `outcome` is `unseen`. */
  readonly begun: Uint8Array;
  /** OUTCOMES, CONNECTION_STATES (by index). */
  readonly outcome: Uint8Array;
  readonly state: Uint8Array;
  readonly originatorPackets: Float64Array;
  readonly responderPackets: Float64Array;
  /** Bytes on the wire (frame lengths), and payload bytes above TCP, UDP or ICMP. */
  readonly originatorBytes: Float64Array;
  readonly responderBytes: Float64Array;
  readonly originatorPayload: Float64Array;
  readonly responderPayload: Float64Array;
  /** Logins seen to fail and to succeed in this conversation, where its protocol shows them in clear. */
  readonly loginsFailed: Uint16Array;
  readonly loginsSucceeded: Uint16Array;
  /** Zeek's history, e.g. "ShADadFf"; the service as Zeek names it ("ssl", "ssh", "dns"), empty when unknown. */
  readonly history: string[] = [];
  readonly service: string[] = [];
  readonly names: (ConversationNames | null)[] = [];
  readonly origins: PacketOrigin[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.origin = new Uint16Array(capacity);
    this.event = new Uint8Array(capacity);
    this.time = new Float64Array(capacity);
    this.start = new Float64Array(capacity);
    this.last = new Float64Array(capacity);
    this.originator = new Uint8Array(capacity * ADDRESS_SLOT_BYTES);
    this.responder = new Uint8Array(capacity * ADDRESS_SLOT_BYTES);
    this.originatorPort = new Uint16Array(capacity);
    this.responderPort = new Uint16Array(capacity);
    this.icmpId = new Uint16Array(capacity);
    this.ipProtocol = new Uint8Array(capacity);
    this.vlan = new Uint16Array(capacity);
    this.begun = new Uint8Array(capacity);
    this.outcome = new Uint8Array(capacity);
    this.state = new Uint8Array(capacity);
    this.originatorPackets = new Float64Array(capacity);
    this.responderPackets = new Float64Array(capacity);
    this.originatorBytes = new Float64Array(capacity);
    this.responderBytes = new Float64Array(capacity);
    this.originatorPayload = new Float64Array(capacity);
    this.responderPayload = new Float64Array(capacity);
    this.loginsFailed = new Uint16Array(capacity);
    this.loginsSucceeded = new Uint16Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  reset(): void {
    this.count = 0;
    // Most records have none, and to set the length of an array costs as much as to read a small record. Texts and names beyond
    // `count` are left to be overwritten: the arrays would have to grow anew for each record.
    if (this.origins.length > 0) this.origins.length = 0;
  }
}

/** Most sources named in a row of what a host received: those with the smallest hashes, so that rows can be merged. */
export const RECEIVED_SOURCES_MAX = 16;

export class ReceivedBlock {
  count = 0;
  readonly capacity: number;
  readonly origin: Uint16Array;
  /** Begin of the slot of event time that the row sums, µs: slots are aligned, `RECEIVED_SLOT_MICROS` long. */
  readonly time: Float64Array;
  /** Newest packet that the row counts, µs. */
  readonly last: Float64Array;
  readonly target: Uint8Array;
  readonly ipProtocol: Uint8Array;
  /** The target's port; of ICMP its type. */
  readonly port: Uint16Array;
  /** Conversations begun towards the target, and what became of conversations begun towards it (in this slot). */
  readonly attempts: Float64Array;
  readonly answered: Float64Array;
  readonly refused: Float64Array;
  /** Packets and bytes towards the target that answer nothing it asked: SYN-ACK, RST, UDP from a service port (then `port` is the peer's). */
  readonly unasked: Float64Array;
  readonly unaskedBytes: Float64Array;
  /** All packets and bytes on the wire towards the target and port. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /**
   * Distinct sources: exact up to `RECEIVED_SOURCES_MAX`, else estimated from the k smallest hashes ("k minimum values", Bar-Yossef
   * et al. 2002). `sources` holds the addresses of those hashes, `ADDRESS_SLOT_BYTES` each.
   */
  readonly sourceCount: Float64Array;
  readonly sources: Uint8Array[] = [];
  readonly origins: PacketOrigin[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.origin = new Uint16Array(capacity);
    this.time = new Float64Array(capacity);
    this.last = new Float64Array(capacity);
    this.target = new Uint8Array(capacity * ADDRESS_SLOT_BYTES);
    this.ipProtocol = new Uint8Array(capacity);
    this.port = new Uint16Array(capacity);
    this.attempts = new Float64Array(capacity);
    this.answered = new Float64Array(capacity);
    this.refused = new Float64Array(capacity);
    this.unasked = new Float64Array(capacity);
    this.unaskedBytes = new Float64Array(capacity);
    this.packets = new Float64Array(capacity);
    this.bytes = new Float64Array(capacity);
    this.sourceCount = new Float64Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  reset(): void {
    this.count = 0;
    if (this.origins.length > 0) this.origins.length = 0; // `sources` as the texts of conversations
  }
}

/** A slot of event time over which what a host received is summed, µs. Shorter is told sooner, longer is cheaper in a flood. */
export const RECEIVED_SLOT_MICROS = 100_000;
