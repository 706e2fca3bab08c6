/** Dynamic Host Configuration Protocol: message of RFC 2131 section 2, options of RFC 2132. */
import { putOptionalInt } from '../../schemas/packets/avro-bytes.js';
import type { PacketBlock } from '../../schemas/packets/packet-block.js';
import { putAbsent, putPrintableText, putProtocol } from './application-fields.js';
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

/** Gives the row an application, unless the message is without options, which is BOOTP's. */
export function peekDhcp(block: PacketBlock, row: number, buffer: Uint8Array, offset: number, end: number): void {
  if (end - offset < OPTIONS || uint32(buffer, offset + MAGIC_COOKIE) !== MAGIC_COOKIE_VALUE) return;
  let messageType = -1;
  let hostname = -1;
  let hostnameEnd = -1;
  let option = offset + OPTIONS;
  while (option < end && buffer[option] !== OPTION_END) {
    if (buffer[option] === OPTION_PAD) {
      option++;
      continue;
    }
    if (option + 1 >= end) break;
    const value = option + 2;
    const next = value + buffer[option + 1]!;
    if (next > end) break;
    if (buffer[option] === OPTION_MESSAGE_TYPE && next > value) messageType = buffer[value]!;
    else if (buffer[option] === OPTION_HOST_NAME) {
      hostname = value;
      hostnameEnd = next;
    }
    option = next;
  }
  const start = putProtocol(block, 'dhcp');
  const bytes = block.applications;
  let at = putAbsent(bytes, start, 4);
  at = messageType < 0 ? putAbsent(bytes, at, 1) : putOptionalInt(bytes, at, messageType);
  at = hostname < 0 ? putAbsent(bytes, at, 1) : putPrintableText(bytes, at, buffer, hostname, hostnameEnd);
  block.endApplication(row, at);
}
