/**
 * Telnet, RFC 854: the first line a server prints behind its negotiation, and how a login ends, told by the words that
 * login programs of Unix, network devices and cameras print. A guess: where no such word is printed, nothing is said.
 */
import { SERVICE_LINE_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { endOfLine, printable } from './text.js';

const IAC = 0xff;
const SUBNEGOTIATION = 0xfa;
const SUBNEGOTIATION_END = 0xf0;
const WILL = 0xfb;
const TEXT_LENGTH_MAX = 1024;

/** Bits of a conversation's state. */
const GREETED = 1;
const ASKED_FOR_PASSWORD = 2;
const PASSWORD_SENT = 4;

const PASSWORD_PROMPT = /pass(?:word|code|phrase)[^\n]{0,32}:\s*$/i;
const REFUSAL =
  /login incorrect|login failed|(?:authentication|login) (?:failed|failure)|access denied|permission denied|(?:bad|wrong|invalid|incorrect) (?:login|user ?name|password|passwd|credentials)/i;
const WELCOME = /last login|welcome|successfully/i;
const SHELL_PROMPT = /[#$>%] ?$/;

export function readTelnet({ buffer, start, end, fromOriginator, state }: ServicePayload): ServiceFacts | null {
  const text = textOf(buffer, start, end);
  if (fromOriginator) {
    const sendsPassword = (state & ASKED_FOR_PASSWORD) !== 0 && text.some((byte) => byte === 0x0d || byte === 0x0a);
    return { service: 'telnet', state: sendsPassword ? GREETED | PASSWORD_SENT : state };
  }
  const words = Buffer.from(text).toString('latin1');
  const facts = answer(words, state);
  if ((state & GREETED) === 0) {
    const line = words.search(/\S/);
    if (line >= 0) facts.greeting = printable(text, line, endOfLine(text, line, text.length), SERVICE_LINE_LENGTH_MAX);
  }
  return facts;
}

function answer(words: string, state: number): ServiceFacts {
  const service = 'telnet';
  const greeted = words.trim() === '' ? state : state | GREETED;
  if ((state & PASSWORD_SENT) !== 0) {
    if (REFUSAL.test(words)) {
      const asksAgain = PASSWORD_PROMPT.test(words) ? ASKED_FOR_PASSWORD : 0;
      return { service, state: GREETED | asksAgain, loginFailed: true };
    }
    if (WELCOME.test(words) || SHELL_PROMPT.test(words)) return { service, state: GREETED, loginSucceeded: true };
    // Asked again without a word: that was the answer.
    if (PASSWORD_PROMPT.test(words)) return { service, state: GREETED | ASKED_FOR_PASSWORD, loginFailed: true };
    if (/login: ?$/i.test(words)) return { service, state: GREETED, loginFailed: true };
    return { service, state: greeted };
  }
  return { service, state: PASSWORD_PROMPT.test(words) ? greeted | ASKED_FOR_PASSWORD : greeted };
}

/** The bytes between commands and options. */
function textOf(buffer: Uint8Array, start: number, end: number): Uint8Array {
  const text = new Uint8Array(Math.min(end - start, TEXT_LENGTH_MAX));
  let length = 0;
  for (let at = start; at < end && length < text.length; at++) {
    const byte = buffer[at]!;
    if (byte !== IAC) {
      text[length++] = byte;
      continue;
    }
    const command = at + 1 < end ? buffer[at + 1]! : 0;
    if (command === SUBNEGOTIATION) {
      at += 2;
      while (at < end && !(buffer[at - 1] === IAC && buffer[at] === SUBNEGOTIATION_END)) at++;
    } else at += command >= WILL && command < IAC ? 2 : 1;
  }
  return text.subarray(0, length);
}
