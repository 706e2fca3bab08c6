/** How an RDP connection begins, MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2: X.224 connection request and confirm in TPKT. */
import { uint16 } from '../bytes.js';
import { SERVICE_LINE_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { endOfLine, printable, startsWith } from './text.js';

const TPKT_VERSION = 0x03;
const X224_KIND = 5;
const KIND_MASK = 0xf0;
const CONNECTION_REQUEST = 0xe0;
const CONNECTION_CONFIRM = 0xd0;
const VARIABLE_PART = 11;
const COOKIE = 'Cookie: ';
const USER_PREFIX = 'mstshash=';
const NEGOTIATION_RESPONSE = 2;
const NEGOTIATION_LENGTH = 8;

export function readRdp({ buffer, start, end, state }: ServicePayload): ServiceFacts | null {
  if (end - start < VARIABLE_PART || buffer[start] !== TPKT_VERSION) return null;
  const kind = buffer[start + X224_KIND]! & KIND_MASK;
  const variable = start + VARIABLE_PART;
  const facts: ServiceFacts = { service: 'rdp', state };
  if (kind === CONNECTION_REQUEST) {
    if (!startsWith(buffer, variable, end, COOKIE)) return facts;
    const value = variable + COOKIE.length;
    const text = printable(buffer, value, endOfLine(buffer, value, end), SERVICE_LINE_LENGTH_MAX);
    facts.rdpCookie = text;
    if (text.startsWith(USER_PREFIX)) facts.user = text.slice(USER_PREFIX.length);
    return facts;
  }
  if (kind !== CONNECTION_CONFIRM) return null;
  if (end - variable >= NEGOTIATION_LENGTH && buffer[variable] === NEGOTIATION_RESPONSE) {
    const selected = uint16(buffer, variable + 4); // four bytes, least first; the kinds are bits of the lowest
    facts.rdpSelectedProtocol = ((selected & 0xff) << 8) | (selected >> 8);
  }
  return facts;
}
