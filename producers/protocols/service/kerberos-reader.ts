/** Kerberos 5, RFC 4120 sections 5.4 to 5.9: the kind of a message, and why a KDC refused. */
import type { ServiceFacts, ServicePayload } from './service-facts.js';

const TCP = 6;
const TCP_LENGTH_PREFIX = 4;
const TAG_NUMBER_MASK = 0x1f;
const TAG_APPLICATION_MASK = 0xe0;
const TAG_APPLICATION = 0x60;
const MESSAGE_AS_REPLY = 11;
const MESSAGE_ERROR = 30;
const MESSAGES: readonly number[] = [10, 11, 12, 13, 14, 15, MESSAGE_ERROR];
const TAG_SEQUENCE = 0x30;
const TAG_ERROR_CODE = 0xa6;
const TAG_INTEGER = 0x02;
const FIELDS_MAX = 16;

/** Unknown client, client revoked, key expired, pre-authentication failed; that pre-authentication is required is no refusal. */
const LOGIN_ERRORS: readonly number[] = [6, 18, 23, 24];

export function readKerberos({ buffer, start, end, transport, state }: ServicePayload): ServiceFacts | null {
  const message = transport === TCP ? start + TCP_LENGTH_PREFIX : start;
  if (message >= end) return null;
  const tag = buffer[message]!;
  const type = tag & TAG_NUMBER_MASK;
  if ((tag & TAG_APPLICATION_MASK) !== TAG_APPLICATION || !MESSAGES.includes(type)) return null;
  const facts: ServiceFacts = { service: 'kerberos', state };
  facts.kerberosMessageType = type;
  if (type === MESSAGE_AS_REPLY) facts.loginSucceeded = true;
  if (type !== MESSAGE_ERROR) return facts;
  const code = errorCode(buffer, message, end);
  if (code === null) return facts;
  facts.kerberosErrorCode = code;
  if (LOGIN_ERRORS.includes(code)) facts.loginFailed = true;
  return facts;
}

/** The INTEGER in the field [6] of the SEQUENCE in the message, DER. */
function errorCode(buffer: Uint8Array, message: number, end: number): number | null {
  const sequence = contentOf(buffer, message, end);
  if (sequence >= end || buffer[sequence] !== TAG_SEQUENCE) return null;
  let field = contentOf(buffer, sequence, end);
  for (let fields = 0; fields < FIELDS_MAX && field + 2 <= end; fields++) {
    const content = contentOf(buffer, field, end);
    if (buffer[field] === TAG_ERROR_CODE) {
      if (content + 3 > end || buffer[content] !== TAG_INTEGER) return null;
      const length = buffer[content + 1]!;
      let code = 0;
      if (length > 2 || content + 2 + length > end) return null;
      for (let i = 0; i < length; i++) code = code * 256 + buffer[content + 2 + i]!;
      return code;
    }
    field = content + lengthOf(buffer, field, end);
  }
  return null;
}

/** Where the content of the element at `at` starts; `end` when that is not told. */
function contentOf(buffer: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) return end;
  const first = buffer[at + 1]!;
  return Math.min(first < 0x80 ? at + 2 : at + 2 + (first & 0x7f), end);
}

/** How long the content is: in the one byte after the tag, or in as many as that says, of which four are believed. */
function lengthOf(buffer: Uint8Array, at: number, end: number): number {
  const first = buffer[at + 1]!;
  if (first < 0x80) return first;
  const bytes = first & 0x7f;
  if (bytes > 4 || at + 2 + bytes > end) return end - at;
  let length = 0;
  for (let i = 0; i < bytes; i++) length = length * 256 + buffer[at + 2 + i]!;
  return length;
}
