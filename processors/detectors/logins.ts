/**
 * Whether the login of a conversation failed, by what its protocol shows in clear or else by its size: encrypted logins that
 * fail are short and much alike. Sizes are payload bytes; where they come from stands beside each.
 */

import { EVENT_ENDED, OUTCOME_ANSWERED } from '../../schemas/conversations/conversation.js';
import type { ConversationBlock } from '../../schemas/conversations/conversation-block.js';

export interface LoginResult {
  /** Guesses that failed, and logins that succeeded. */
  readonly failed: number;
  readonly succeeded: number;
}

const TCP = 6;
const SECOND = 1e6;

interface LoginShape {
  /** The client has come past the greeting: it has sent so much. */
  readonly clientMin: number;
  /** A server that let it in says more, one that was there says at least this. */
  readonly serverMax: number;
  readonly serverMin: number;
  readonly secondsMax: number;
  /** Event time that a guess takes where several are made in one connection; 0 where that is not told. */
  readonly secondsPerGuess: number;
}

/**
 * SSH: version and key exchange alone make 1,000 bytes of a client (RFC 4253 lists of algorithms), so readers of banners stay
 * below; the server's side of an exchange and some refusals stays below 5,505, by which Zeek told a login for years. RDP: the TLS or
 * NLA exchange is 1 to 5 kB each way, a desktop is hundreds. SMB: negotiation and a refused session setup are 1 to 2 kB.
 */
const SHAPES: ReadonlyMap<string, LoginShape> = new Map([
  // a refusal is delayed by two seconds (pam_unix), and MaxAuthTries of OpenSSH is 6
  ['ssh', { clientMin: 600, serverMax: 5505, serverMin: 400, secondsMax: 60, secondsPerGuess: 3 }],
  // a connection request with the user's cookie (19 bytes and more, MS-RDPBCGR 2.2.1.1) may be reset at once
  ['rdp', { clientMin: 19, serverMax: 12_000, serverMin: 0, secondsMax: 60, secondsPerGuess: 0 }],
  ['smb', { clientMin: 300, serverMax: 2500, serverMin: 200, secondsMax: 20, secondsPerGuess: 0 }],
  // USER, PASS, the refusal and nothing else: a session goes on with SYST, PWD or LIST, whose replies are longer
  ['ftp', { clientMin: 15, serverMax: 250, serverMin: 30, secondsMax: 30, secondsPerGuess: 0 }],
  ['pop3', { clientMin: 15, serverMax: 250, serverMin: 30, secondsMax: 30, secondsPerGuess: 0 }],
]);

/** Guesses in one connection, at most. */
const GUESSES_MAX = 6;

const SERVICE_OF_PORT: ReadonlyMap<number, string> = new Map([
  [22, 'ssh'],
  [2222, 'ssh'],
  [3389, 'rdp'],
  [445, 'smb'],
  [139, 'smb'],
  [21, 'ftp'],
  [110, 'pop3'],
]);

/** The service as these shapes name it; by its port where the payload did not tell. */
export function loginService(block: ConversationBlock, row: number): string {
  const service = block.service[row]!;
  if (service === '') return SERVICE_OF_PORT.get(block.responderPort[row]!) ?? '';
  if (service.includes('smb')) return 'smb';
  return service === 'ssl' && block.responderPort[row] === 3389 ? 'rdp' : service;
}

/** What a conversation that is over says of logins; null when nothing. */
export function loginResult(block: ConversationBlock, row: number): LoginResult | null {
  if (block.event[row] !== EVENT_ENDED || block.ipProtocol[row] !== TCP) return null;
  const failed = block.loginsFailed[row]!;
  const succeeded = block.loginsSucceeded[row]!;
  if (failed + succeeded > 0) return { failed, succeeded };
  const shape = SHAPES.get(loginService(block, row));
  if (shape === undefined || block.begun[row] !== 1 || block.outcome[row] !== OUTCOME_ANSWERED) return null;
  const client = block.originatorPayload[row]!;
  const server = block.responderPayload[row]!;
  if (client < shape.clientMin || server < shape.serverMin) return null;
  if (server > shape.serverMax) return { failed: 0, succeeded: 1 };
  const seconds = (block.last[row]! - block.start[row]!) / SECOND;
  if (seconds > shape.secondsMax) return null;
  const guesses = shape.secondsPerGuess === 0 ? 1 : 1 + Math.floor(seconds / shape.secondsPerGuess);
  return { failed: Math.min(guesses, GUESSES_MAX), succeeded: 0 };
}

/** Ports of RPC's endpoint mapper, and above it those that it gives away on Windows. */
const RPC_MAPPER = 135;
const SHORT_PAYLOAD = 2000;

/** A short call to the endpoint mapper: one is made for each guess at an RPC service. */
export function isShortMapperCall(block: ConversationBlock, row: number): boolean {
  return (
    block.event[row] === EVENT_ENDED &&
    block.responderPort[row] === RPC_MAPPER &&
    block.outcome[row] === OUTCOME_ANSWERED &&
    block.originatorPayload[row]! > 0 &&
    block.responderPayload[row]! < SHORT_PAYLOAD &&
    block.last[row]! - block.start[row]! < 5 * SECOND
  );
}
