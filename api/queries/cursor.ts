/**
 * Keyset pagination: `next` names the last row given, and the page after it starts there, however many rows arrived at
 * the top meanwhile. The text is opaque to clients; it carries nothing that they could not have asked for.
 */
import { z } from '@hono/zod-openapi';

export const LIMIT_MAX = 1000;
export const LIMIT_DEFAULT = 100;

export const limitSchema = z.coerce
  .number(`must be a whole number from 1 to ${LIMIT_MAX}`)
  .int(`must be a whole number from 1 to ${LIMIT_MAX}`)
  .min(1, `must be a whole number from 1 to ${LIMIT_MAX}`)
  .max(LIMIT_MAX, `must be a whole number from 1 to ${LIMIT_MAX}`)
  .default(LIMIT_DEFAULT);

export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Null unless the text is a cursor of exactly these kinds of values. */
export function decodeCursor(text: string, kinds: readonly ('string' | 'number')[]): (string | number)[] | null {
  try {
    const position: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(position) || position.length !== kinds.length) return null;
    return position.every((value, index) => typeof value === kinds[index]) ? (position as (string | number)[]) : null;
  } catch {
    return null;
  }
}
