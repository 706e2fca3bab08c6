/** How conversations begin: who began, and what their records hold before the first packet is counted. */
import { OUTCOME_UNANSWERED, OUTCOME_UNSEEN } from '../../schemas/conversations/conversation.js';
import {
  type PacketBlock,
  ROLE_OPENING,
  ROLE_ORIGINATOR,
  ROLE_RESPONDER,
  ROLE_UNKNOWN,
  TCP_RST,
  TCP_SYN,
} from '../../schemas/packets/packet-block.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../protocols/ip-protocol.js';
import { addFlipToHistory } from './conversation-history.js';
import {
  clearRecord,
  END_FIRST,
  HAS_SAID,
  LAST,
  NEXT_UPDATE,
  ORIGIN_AND_VLAN,
  otherEnd,
  PAYLOADS_READ,
  RECORD_DOUBLES,
  RECORD_WORDS,
  START,
  STATUS,
} from './conversation-record.js';
import type { Places } from './conversation-rows.js';
import {
  IS_BEGUN,
  IS_ICMP,
  IS_OPEN,
  IS_TCP,
  IS_UNASKED,
  initialStatus,
  ORIGINATOR_FIRST,
  originatorEnd,
  timeoutOf,
  withOriginatorEnd,
} from './conversation-state.js';
import { isRequest } from './icmp-query.js';
import { mayAnswerFromElsewhere } from './opening.js';
import { isSyn, looksLikeAnswer, type Originators } from './originators.js';
import type { TimerWheel } from './timer-wheel.js';

export class Beginnings {
  constructor(
    private readonly places: Places,
    private readonly originators: Originators,
    private readonly wheel: TimerWheel,
    private readonly updateInterval: number,
  ) {}

  /** Begins a conversation with its first packet, which is not yet counted. */
  begin(block: PacketBlock, row: number, place: number, sender: number, flags: number): void {
    const { originators, wheel } = this;
    const { words, doubles, table, origins, services } = this.places;
    const record = place * RECORD_WORDS;
    const protocol = block.ipProtocol[row]!;
    const isIcmp = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
    const time = block.timestamp[row]!;
    if (table.isNew) words[record + STATUS] = 0;
    let role: number;
    if (isIcmp) role = isRequest(block.icmpType[row]!) ? ROLE_OPENING : ROLE_UNKNOWN;
    else if (table.isNew) role = originators.firstRole(block, row, place, sender, flags, time);
    else role = originators.nextRole(block, row, place, sender, flags, words[record + STATUS]!);
    if (table.isNew && role !== ROLE_UNKNOWN) {
      originators.setOriginator(place, role === ROLE_RESPONDER ? otherEnd(sender) : sender);
    }
    if (!isIcmp) block.role[row] = role;

    const isTcp = protocol === PROTOCOL_TCP;
    const isAnswer = role === ROLE_RESPONDER || (role === ROLE_UNKNOWN && looksLikeAnswer(block, row, flags));
    const originator = isAnswer ? otherEnd(sender) : sender;
    // An answer that was announced tells who began; that of a TCP connection shows it only when the originator agrees.
    const isAnnounced = role === ROLE_RESPONDER && !isTcp && table.isNew;
    const isBegun = role === ROLE_OPENING || isAnnounced || (role === ROLE_ORIGINATOR && (!isTcp || isSyn(flags)));
    let kind = IS_OPEN | (isTcp ? IS_TCP : 0) | (isIcmp ? IS_ICMP : 0) | (isBegun ? IS_BEGUN : 0);
    if (originator === END_FIRST) kind |= ORIGINATOR_FIRST;
    if (isAnswer && !isAnnounced && (isTcp ? (flags & (TCP_SYN | TCP_RST)) !== 0 : true)) kind |= IS_UNASKED;
    const began = originatorEnd(words[record + STATUS]!);
    clearRecord(words, record);
    const status = withOriginatorEnd(initialStatus(kind, isBegun ? OUTCOME_UNANSWERED : OUTCOME_UNSEEN), began);
    words[record + STATUS] = status;
    if (isAnswer && isTcp) addFlipToHistory(words, record);
    const origin = origins.indexOf(block.origins[block.origin[row]!]!);
    words[record + ORIGIN_AND_VLAN] = (origin << 16) | block.vlan[row]!;
    const numbers = place * RECORD_DOUBLES;
    doubles[numbers + START] = doubles[numbers + LAST] = time;
    doubles[numbers + NEXT_UPDATE] = time + this.updateInterval;
    wheel.add(place, time + timeoutOf(status));
    if (isTcp && table.isNew && role === ROLE_ORIGINATOR) {
      services.announce(place, 'ftp-data');
      words[record + PAYLOADS_READ] = HAS_SAID;
    }
    if (isBegun && protocol === PROTOCOL_UDP && mayAnswerFromElsewhere(block.destinationPort[row]!)) {
      originators.expectAt(place, sender, time);
    }
  }
}
