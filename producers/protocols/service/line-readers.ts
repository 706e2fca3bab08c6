/**
 * Services of commands and replies in lines of text: FTP (RFC 959), SMTP (RFC 5321, AUTH of RFC 4954), POP3 (RFC 1939,
 * AUTH of RFC 5034), IMAP (RFC 9051). What matters stands at a fixed place of a payload's first line, in IMAP of one of
 * its first lines. After STARTTLS nothing can be read any more, and nothing is said.
 */
import { SERVICE_LINE_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { endOfLine, latin1, printable, startsWith } from './text.js';

/** Bits of a conversation's state. */
const GREETED = 1;
/** The latest command sent credentials, or asks to. */
const AUTHENTICATES = 2;
const COMMANDED = 4;

const COMMAND_LENGTH_MAX = 64;
const USER_COMMAND_LENGTH = 'USER '.length;
const REPLY = /^([2-5]\d\d)[ -]/;
const REPLIES_LENGTH_MAX = 1024;

export function readFtp(payload: ServicePayload): ServiceFacts | null {
  return payload.fromOriginator ? readCommand(payload, 'ftp', /^(?:PASS|ACCT)\b/i) : readFtpReply(payload);
}

function readFtpReply(payload: ServicePayload): ServiceFacts | null {
  const facts = readReply(payload, 'ftp');
  if (facts === null) return null;
  // Who asks for files before logging in is refused by the same code.
  if (facts.replyCode === 530 && (payload.state & COMMANDED) === 0) facts.loginFailed = true;
  if (facts.replyCode === 230) facts.loginSucceeded = true;
  return facts;
}

export function readSmtp(payload: ServicePayload): ServiceFacts | null {
  if (payload.fromOriginator) return readCommand(payload, 'smtp', /^AUTH\b/i);
  const facts = readReply(payload, 'smtp');
  if (facts?.replyCode === 535) facts.loginFailed = true;
  if (facts?.replyCode === 235) facts.loginSucceeded = true;
  return facts;
}

/** A reply of FTP or SMTP: three digits, then a text. */
function readReply({ buffer, start, end, state }: ServicePayload, service: 'ftp' | 'smtp'): ServiceFacts | null {
  const code = REPLY.exec(latin1(buffer, start, end, 4))?.[1];
  if (code === undefined) return null;
  const facts: ServiceFacts = { service, state: (state | GREETED) & ~(code.startsWith('3') ? 0 : AUTHENTICATES) };
  facts.replyCode = Number(code);
  if ((state & GREETED) === 0 && facts.replyCode === 220) facts.greeting = firstLine(buffer, start, end);
  return facts;
}

/** Facts of a command are no more than what it makes of the reply to come. */
function readCommand(
  { buffer, start, end, state }: ServicePayload,
  service: 'ftp' | 'smtp' | 'pop3',
  authenticates: RegExp,
): ServiceFacts | null {
  const command = latin1(buffer, start, end, COMMAND_LENGTH_MAX);
  if (!/^[A-Za-z]{3,8}\b/.test(command)) return { service, state };
  const kind = authenticates.test(command) ? AUTHENTICATES : COMMANDED;
  const facts: ServiceFacts = { service, state: (state & GREETED) | kind };
  if (service !== 'smtp' && /^USER /i.test(command)) {
    const name = start + USER_COMMAND_LENGTH;
    facts.user = printable(buffer, name, endOfLine(buffer, name, end), SERVICE_LINE_LENGTH_MAX);
  }
  return facts;
}

export function readPop3(payload: ServicePayload): ServiceFacts | null {
  const { buffer, start, end, state } = payload;
  if (payload.fromOriginator) {
    // What answers a challenge of AUTH is no command.
    const isAnswer =
      (state & AUTHENTICATES) !== 0 &&
      !/^(?:PASS|APOP|AUTH|USER|QUIT|STLS|CAPA)\b/i.test(latin1(buffer, start, end, 5));
    return isAnswer ? { service: 'pop3', state } : readCommand(payload, 'pop3', /^(?:PASS|APOP|AUTH)\b/i);
  }
  const accepts = startsWith(buffer, start, end, '+OK');
  const refuses = startsWith(buffer, start, end, '-ERR');
  if (!accepts && !refuses) return startsWith(buffer, start, end, '+ ') ? { service: 'pop3', state } : null;
  const facts: ServiceFacts = { service: 'pop3', state: GREETED };
  if ((state & GREETED) === 0 && accepts) facts.greeting = firstLine(buffer, start, end);
  if ((state & AUTHENTICATES) !== 0) {
    if (accepts) facts.loginSucceeded = true;
    else facts.loginFailed = true;
  }
  return facts;
}

const IMAP_LOGIN = /^[^\s*+]{1,32} (?:LOGIN|AUTHENTICATE)\b/i;
const IMAP_COMMAND = /^[^\s*+]{1,32} [A-Za-z]{3,12}\b/;
const IMAP_TAGGED_REPLY = /(?:^|\n)[^\s*+]{1,32} (OK|NO|BAD)\b/;

export function readImap({ buffer, start, end, fromOriginator, state }: ServicePayload): ServiceFacts | null {
  if (fromOriginator) {
    const command = latin1(buffer, start, end, COMMAND_LENGTH_MAX);
    if (IMAP_LOGIN.test(command)) return { service: 'imap', state: (state & GREETED) | AUTHENTICATES };
    return { service: 'imap', state: IMAP_COMMAND.test(command) ? (state & GREETED) | COMMANDED : state };
  }
  const first = buffer[start]!;
  if (first < 0x20 || first > 0x7e) return null;
  const facts: ServiceFacts = { service: 'imap', state: state | GREETED };
  if ((state & GREETED) === 0 && startsWith(buffer, start, end, '* ')) facts.greeting = firstLine(buffer, start, end);
  const reply = IMAP_TAGGED_REPLY.exec(latin1(buffer, start, end, REPLIES_LENGTH_MAX))?.[1];
  if (reply === undefined || (state & AUTHENTICATES) === 0) return facts;
  const answered: ServiceFacts = { ...facts, state: GREETED };
  if (reply === 'OK') answered.loginSucceeded = true;
  else if (reply === 'NO') answered.loginFailed = true;
  return answered;
}

function firstLine(buffer: Uint8Array, start: number, end: number): string {
  return printable(buffer, start, endOfLine(buffer, start, end), SERVICE_LINE_LENGTH_MAX);
}
