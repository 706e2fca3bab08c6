/**
 * The slow, plain way to the words of a conversation: the states of both ends and the history as objects and text, by
 * Zeek's rules, for reference-tracker.ts.
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../schemas/packets/packet-block.js';

export type EndState = 'inactive' | 'syn' | 'syn-ack' | 'partial' | 'established' | 'closed' | 'reset';

export interface EndOfConversation {
  state: EndState;
  /** What it was before. */
  before: EndState;
  packets: number;
  bytes: number;
  payload: number;
  payloadsRead: number;
  saysNoMore: boolean;
}

export function freshEnd(): EndOfConversation {
  return {
    state: 'inactive',
    before: 'inactive',
    packets: 0,
    bytes: 0,
    payload: 0,
    payloadsRead: 0,
    saysNoMore: false,
  };
}

export interface TwoEnds {
  readonly protocol: number;
  readonly originator: EndOfConversation;
  readonly responder: EndOfConversation;
  history: string;
}

const TCP = 6;

export function isIcmp(protocol: number): boolean {
  return protocol === 1 || protocol === 58;
}

function move(end: EndOfConversation, state: EndState): void {
  if (state === end.state) return;
  end.before = end.state;
  end.state = state;
}

export function moveBySegment(conversation: TwoEnds, flags: number, payload: number, byOriginator: boolean): void {
  const own = byOriginator ? conversation.originator : conversation.responder;
  const peer = byOriginator ? conversation.responder : conversation.originator;
  const [syn, ack, fin, rst] = [TCP_SYN, TCP_ACK, TCP_FIN, TCP_RST].map((bit) => (flags & bit) !== 0);
  const peerState = peer.state;
  switch (own.state) {
    case 'inactive': {
      let next: EndState = 'inactive';
      if (syn) {
        if (byOriginator) next = ack ? 'syn-ack' : 'syn';
        else {
          next = 'established';
          if (peerState === 'syn') move(peer, 'established');
        }
      }
      if (fin) next = 'closed';
      if (rst) next = 'reset';
      if (next === 'inactive') {
        const acknowledgesOnly = !byOriginator && payload === 0 && peerState === 'syn';
        if (!acknowledgesOnly) next = ack && peerState === 'established' ? 'established' : 'partial';
      }
      move(own, next);
      return;
    }
    case 'syn':
    case 'syn-ack':
      if (rst) move(own, 'reset');
      else if (fin) move(own, 'closed');
      return;
    case 'established':
    case 'partial':
      if (rst) move(own, 'reset');
      else if (fin) {
        move(own, 'closed');
        if (peerState === 'reset' && peer.before === 'closed') move(peer, 'closed');
      } else if (own.state === 'partial' && peerState === 'inactive' && syn && !ack) move(own, 'syn');
      return;
    case 'closed':
      if (rst && peerState !== 'closed') move(own, 'reset');
      return;
    default:
      return;
  }
}

export function note(conversation: TwoEnds, letter: string, byOriginator: boolean): void {
  const written = byOriginator ? letter.toUpperCase() : letter;
  if (!conversation.history.includes(written)) conversation.history += written;
}

export function noteSegment(conversation: TwoEnds, flags: number, payload: number, byOriginator: boolean): void {
  const [syn, ack, fin, rst] = [TCP_SYN, TCP_ACK, TCP_FIN, TCP_RST].map((bit) => (flags & bit) !== 0);
  const add = (letter: string): void => note(conversation, letter, byOriginator);
  if (syn && (fin || rst)) add('q');
  if (syn) add(ack ? 'h' : 's');
  if (fin && rst) add('i');
  else if (fin) add('f');
  else if (rst) add('r');
  if (payload > 0) add('d');
  else if (ack && !syn && !fin && !rst) add('a');
}

export function isReset({ originator, responder }: TwoEnds): boolean {
  return originator.state === 'reset' || responder.state === 'reset';
}

export function isClosed(conversation: TwoEnds): boolean {
  const { originator, responder } = conversation;
  return (originator.state === 'closed' && responder.state === 'closed') || isReset(conversation);
}

export function stateOf({ protocol, originator: { state: o }, responder: { state: r } }: TwoEnds): string {
  if (isIcmp(protocol)) return 'OTH';
  if (protocol !== TCP) {
    if (o === 'established') return r === 'established' ? 'SF' : 'S0';
    return r === 'established' ? 'SHR' : 'OTH';
  }
  const isQuiet = (state: EndState): boolean => state === 'inactive' || state === 'partial';
  if (r === 'reset') {
    if (o === 'syn' || o === 'syn-ack') return 'REJ';
    return isQuiet(o) ? 'RSTRH' : 'RSTR';
  }
  if (o === 'reset') return isQuiet(r) ? 'RSTOS0' : 'RSTO';
  if (r === 'closed' && o === 'closed') return 'SF';
  if (o === 'closed') return isQuiet(r) ? 'SH' : 'S2';
  if (r === 'closed') return isQuiet(o) ? 'SHR' : 'S3';
  if (o === 'syn' && r === 'inactive') return 'S0';
  return o === 'established' && r === 'established' ? 'S1' : 'OTH';
}
