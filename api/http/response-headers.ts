/** Headers of every answer: what a browser may do with it (OWASP Secure Headers Project). */
import type { MiddlewareHandler } from 'hono';

/**
 * Scripts and styles from this server only, none inline, no markup from strings (trusted types), no frames, no forms
 * sent anywhere.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/**
 * Of the API's reference: Swagger UI sets styles on elements and makes markup of the descriptions, which are ours. Scripts
 * are from this server all the same, and nothing is asked of others.
 */
export const REFERENCE_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export const responseHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  // Not by c.header, which rebuilds a finished response each time, and a stream of its text.
  const { headers } = c.res;
  for (const [name, value] of Object.entries(HEADERS)) {
    if (name !== 'content-security-policy' || !headers.has(name)) headers.set(name, value);
  }
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
};
