/**
 * The states of a conversation, in the word STATUS of its record. The states of the ends of a TCP connection and `conn_state` are those
 * of Zeek (scripts/base/protocols/conn/main.zeek and its TCP session adapter), without what needs sequence numbers.
 */
import {
  CONNECTION_STATES,
  type ConnectionState,
  OUTCOME_ANSWERED,
  OUTCOME_UNANSWERED,
} from '../../schemas/conversations/conversation.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../schemas/packets/packet-block.js';

// Bits of STATUS: states of the ends (three bits each, with what they were before), the outcome, then flags.
const ORIGINATOR_STATE = 0;
const ORIGINATOR_BEFORE = 3;
const RESPONDER_STATE = 6;
const RESPONDER_BEFORE = 9;
const OUTCOME_SHIFT = 12;
const THREE_BITS = 7;
/** Who began was seen. */
export const IS_BEGUN: number = 1 << 15;
/** The conversation is going on; without it only the roles of its ends are remembered. */
export const IS_OPEN: number = 1 << 16;
export const ORIGINATOR_FIRST: number = 1 << 17;
/** The originator went on without anything of the responder having been seen. */
export const IS_HALF_SEEN: number = 1 << 18;
export const IS_TCP: number = 1 << 20;
export const IS_ICMP: number = 1 << 21;
/** What the responder's end sends answers nothing that was seen. */
export const IS_UNASKED: number = 1 << 22;
/** The end that began, as far as it is known (END_…): it outlives the conversation. */
const ORIGINATOR_END_SHIFT = 24;
const TWO_BITS = 3;

export const END_INACTIVE = 0;
export const END_SYN_SENT = 1;
export const END_SYN_ACK_SENT = 2;
export const END_PARTIAL = 3;
/** Of protocols without a handshake: has sent something. */
export const END_ESTABLISHED = 4;
export const END_CLOSED = 5;
export const END_RESET = 6;

const UNDER_WAY_MASK = IS_OPEN | IS_ICMP | (THREE_BITS << OUTCOME_SHIFT);
const UNDER_WAY = IS_OPEN | (OUTCOME_ANSWERED << OUTCOME_SHIFT);
const ORIGINATOR_MASK = UNDER_WAY_MASK | (THREE_BITS << ORIGINATOR_STATE);
const ORIGINATOR_SET = UNDER_WAY | (END_ESTABLISHED << ORIGINATOR_STATE);
const RESPONDER_MASK = UNDER_WAY_MASK | (THREE_BITS << RESPONDER_STATE);
const RESPONDER_SET = UNDER_WAY | (END_ESTABLISHED << RESPONDER_STATE);

export function originatorState(status: number): number {
  return (status >>> ORIGINATOR_STATE) & THREE_BITS;
}

export function responderState(status: number): number {
  return (status >>> RESPONDER_STATE) & THREE_BITS;
}

export function originatorEnd(status: number): number {
  return (status >>> ORIGINATOR_END_SHIFT) & TWO_BITS;
}

export function withOriginatorEnd(status: number, end: number): number {
  return (status & ~(TWO_BITS << ORIGINATOR_END_SHIFT)) | (end << ORIGINATOR_END_SHIFT);
}

/** Whether a packet of this end without SYN, FIN or RST changes nothing but sums: answered, and the end has spoken before. */
export function isUnderWay(status: number, isOriginator: boolean): boolean {
  return (
    (status & (isOriginator ? ORIGINATOR_MASK : RESPONDER_MASK)) === (isOriginator ? ORIGINATOR_SET : RESPONDER_SET)
  );
}

export function outcomeOf(status: number): number {
  return (status >>> OUTCOME_SHIFT) & THREE_BITS;
}

export function withOutcome(status: number, outcome: number): number {
  return (status & ~(THREE_BITS << OUTCOME_SHIFT)) | (outcome << OUTCOME_SHIFT);
}

export function initialStatus(flags: number, outcome: number): number {
  return flags | (outcome << OUTCOME_SHIFT);
}

/** An end of a conversation without a handshake has sent something. */
export function withActiveEnd(status: number, isOriginator: boolean): number {
  const shift = isOriginator ? ORIGINATOR_STATE : RESPONDER_STATE;
  return (status & ~(THREE_BITS << shift)) | (END_ESTABLISHED << shift);
}

