/**
 * What is remembered of one conversation, beside its key in the table: two cache lines of memory, named here, and what
 * Zeek's words say of it. The states of the ends of a TCP connection, `conn_state` and `history` are those of Zeek
 * (scripts/base/protocols/conn/main.zeek and its TCP session adapter), without what needs sequence numbers: letters for
 * retransmissions, gaps, zero windows and wrong checksums are not written.
 */
import {
  CONNECTION_STATES,
  type ConnectionState,
  HISTORY_MAX,
  OUTCOME_UNANSWERED,
} from '../../schemas/conversations/conversation.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../schemas/packets/packet-block.js';

export const STATE_WORDS = 32;

/** Doubles, from the first word of the state on: those of the originator, then those of the responder where there are two. */
export const START = 0;
export const LAST = 1;
export const BYTES = 2;
export const PAYLOAD = 4;
export const NEXT_UPDATE = 6;
/** Words. */
export const PACKETS = 14;
export const STATUS = 16;
/** Number of letters, and above 8 bits which letters of which end were seen. */
const HISTORY = 17;
/** Letters of 5 bits, six a word. */
const HISTORY_LETTERS = 18;
export const TIMER_NEXT = 22;
export const TIMER_PREVIOUS = 23;
export const TIMER_SLOT = 24;
/** VLAN id, and above 16 bits the number of the origin. */
export const ORIGIN_AND_VLAN = 25;
export const RECEIVED_ROW = 26;
export const RECEIVED_EPOCH = 27;
/** Payloads read of the originator, and above 8 bits of the responder. */
export const PAYLOADS_READ = 28;
/** Logins failed, and above 16 bits succeeded. */
export const LOGINS = 29;
export const ICMP_ID = 30;

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

export const END_INACTIVE = 0;
export const END_SYN_SENT = 1;
export const END_SYN_ACK_SENT = 2;
export const END_PARTIAL = 3;
/** Of protocols without a handshake: has sent something. */
export const END_ESTABLISHED = 4;
export const END_CLOSED = 5;
export const END_RESET = 6;

export function originatorState(status: number): number {
  return (status >>> ORIGINATOR_STATE) & THREE_BITS;
}

export function responderState(status: number): number {
  return (status >>> RESPONDER_STATE) & THREE_BITS;
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

const STATE_INDEX = Object.fromEntries(CONNECTION_STATES.map((state, index) => [state, index])) as Record<
  ConnectionState,
  number
>;

/** Index into `CONNECTION_STATES`. */
export function connectionState(status: number): number {
  return STATE_INDEX[connectionStateName(status)];
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

/** Letters of `history`; those of the originator are upper case. The number of one is its index. */
const LETTERS = 'shadfriq^SHADFRIQ';
const LETTER_S = 0;
const LETTER_H = 1;
const LETTER_A = 2;
const LETTER_D = 3;
const LETTER_F = 4;
const LETTER_R = 5;
const LETTER_I = 6;
const LETTER_Q = 7;
const LETTER_FLIPPED = 8;
const ORIGINATOR_LETTERS = 9;
const LETTERS_A_WORD = 6;

/** Everything that one segment may add, once a letter and end. */
export function addSegmentToHistory(
  words: Int32Array,
  state: number,
  flags: number,
  payload: number,
  isOriginator: boolean,
): void {
  const control = flags & (TCP_SYN | TCP_FIN | TCP_RST);
  if (control === 0) {
    if (payload > 0) addLetter(words, state, LETTER_D, isOriginator);
    else if ((flags & TCP_ACK) !== 0) addLetter(words, state, LETTER_A, isOriginator);
    return;
  }
  if ((control & TCP_SYN) !== 0) {
    if ((control & (TCP_FIN | TCP_RST)) !== 0) addLetter(words, state, LETTER_Q, isOriginator);
    addLetter(words, state, (flags & TCP_ACK) !== 0 ? LETTER_H : LETTER_S, isOriginator);
  }
  if ((control & (TCP_FIN | TCP_RST)) === (TCP_FIN | TCP_RST)) addLetter(words, state, LETTER_I, isOriginator);
  else if ((control & TCP_FIN) !== 0) addLetter(words, state, LETTER_F, isOriginator);
  else if ((control & TCP_RST) !== 0) addLetter(words, state, LETTER_R, isOriginator);
  if (payload > 0) addLetter(words, state, LETTER_D, isOriginator);
}

export function addDataToHistory(words: Int32Array, state: number, isOriginator: boolean): void {
  addLetter(words, state, LETTER_D, isOriginator);
}

/** The first packet came from the responder, and the roles are told from that. */
export function addFlipToHistory(words: Int32Array, state: number): void {
  addLetter(words, state, LETTER_FLIPPED, false);
}

function addLetter(words: Int32Array, state: number, letter: number, isOriginator: boolean): void {
  const code = isOriginator ? letter + ORIGINATOR_LETTERS : letter;
  const history = words[state + HISTORY]!;
  const bit = 1 << (8 + code);
  if ((history & bit) !== 0) return;
  const count = history & 0xff;
  if (count >= HISTORY_MAX) return;
  const word = state + HISTORY_LETTERS + Math.floor(count / LETTERS_A_WORD);
  words[word]! |= code << ((count % LETTERS_A_WORD) * 5);
  words[state + HISTORY] = (history | bit) + 1;
}

export function historyText(words: Int32Array, state: number): string {
  const count = words[state + HISTORY]! & 0xff;
  let text = '';
  for (let index = 0; index < count; index++) {
    const word = words[state + HISTORY_LETTERS + Math.floor(index / LETTERS_A_WORD)]!;
    text += LETTERS[(word >>> ((index % LETTERS_A_WORD) * 5)) & 31];
  }
  return text;
}
