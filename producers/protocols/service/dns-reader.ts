/** The first question of a DNS message and what came of it, RFC 1035 section 4.1; multicast DNS and LLMNR alike. */
import { uint16 } from '../bytes.js';
import { endOfPlainName, plainName } from '../plain-name.js';
import { SERVICE_NAME_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { printable } from './text.js';

const TCP = 6;
const TCP_LENGTH_PREFIX = 2;
const FLAGS = 2;
const FLAG_RESPONSE = 0x8000;
const RCODE_MASK = 0x000f;
const QUESTION_COUNT = 4;
const ANSWER_COUNT = 6;
const HEADER_LENGTH = 12;
const LABEL_LENGTH_MAX = 63;
const NAME_LENGTH_MAX = 255;

export function readDns({ buffer, start, end, transport, state }: ServicePayload): ServiceFacts | null {
  const message = transport === TCP ? start + TCP_LENGTH_PREFIX : start;
  if (end - message < HEADER_LENGTH) return null;
  const facts: ServiceFacts = { service: 'dns', state };
  const flags = uint16(buffer, message + FLAGS);
  if ((flags & FLAG_RESPONSE) !== 0) {
    facts.dnsResponseCode = flags & RCODE_MASK;
    facts.dnsAnswers = uint16(buffer, message + ANSWER_COUNT);
  }
  if (uint16(buffer, message + QUESTION_COUNT) > 0) readQuestion(buffer, message + HEADER_LENGTH, end, facts);
  return facts;
}

function readQuestion(buffer: Uint8Array, start: number, end: number, facts: ServiceFacts): void {
  let name = '';
  let at = start;
  const plain = endOfPlainName(buffer, start, end, false);
  if (plain > 0) {
    name = plainName(start, plain);
    at = plain - 1;
  }
  for (;;) {
    if (at >= end || at - start > NAME_LENGTH_MAX) return;
    const length = buffer[at++]!;
    if (length === 0) break;
    if (length > LABEL_LENGTH_MAX || at + length > end) return;
    // A dot or a space inside a label is not what parts names from others.
    const label = printable(buffer, at, at + length, 4 * LABEL_LENGTH_MAX)
      .replaceAll('.', '\\.')
      .replaceAll(' ', '\\032');
    name += name === '' ? label : `.${label}`;
    at += length;
  }
  facts.dnsQuery = name === '' ? '.' : name.slice(0, SERVICE_NAME_LENGTH_MAX);
  if (end - at >= 2) facts.dnsType = uint16(buffer, at);
}
