/**
 * Texts in cookies under a message authentication code (RFC 2104): whoever carries them can read but not change them, and nothing is kept
 * here, so every API with the same token takes them.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

export class SealedText {
  private readonly key: Buffer;

  /**
   * @param token the server's own; without one what is sealed ends with the process.
   * @param purpose what is sealed for one is refused for another.
   */
  constructor(token: string, purpose: string) {
    const secret = token === '' ? randomBytes(32) : Buffer.from(token);
    this.key = Buffer.from(hkdfSync('sha256', secret, '', purpose, 32));
  }

  seal(text: string): string {
    const written = Buffer.from(text).toString('base64url');
    return `${written}.${this.code(written)}`;
  }

  /** Null for one that is not ours or was changed. */
  open(value: string): string | null {
    const [written = '', code = '', ...rest] = value.split('.');
    const expected = Buffer.from(this.code(written));
    const given = Buffer.from(code);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    return Buffer.from(written, 'base64url').toString();
  }

  private code(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}