/** The status after a TCP segment. */
export function afterSegment(status: number, flags: number, payload: number, isOriginator: boolean): number {
  const own = isOriginator ? ORIGINATOR_STATE : RESPONDER_STATE;
  const ownBefore = isOriginator ? ORIGINATOR_BEFORE : RESPONDER_BEFORE;
  const peer = isOriginator ? RESPONDER_STATE : ORIGINATOR_STATE;
  const peerBefore = isOriginator ? RESPONDER_BEFORE : ORIGINATOR_BEFORE;
  const state = (status >>> own) & THREE_BITS;
  const peerState = (status >>> peer) & THREE_BITS;
  // Nearly every segment: the middle of an established connection.
  if (state === END_ESTABLISHED && (flags & (TCP_FIN | TCP_RST)) === 0) return status;

  let next = state;
  let peerNext = peerState;
  switch (state) {
    case END_INACTIVE:
      if ((flags & TCP_SYN) !== 0) {
        if (isOriginator) next = (flags & TCP_ACK) !== 0 ? END_SYN_ACK_SENT : END_SYN_SENT;
        else {
          next = END_ESTABLISHED;
          if (peerState === END_SYN_SENT) peerNext = END_ESTABLISHED;
        }
      }
      if ((flags & TCP_FIN) !== 0) next = END_CLOSED;
      if ((flags & TCP_RST) !== 0) next = END_RESET;
      if (next === END_INACTIVE) next = afterFirstWithoutFlags(flags, payload, isOriginator, peerState);
      break;
    case END_SYN_SENT:
    case END_SYN_ACK_SENT:
      if ((flags & TCP_FIN) !== 0) next = END_CLOSED;
      if ((flags & TCP_RST) !== 0) next = END_RESET;
      break;
    case END_ESTABLISHED:
    case END_PARTIAL:
      if (state === END_PARTIAL && peerState === END_INACTIVE && (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) {
        next = END_SYN_SENT;
      }
      if ((flags & TCP_FIN) !== 0 && (flags & TCP_RST) === 0) {
        next = END_CLOSED;
        // The peer sent a FIN and then a RST: a usual end after all.
        if (peerState === END_RESET && ((status >>> peerBefore) & THREE_BITS) === END_CLOSED) peerNext = END_CLOSED;
      }
      if ((flags & TCP_RST) !== 0) next = END_RESET;
      break;
    case END_CLOSED:
      if ((flags & TCP_RST) !== 0 && peerState !== END_CLOSED) next = END_RESET;
      break;
    default:
      break;
  }
  let result = status;
  if (next !== state) {
    result &= ~((THREE_BITS << own) | (THREE_BITS << ownBefore));
    result |= (next << own) | (state << ownBefore);
  }
  if (peerNext !== peerState) {
    result &= ~((THREE_BITS << peer) | (THREE_BITS << peerBefore));
    result |= (peerNext << peer) | (peerState << peerBefore);
  }
  return result;
}

function afterFirstWithoutFlags(flags: number, payload: number, isOriginator: boolean, peerState: number): number {
  // Some acknowledge a SYN before they answer it.
  if (!isOriginator && payload === 0 && peerState === END_SYN_SENT) return END_INACTIVE;
  return (flags & TCP_ACK) !== 0 && peerState === END_ESTABLISHED ? END_ESTABLISHED : END_PARTIAL;
}

/** By the states of both ends and the kind of the conversation: indexes into `CONNECTION_STATES`. */
const STATES: Uint8Array = Uint8Array.from({ length: 256 }, (_, key) => {
  const states = ((key & 7) << ORIGINATOR_STATE) | (((key >>> 3) & 7) << RESPONDER_STATE);
  return CONNECTION_STATES.indexOf(
    connectionStateName(states | ((key & 64) !== 0 ? IS_TCP : 0) | ((key & 128) !== 0 ? IS_ICMP : 0)),
  );
});

/** Index into `CONNECTION_STATES`. */
export function connectionState(status: number): number {
  const kind = ((status & IS_TCP) !== 0 ? 64 : 0) | ((status & IS_ICMP) !== 0 ? 128 : 0);
  return STATES[originatorState(status) | (responderState(status) << 3) | kind]!;
}

function connectionStateName(status: number): ConnectionState {
  const originator = originatorState(status);
  const responder = responderState(status);
  if ((status & IS_ICMP) !== 0) return 'OTH';
  if ((status & IS_TCP) === 0) {
    if (originator === END_ESTABLISHED) return responder === END_ESTABLISHED ? 'SF' : 'S0';
    return responder === END_ESTABLISHED ? 'SHR' : 'OTH';
  }
  const originatorQuiet = originator === END_INACTIVE || originator === END_PARTIAL;
  const responderQuiet = responder === END_INACTIVE || responder === END_PARTIAL;
  if (responder === END_RESET) {
    if (originator === END_SYN_SENT || originator === END_SYN_ACK_SENT) return 'REJ';
    return originatorQuiet ? 'RSTRH' : 'RSTR';
  }
  if (originator === END_RESET) return responderQuiet ? 'RSTOS0' : 'RSTO';
  if (responder === END_CLOSED && originator === END_CLOSED) return 'SF';
  if (originator === END_CLOSED) return responderQuiet ? 'SH' : 'S2';
  if (responder === END_CLOSED) return originatorQuiet ? 'SHR' : 'S3';
  if (originator === END_SYN_SENT && responder === END_INACTIVE) return 'S0';
  return originator === END_ESTABLISHED && responder === END_ESTABLISHED ? 'S1' : 'OTH';
}

/** A TCP conversation to which nothing more belongs but what is still on its way. */
export function isClosed(status: number): boolean {
  const originator = originatorState(status);
  const responder = responderState(status);
  return (originator === END_CLOSED && responder === END_CLOSED) || isReset(status);
}

export function isReset(status: number): boolean {
  return originatorState(status) === END_RESET || responderState(status) === END_RESET;
}

/** An attempt of which nothing came, and nothing can come any more that would not be an attempt of its own. */
export function isAttempt(status: number): boolean {
  const responder = responderState(status);
  return (status & IS_TCP) !== 0 && responder === END_INACTIVE && outcomeOf(status) <= OUTCOME_UNANSWERED;
}

const SECOND = 1_000_000;
/** How long a conversation may be silent before it is over, µs: as Zeek's defaults, but an attempt twice as long. */
const ATTEMPT_TIMEOUT = 10 * SECOND;
const TCP_TIMEOUT = 300 * SECOND;
const DATAGRAM_TIMEOUT = 60 * SECOND;
/** What is still on its way when both ends have closed, or one has aborted. */
const CLOSE_DELAY = 5 * SECOND;
const RESET_DELAY = SECOND;

/** How long the conversation may be silent, µs. */
export function timeoutOf(status: number): number {
  if ((status & IS_TCP) === 0) return DATAGRAM_TIMEOUT;
  if (isReset(status)) return RESET_DELAY;
  if (isClosed(status)) return CLOSE_DELAY;
  return isAttempt(status) ? ATTEMPT_TIMEOUT : TCP_TIMEOUT;
}
