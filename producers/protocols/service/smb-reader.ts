/** Server Message Block: the header of SMB 1 (MS-CIFS section 2.2.3.1) and SMB 2 and 3 (MS-SMB2 section 2.2.1) behind NetBIOS. */
import { uint16, uint32 } from '../bytes.js';
import { SERVICE_LINE_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { printable, startsWith } from './text.js';

const NETBIOS_LENGTH = 4;
const MARKER_SMB_1 = 0xff;
const MARKER_SMB_2 = 0xfe;

const V1_COMMAND = 4;
const V1_STATUS = 5;
const V1_FLAGS = 9;
const V1_FLAG_REPLY = 0x80;
const V1_HEADER_LENGTH = 32;
const V1_NEGOTIATE = 0x72;
const V1_SESSION_SETUP = 0x73;
/** Parameter words of a negotiate response for the dialect that all clients since 1996 choose. */
const V1_NT_LM_WORDS = 17;
const V1_ACTION = V1_HEADER_LENGTH + 5;
const V1_ACTION_GUEST = 0x01;

const V2_STATUS = 8;
const V2_COMMAND = 12;
const V2_FLAGS = 16;
const V2_FLAG_REPLY = 0x01;
const V2_HEADER_LENGTH = 64;
const V2_NEGOTIATE = 0;
const V2_SESSION_SETUP = 1;
const V2_DIALECT = V2_HEADER_LENGTH + 4;
const V2_SESSION_FLAGS = V2_HEADER_LENGTH + 2;
const V2_SESSION_GUEST_OR_NULL = 0x03;

const DIALECTS: Readonly<Record<number, string>> = {
  514: '2.0.2',
  528: '2.1',
  767: '2.?',
  768: '3.0',
  770: '3.0.2',
  785: '3.1.1',
};

const NTLM_AUTHENTICATE = 'NTLMSSP\0\x03\0\0\0';
const NTLM_USER_LENGTH = 36;
const NTLM_USER_OFFSET = 40;
const NTLM_FLAGS = 60;
const NTLM_FLAG_UNICODE = 0x01;
const NTLM_FIXED_LENGTH = 64;
/** Headers and the wrapping of SPNEGO come before. */
const NTLM_SEARCH_LENGTH = 512;

const STATUS_SUCCESS = 0;
/** No such user, wrong password, logon failure, account disabled, expired, locked out. MS-ERREF section 2.3.1. */
const STATUS_LOGIN_FAILURES: readonly number[] = [
  0xc0000064, 0xc000006a, 0xc000006d, 0xc0000072, 0xc0000193, 0xc0000234,
];

export function readSmb({ buffer, start, end, state }: ServicePayload): ServiceFacts | null {
  const header = start + NETBIOS_LENGTH;
  if (end - header < V1_HEADER_LENGTH || !startsWith(buffer, header + 1, end, 'SMB')) return null;
  if (buffer[header] === MARKER_SMB_1) return readSmb1(buffer, header, end, state);
  if (buffer[header] === MARKER_SMB_2 && end - header >= V2_HEADER_LENGTH) return readSmb2(buffer, header, end, state);
  return null;
}

function readSmb1(buffer: Uint8Array, header: number, end: number, state: number): ServiceFacts {
  const command = buffer[header + V1_COMMAND]!;
  const facts: ServiceFacts = { service: 'smb', state };
  facts.smbCommand = command;
  if ((buffer[header + V1_FLAGS]! & V1_FLAG_REPLY) === 0) {
    if (command === V1_SESSION_SETUP) addUser(facts, buffer, header, end);
    return facts;
  }
  if (command === V1_NEGOTIATE && end - header > V1_HEADER_LENGTH) {
    if (buffer[header + V1_HEADER_LENGTH] === V1_NT_LM_WORDS) facts.smbDialect = 'NT LM 0.12';
  } else if (command === V1_SESSION_SETUP) {
    const isKnown = end - header > V1_ACTION && (buffer[header + V1_ACTION]! & V1_ACTION_GUEST) === 0;
    judge(facts, littleEndian32(buffer, header + V1_STATUS), isKnown);
  }
  return facts;
}

function readSmb2(buffer: Uint8Array, header: number, end: number, state: number): ServiceFacts {
  const command = littleEndian16(buffer, header + V2_COMMAND);
  const facts: ServiceFacts = { service: 'smb', state };
  facts.smbCommand = command;
  if ((buffer[header + V2_FLAGS]! & V2_FLAG_REPLY) === 0) {
    if (command === V2_SESSION_SETUP) addUser(facts, buffer, header, end);
    return facts;
  }
  const hasBody = end - header >= V2_HEADER_LENGTH + 6;
  if (command === V2_NEGOTIATE && hasBody) {
    const dialect = DIALECTS[littleEndian16(buffer, header + V2_DIALECT)];
    if (dialect !== undefined) facts.smbDialect = dialect;
  } else if (command === V2_SESSION_SETUP) {
    const isKnown = hasBody && (buffer[header + V2_SESSION_FLAGS]! & V2_SESSION_GUEST_OR_NULL) === 0;
    judge(facts, littleEndian32(buffer, header + V2_STATUS), isKnown);
  }
  return facts;
}

/** The user of an NTLM AUTHENTICATE message (MS-NLMP section 2.2.1.3), wherever in the security blob it begins. */
function addUser(facts: ServiceFacts, buffer: Uint8Array, header: number, end: number): void {
  const searched = Math.min(end - NTLM_FIXED_LENGTH, header + NTLM_SEARCH_LENGTH);
  for (let at = header; at <= searched; at++) {
    if (buffer[at] !== 0x4e || !startsWith(buffer, at, end, NTLM_AUTHENTICATE)) continue;
    const length = littleEndian16(buffer, at + NTLM_USER_LENGTH);
    const name = at + littleEndian32(buffer, at + NTLM_USER_OFFSET);
    if (length === 0 || name + length > end) return;
    const text = Buffer.from(buffer.subarray(name, name + length)).toString(
      isUnicode(buffer, at) ? 'utf16le' : 'latin1',
    );
    const bytes = Buffer.from(text);
    facts.user = printable(bytes, 0, bytes.length, SERVICE_LINE_LENGTH_MAX);
    return;
  }
}

function isUnicode(buffer: Uint8Array, message: number): boolean {
  return (littleEndian32(buffer, message + NTLM_FLAGS) & NTLM_FLAG_UNICODE) !== 0;
}

/** Guests and those who give no name are let in without credentials: that is no login. */
function judge(facts: ServiceFacts, status: number, isKnown: boolean): void {
  facts.smbStatus = status;
  if (STATUS_LOGIN_FAILURES.includes(status)) facts.loginFailed = true;
  else if (status === STATUS_SUCCESS && isKnown) facts.loginSucceeded = true;
}

function littleEndian16(buffer: Uint8Array, offset: number): number {
  const value = uint16(buffer, offset);
  return ((value & 0xff) << 8) | (value >> 8);
}

function littleEndian32(buffer: Uint8Array, offset: number): number {
  const value = uint32(buffer, offset);
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
