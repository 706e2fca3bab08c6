/**
 * `history` of conversations in Zeek's letters (scripts/base/protocols/conn/main.zeek), each once an end, in the order in
 * which they came. Letters that need sequence numbers, windows and checksums are not written: retransmissions, gaps, zero
 * windows and wrong checksums.
 */
import { HISTORY_MAX } from '../../schemas/conversations/conversation.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../schemas/packets/packet-block.js';
import { HISTORY, HISTORY_LETTERS } from './conversation-record.js';

/** Those of the originator are upper case. The number of one is its index. */
const LETTERS = 'shadfriq^SHADFRIQ';
const LETTER_S = 0;
const LETTER_H = 1;
export const LETTER_A = 2;
export const LETTER_D = 3;
const LETTER_F = 4;
const LETTER_R = 5;
const LETTER_I = 6;
const LETTER_Q = 7;
const LETTER_FLIPPED = 8;
export const ORIGINATOR_LETTERS = 9;
const LETTERS_A_WORD = 6;
const COUNT_SHIFT = 27;

/** Everything that one segment may add, once a letter and end. */
export function addSegmentToHistory(
  words: Int32Array,
  record: number,
  flags: number,
  payload: number,
  isOriginator: boolean,
): void {
  const control = flags & (TCP_SYN | TCP_FIN | TCP_RST);
  if (control === 0) {
    if (payload > 0) addLetter(words, record, LETTER_D, isOriginator);
    else if ((flags & TCP_ACK) !== 0) addLetter(words, record, LETTER_A, isOriginator);
    return;
  }
  if ((control & TCP_SYN) !== 0) {
    if ((control & (TCP_FIN | TCP_RST)) !== 0) addLetter(words, record, LETTER_Q, isOriginator);
    addLetter(words, record, (flags & TCP_ACK) !== 0 ? LETTER_H : LETTER_S, isOriginator);
  }
  if ((control & (TCP_FIN | TCP_RST)) === (TCP_FIN | TCP_RST)) addLetter(words, record, LETTER_I, isOriginator);
  else if ((control & TCP_FIN) !== 0) addLetter(words, record, LETTER_F, isOriginator);
  else if ((control & TCP_RST) !== 0) addLetter(words, record, LETTER_R, isOriginator);
  if (payload > 0) addLetter(words, record, LETTER_D, isOriginator);
}

/** The first packet came from the responder, and the roles are told from that. */
export function addFlipToHistory(words: Int32Array, record: number): void {
  addLetter(words, record, LETTER_FLIPPED, false);
}

export function addLetter(words: Int32Array, record: number, letter: number, isOriginator: boolean): void {
  const code = isOriginator ? letter + ORIGINATOR_LETTERS : letter;
  const history = words[record + HISTORY]!;
  const bit = 1 << code;
  if ((history & bit) !== 0) return;
  const count = history >>> COUNT_SHIFT;
  if (count >= HISTORY_MAX) return;
  const word = record + HISTORY_LETTERS + Math.floor(count / LETTERS_A_WORD);
  words[word]! |= code << ((count % LETTERS_A_WORD) * 5);
  words[record + HISTORY] = ((history | bit) + (1 << COUNT_SHIFT)) | 0;
}

/** The letters of so few fit one number; nearly all histories are of these, and few of them different. */
const TEXT_LETTERS_MAX = 9;
const TEXTS_MAX = 4096;

/** Texts of histories: each is made once, for making it is a tenth of the cost of a row. */
export class HistoryTexts {
  private readonly texts = new Map<number, string>();

  textOf(words: Int32Array, record: number): string {
    const count = words[record + HISTORY]! >>> COUNT_SHIFT;
    if (count > TEXT_LETTERS_MAX) return spell(words, record, count);
    const letters = words[record + HISTORY_LETTERS + 1]! * 2 ** 30 + words[record + HISTORY_LETTERS]!;
    const key = letters * 16 + count;
    let text = this.texts.get(key);
    if (text === undefined) {
      text = spell(words, record, count);
      if (this.texts.size < TEXTS_MAX) this.texts.set(key, text);
    }
    return text;
  }
}

function spell(words: Int32Array, record: number, count: number): string {
  let text = '';
  for (let index = 0; index < count; index++) {
    const word = words[record + HISTORY_LETTERS + Math.floor(index / LETTERS_A_WORD)]!;
    text += LETTERS[(word >>> ((index % LETTERS_A_WORD) * 5)) & 31];
  }
  return text;
}
