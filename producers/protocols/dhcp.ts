/** Dynamic Host Configuration Protocol: message of RFC 2131 section 2, options of RFC 2132. */
import type { Application } from '../../schemas/packet-block.js';
import { NO_FIELDS, printableText } from './application-fields.js';
import { uint32 } from './bytes.js';

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

const MAGIC_COOKIE = 236;
const MAGIC_COOKIE_VALUE = 0x63825363;
const OPTIONS = 240;
const OPTION_PAD = 0;
const OPTION_HOST_NAME = 12;
const OPTION_MESSAGE_TYPE = 53;
const OPTION_END = 255;

/** Messages without options are BOOTP's and give nothing. */
export function peekDhcp(buffer: Uint8Array, offset: number, end: number): Application | null {
  if (end - offset < OPTIONS || uint32(buffer, offset + MAGIC_COOKIE) !== MAGIC_COOKIE_VALUE) return null;
  let dhcpMessageType: number | null = null;
  let dhcpHostname: string | null = null;
  let at = offset + OPTIONS;
  while (at < end && buffer[at] !== OPTION_END) {
    if (buffer[at] === OPTION_PAD) {
      at++;
      continue;
    }
    if (at + 1 >= end) break;
    const value = at + 2;
    const next = value + buffer[at + 1]!;
    if (next > end) break;
    if (buffer[at] === OPTION_MESSAGE_TYPE && next > value) dhcpMessageType = buffer[value]!;
    else if (buffer[at] === OPTION_HOST_NAME) dhcpHostname = printableText(buffer, value, next);
    at = next;
  }
  return { ...NO_FIELDS, protocol: 'dhcp', dhcpMessageType, dhcpHostname };
}
