/**
 * Signatures of webhook deliveries: Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), the symmetric scheme `v1`.
 * Signed is `<webhook-id>.<webhook-timestamp>.<body>`, with HMAC-SHA256.
 */
import { createHmac } from 'node:crypto';

export type SigningKey = Buffer;

/** Bytes of a key, by the standard: 192 to 512 bits. */
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

/** The key of "whsec_" and base64; the prefix may be missing, as the standard's own libraries allow. Null when it is none. */
export function signingKey(secret: string): SigningKey | null {
  const text = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length >= KEY_BYTES_MIN && key.length <= KEY_BYTES_MAX ? key : null;
}

/**
 * The value of `webhook-signature`: a signature for each key, so that a receiver may know either of two.
 *
 * @param seconds of the attempt, since the epoch.
 */
export function signatures(keys: readonly SigningKey[], id: string, seconds: number, body: Buffer): string {
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64')}`)
    .join(' ');
}
