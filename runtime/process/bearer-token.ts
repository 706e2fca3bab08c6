/** Bearer tokens (RFC 6750) that a client has to know. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether an Authorization header carries the token. Hashes are compared, which have one length whatever was sent, in constant time. */
export function carriesToken(authorization: string, token: string): boolean {
  const carried = bearerOf(authorization);
  return carried !== '' && timingSafeEqual(digestOf(carried), digestOf(token));
}

/** The token of an Authorization header; empty when it carries none. */
export function bearerOf(authorization: string): string {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
}

export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
