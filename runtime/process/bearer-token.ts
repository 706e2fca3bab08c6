/** Bearer tokens (RFC 6750) that a client has to know. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an Authorization header carries the token. Hashes are compared, which have one length whatever was sent, in constant time. */
export function carriesToken(authorization: string, token: string): boolean {
  const match = /^Bearer +(\S+)$/i.exec(authorization);
  return match !== null && timingSafeEqual(digestOf(match[1]!), digestOf(token));
}

export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
