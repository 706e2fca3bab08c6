/** What a DHCP message is and who sent it: RFC 2131 section 2, options of RFC 2132. */
import { uint32 } from '../bytes.js';
import { SERVICE_NAME_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { printable } from './text.js';

const MAGIC_COOKIE = 236;
const MAGIC_COOKIE_VALUE = 0x63825363;
const OPTIONS = 240;
const OPTION_PAD = 0;
const OPTION_HOST_NAME = 12;
const OPTION_MESSAGE_TYPE = 53;
const OPTION_END = 255;

export function readDhcp({ buffer, start, end, state }: ServicePayload): ServiceFacts | null {
  if (end - start < OPTIONS || uint32(buffer, start + MAGIC_COOKIE) !== MAGIC_COOKIE_VALUE) return null;
  const facts: ServiceFacts = { service: 'dhcp', state };
  let option = start + OPTIONS;
  while (option < end && buffer[option] !== OPTION_END) {
    if (buffer[option] === OPTION_PAD) {
      option++;
      continue;
    }
    if (option + 1 >= end) break;
    const value = option + 2;
    const next = value + buffer[option + 1]!;
    if (next > end) break;
    if (buffer[option] === OPTION_MESSAGE_TYPE && next > value) facts.dhcpMessageType = buffer[value]!;
    else if (buffer[option] === OPTION_HOST_NAME && next > value) {
      facts.dhcpHostname = printable(buffer, value, next, SERVICE_NAME_LENGTH_MAX);
    }
    option = next;
  }
  return facts;
}
