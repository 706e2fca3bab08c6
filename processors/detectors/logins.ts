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
  /** A server that let it in says more. */
  readonly serverMax: number;
  readonly secondsMax: number;
}

/**
 * SSH: version and key exchange alone make 1,000 bytes of a client (RFC 4253 lists of algorithms), so readers of banners stay
 * below; the server's side of an exchange and some refusals stays below 5,505, by which Zeek told a login for years. RDP: the TLS or
 * NLA exchange is 1 to 5 kB each way, a desktop is hundreds. SMB: negotiation and a refused session setup are 1 to 2 kB.
 */
const SHAPES: ReadonlyMap<string, LoginShape> = new Map([
  ['ssh', { clientMin: 600, serverMax: 5505, secondsMax: 60 }],
  ['rdp', { clientMin: 150, serverMax: 12_000, secondsMax: 60 }],
  ['smb', { clientMin: 300, serverMax: 2500, secondsMax: 20 }],
]);

const SERVICE_OF_PORT: ReadonlyMap<number, string> = new Map([
  [22, 'ssh'],
  [2222, 'ssh'],
  [3389, 'rdp'],
  [445, 'smb'],
  [139, 'smb'],
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
  if (client < shape.clientMin || server === 0) return null;
  if (server > shape.serverMax) return { failed: 0, succeeded: 1 };
  return block.last[row]! - block.start[row]! > shape.secondsMax * SECOND ? null : { failed: 1, succeeded: 0 };
}
