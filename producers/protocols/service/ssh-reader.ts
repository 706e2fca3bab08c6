/**
 * SSH before it is encrypted: identification strings (RFC 4253 section 4.2) and what a KEXINIT (section 7.1) offers as
 * HASSH, the MD5 of names of algorithms (github.com/salesforce/hassh). A KEXINIT may take two segments.
 */
import { createHash } from 'node:crypto';
import { uint32 } from '../bytes.js';
import { HANDLE_BITS, HANDLE_MASK, PENDING_LENGTH_MAX, type PendingPayloads } from './pending-payloads.js';
import { SERVICE_LINE_LENGTH_MAX, type ServiceFacts, type ServicePayload } from './service-facts.js';
import { endOfLine, printable, startsWith } from './text.js';

const IDENTIFICATION = 'SSH-';
/** RFC 4253 allows 255 bytes with their end. */
const IDENTIFICATION_LENGTH_MAX = 255;
const PADDING_LENGTH = 4;
const PADDING_LENGTH_MIN = 4;
const MESSAGE = 5;
const MESSAGE_KEXINIT = 20;
const NAME_LISTS = 22; // lengths, message, cookie
/** Key exchange, host key, ciphers, MACs and compression, each but the first two for either direction. */
const NAME_LISTS_READ = 8;
const CLIENT_LISTS: readonly number[] = [0, 2, 4, 6];
const SERVER_LISTS: readonly number[] = [0, 3, 5, 7];

/** The begin of a KEXINIT of either end waits behind a handle; that of the originator is in the lower bits of the state. */
export function readSsh(payload: ServicePayload, pending: PendingPayloads): ServiceFacts | null {
  const { buffer, start, end, fromOriginator, state } = payload;
  const shift = fromOriginator ? 0 : HANDLE_BITS;
  const handle = (state >> shift) & HANDLE_MASK;
  const others = state & ~(HANDLE_MASK << shift);
  if (handle !== 0) {
    const joined = pending.join(handle, buffer, start, end);
    if (joined !== null) {
      const facts: ServiceFacts = { service: 'ssh', state: others };
      if (readKeyExchange(joined, 0, joined.length, fromOriginator, facts) || joined.length === PENDING_LENGTH_MAX)
        return facts;
      return { service: 'ssh', state };
    }
  }
  const facts: ServiceFacts = { service: 'ssh', state: others };
  let at = start;
  if (startsWith(buffer, start, end, IDENTIFICATION)) {
    const lineEnd = endOfLine(buffer, start, Math.min(end, start + IDENTIFICATION_LENGTH_MAX));
    const line = printable(buffer, start, lineEnd, SERVICE_LINE_LENGTH_MAX);
    if (fromOriginator) facts.sshClient = line;
    else facts.sshServer = line;
    at = lineEnd;
    while (at < end && (buffer[at] === 0x0d || buffer[at] === 0x0a)) at++;
    if (at === end) return facts;
  }
  if (!isKeyExchange(buffer, at, end)) return at === start ? null : facts;
  if (readKeyExchange(buffer, at, end, fromOriginator, facts)) return facts;
  return { ...facts, state: others | (pending.keep(buffer, at, end) << shift) };
}

function isKeyExchange(buffer: Uint8Array, start: number, end: number): boolean {
  if (end - start < NAME_LISTS || buffer[start + MESSAGE] !== MESSAGE_KEXINIT) return false;
  return uint32(buffer, start) <= PENDING_LENGTH_MAX && buffer[start + PADDING_LENGTH]! >= PADDING_LENGTH_MIN;
}

/** Adds the fingerprint; false when the lists are cut off. */
function readKeyExchange(
  buffer: Uint8Array,
  start: number,
  end: number,
  fromClient: boolean,
  facts: ServiceFacts,
): boolean {
  const lists: string[] = [];
  let at = start + NAME_LISTS;
  while (lists.length < NAME_LISTS_READ) {
    if (end - at < 4) return false;
    const length = uint32(buffer, at);
    if (length > end - at - 4) return false;
    lists.push(Buffer.from(buffer.buffer, buffer.byteOffset + at + 4, length).toString('latin1'));
    at += 4 + length;
  }
  const chosen = (fromClient ? CLIENT_LISTS : SERVER_LISTS).map((list) => lists[list]);
  const fingerprint = createHash('md5').update(chosen.join(';'), 'latin1').digest('hex');
  if (fromClient) facts.hassh = fingerprint;
  else facts.hasshServer = fingerprint;
  return true;
}
