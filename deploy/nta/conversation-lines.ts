/** `nta analyze --conversations FILE`: one JSON object a line and conversation, as it stood when it was over. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Failure } from '../../runtime/process/failure.js';
import { formatAddressSlot } from '../../schemas/address.js';
import { CONNECTION_STATES, EVENT_ENDED, OUTCOMES } from '../../schemas/conversations/conversation.js';
import { ADDRESS_SLOT_BYTES, type ConversationBlock } from '../../schemas/conversations/conversation-block.js';

const BUFFER_LENGTH = 1 << 16;

export class ConversationLines {
  private readonly file: number;
  private text = '';

  /** @throws Failure `OUTPUT_FILE` when the file cannot be written */
  constructor(private readonly path: string) {
    try {
      this.file = openSync(path, 'w');
    } catch (error) {
      throw this.failure(error);
    }
  }

  add(block: ConversationBlock): void {
    for (let row = 0; row < block.count; row++) {
      if (block.event[row] !== EVENT_ENDED) continue;
      this.text += `${JSON.stringify(conversationLine(block, row))}\n`;
      if (this.text.length > BUFFER_LENGTH) this.write();
    }
  }

  close(): void {
    this.write();
    closeSync(this.file);
  }

  private write(): void {
    try {
      writeSync(this.file, this.text);
    } catch (error) {
      throw this.failure(error);
    }
    this.text = '';
  }

  private failure(error: unknown): Failure {
    const reason = error instanceof Error ? error.message : String(error);
    return new Failure('OUTPUT_FILE', `--conversations ${this.path}: ${reason}; name a file that can be written`);
  }
}

const ICMP: ReadonlySet<number> = new Set([1, 58]);

function conversationLine(block: ConversationBlock, row: number): object {
  const origin = block.origins[block.origin[row]!]!;
  const protocol = block.ipProtocol[row]!;
  const ends = ICMP.has(protocol)
    ? { icmp_type: block.originatorPort[row], icmp_id: block.icmpId[row] }
    : { originator_port: block.originatorPort[row], responder_port: block.responderPort[row] };
  return {
    start: isoMicros(block.start[row]!),
    last: isoMicros(block.last[row]!),
    duration: (block.last[row]! - block.start[row]!) / 1e6,
    originator: formatAddressSlot(block.originator, row * ADDRESS_SLOT_BYTES),
    responder: formatAddressSlot(block.responder, row * ADDRESS_SLOT_BYTES),
    ...ends,
    ip_protocol: protocol,
    ...(block.vlan[row] === 0 ? {} : { vlan: block.vlan[row] }),
    interface: origin.interface,
    begun: block.begun[row] === 1,
    outcome: OUTCOMES[block.outcome[row]!],
    state: CONNECTION_STATES[block.state[row]!],
    history: block.history[row],
    service: block.service[row],
    originator_packets: block.originatorPackets[row],
    responder_packets: block.responderPackets[row],
    originator_bytes: block.originatorBytes[row],
    responder_bytes: block.responderBytes[row],
    originator_payload: block.originatorPayload[row],
    responder_payload: block.responderPayload[row],
    ...(block.loginsFailed[row] === 0 ? {} : { logins_failed: block.loginsFailed[row] }),
    ...(block.loginsSucceeded[row] === 0 ? {} : { logins_succeeded: block.loginsSucceeded[row] }),
    ...(block.names[row] === null ? {} : { names: block.names[row] }),
  };
}

/** RFC 3339 with microseconds. */
function isoMicros(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1e6) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(micros % 1e6).padStart(6, '0')}Z`;
}
