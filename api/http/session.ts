/**
 * Sessions of browsers: a cookie that says whose token opened it, or who logged in at the provider, and until when. It never holds the
 * token, no script reads it, and no other site's page sends it. Who revokes the token ends its sessions.
 */
import type { Identity } from './identity.js';
import { SealedText } from './sealed-text.js';

export const SESSION_COOKIE = 'nta_session';
export const SESSION_SECONDS = 12 * 3_600;

export interface Session {
  /** Id of the named token; null for the server's own, and for a person. */
  readonly tokenId: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Who logged in at the provider. */
  readonly person?: Identity;
}

export class Sessions {
  private readonly sealed: SealedText;

  /** @param token the server's own; without one sessions end with the process. */
  constructor(token: string) {
    this.sealed = new SealedText(token, 'nta api session');
  }

  /** The value of the cookie. */
  open({ tokenId, expiresAt, person }: Session): string {
    return this.sealed.seal(JSON.stringify([tokenId, expiresAt, ...(person === undefined ? [] : [person])]));
  }

  /** Null for one that is not ours, was changed, or is over. */
  read(value: string, now: number): Session | null {
    const text = this.sealed.open(value);
    if (text === null) return null;
    const [tokenId, expiresAt, person] = JSON.parse(text) as [string | null, number, Identity?];
    if (expiresAt <= now) return null;
    return { tokenId, expiresAt, ...(person === undefined ? {} : { person }) };
  }
}

/** @param value empty to take the cookie away. */
export function sessionCookie(value: string, isSecure: boolean): string {
  const age = value === '' ? 0 : SESSION_SECONDS;
  return `${SESSION_COOKIE}=${value}; Path=/api; Max-Age=${age}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}
