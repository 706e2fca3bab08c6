/** Looks into the first payloads of conversations: what they say of themselves, and which others they announce. */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import type { Places } from './conversation-rows.js';
import { LOGINS, PAYLOADS_READ, STATE_WORDS } from './conversation-state.js';
import { ftpDataPort } from './opening.js';
import type { Originators } from './originators.js';

const FTP_CONTROL = 21;
/** What eight bits count. */
const READ_MAX = 255;

export class PayloadReading {
  constructor(
    private readonly places: Places,
    private readonly originators: Originators,
  ) {}

  /** Reads payload `index`, of a packet that is counted already. */
  read(block: PacketBlock, row: number, index: number, payloads: Payloads, place: number, isOriginator: boolean): void {
    const start = payloads.start[index]!;
    const end = payloads.end[index]!;
    const protocol = block.ipProtocol[row]!;
    if (start === end || (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP)) return;
    const time = block.timestamp[row]!;
    const originatorPort = isOriginator ? block.sourcePort[row]! : block.destinationPort[row]!;
    const responderPort = isOriginator ? block.destinationPort[row]! : block.sourcePort[row]!;
    const { bytes } = payloads;
    const { words, services, table } = this.places;
    if (responderPort === FTP_CONTROL && protocol === PROTOCOL_TCP) {
      const port = ftpDataPort(bytes, start, end);
      if (port !== 0) this.originators.expectAt(place, table.sender, time, port);
    }
    const state = place * STATE_WORDS;
    const shift = isOriginator ? 0 : 8;
    const read = ((words[state + PAYLOADS_READ]! >>> shift) & READ_MAX) + 1;
    if (read <= READ_MAX) words[state + PAYLOADS_READ]! += 1 << shift;
    const payload = { bytes, start, end, protocol, isOriginator, originatorPort, responderPort, time };
    const goesOn = services.read(place, payload, read);
    words[state + LOGINS]! += services.loginsFailed | (services.loginsSucceeded << 16);
    if (!goesOn) payloads.settle(block, row);
  }
}
