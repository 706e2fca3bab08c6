/**
 * Sessions of browsers: a cookie that says whose token opened it and until when, under a message authentication code (RFC 2104), so
 * that nothing is kept here and every API with the same token takes it. It never holds the token, no script reads it, and no other
 * site's page sends it. Who revokes the token ends its sessions.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

export const SESSION_COOKIE = 'nta_session';
export const SESSION_SECONDS = 12 * 3_600;

export interface Session {
  /** Id of the named token; null for the server's own. */
  readonly tokenId: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export class Sessions {
  private readonly key: Buffer;

  /** @param token the server's own; without one sessions end with the process. */
  constructor(token: string) {
    const secret = token === '' ? randomBytes(32) : Buffer.from(token);
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'nta api session', 32));
  }

  /** The value of the cookie. */
  open(session: Session): string {
    const text = Buffer.from(JSON.stringify([session.tokenId, session.expiresAt])).toString('base64url');
    return `${text}.${this.code(text)}`;
  }

  /** Null for one that is not ours, was changed, or is over. */
  read(value: string, now: number): Session | null {
    const [text = '', code = '', ...rest] = value.split('.');
    const expected = Buffer.from(this.code(text));
    const given = Buffer.from(code);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const [tokenId, expiresAt] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [string | null, number];
    return expiresAt > now ? { tokenId, expiresAt } : null;
  }

  private code(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}

/** @param value empty to take the cookie away. */
export function sessionCookie(value: string, isSecure: boolean): string {
  const age = value === '' ? 0 : SESSION_SECONDS;
  return `${SESSION_COOKIE}=${value}; Path=/api; Max-Age=${age}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}
