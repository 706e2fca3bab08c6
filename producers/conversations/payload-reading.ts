/** Looks into the first payloads of conversations: what they say of themselves, and which others they announce. */
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import type { Payloads } from '../decoding/payloads.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import { isUnknown } from '../protocols/service/recognition.js';
import {
  END_FIRST,
  END_SECOND,
  HAS_SAID,
  LOGINS,
  ORIGINATOR_SAYS_NO_MORE,
  PAYLOADS_READ,
  RECORD_WORDS,
  RESPONDER_SAYS_NO_MORE,
} from './conversation-record.js';
import type { Places } from './conversation-rows.js';
import { PAYLOADS_READ_MAX } from './conversation-services.js';
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

  /** Reads payload `index`, which is not empty, of a packet that is counted already and of an end that may say more. */
  read(block: PacketBlock, row: number, index: number, payloads: Payloads, place: number, isOriginator: boolean): void {
    const protocol = block.ipProtocol[row]!;
    const record = place * RECORD_WORDS;
    const { words, services, table } = this.places;
    const said = words[record + PAYLOADS_READ]!;
    const end = isOriginator ? ORIGINATOR_SAYS_NO_MORE : RESPONDER_SAYS_NO_MORE;
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) {
      words[record + PAYLOADS_READ] = said | end;
      return;
    }
    const shift = isOriginator ? 0 : 8;
    const read = Math.min(READ_MAX, ((said >>> shift) & READ_MAX) + 1);
    let next = (said & ~(READ_MAX << shift)) | (read << shift);
    const buffer = payloads.bufferOf(index);
    const start = payloads.start[index]!;
    const originatorPort = isOriginator ? block.sourcePort[row]! : block.destinationPort[row]!;
    const responderPort = isOriginator ? block.destinationPort[row]! : block.sourcePort[row]!;
    if ((said & HAS_SAID) === 0 && isUnknown(protocol, buffer[start]!, originatorPort, responderPort)) {
      words[record + PAYLOADS_READ] = read < PAYLOADS_READ_MAX ? next : next | end;
      return;
    }
    const { payload } = services;
    payload.buffer = buffer;
    payload.start = start;
    payload.end = payloads.end[index]!;
    payload.transport = protocol;
    payload.fromOriginator = isOriginator;
    payload.originatorPort = originatorPort;
    payload.responderPort = responderPort;
    payload.time = block.timestamp[row]!;
    if (payload.responderPort === FTP_CONTROL && protocol === PROTOCOL_TCP) {
      const port = ftpDataPort(payload.buffer, payload.start, payload.end);
      const sender = table.orders[index] === 0 ? END_SECOND : END_FIRST;
      if (port !== 0) this.originators.expectAt(place, sender, payload.time, port);
    }
    if (!services.read(place, (said & HAS_SAID) !== 0, read)) next |= end;
    if (services.hasSaid) next |= HAS_SAID;
    words[record + PAYLOADS_READ] = next;
    words[record + LOGINS]! += services.loginsFailed | (services.loginsSucceeded << 16);
  }
}
