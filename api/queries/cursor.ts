/**
 * Keyset pagination: `next` names the last row given, and the page after it starts there, however many rows arrived at
 * the top meanwhile. The text is opaque to clients; it carries nothing that they could not have asked for.
 */
import { z } from '@hono/zod-openapi';
import { wholeNumber } from '../http/whole-number.js';
import { normaliseTime } from './time-range.js';

export const LIMIT_MAX = 1000;
export const LIMIT_DEFAULT = 100;

export const limitSchema = wholeNumber(LIMIT_MAX).default(LIMIT_DEFAULT);

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

/** Where a list by time and id goes on. */
export interface TimePosition {
  /** Normalised. */
  readonly time: string;
  /** A bigint of Postgres, or a text. */
  readonly id: string;
}

export const isBigint = (text: string): boolean =>
  /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

const positionSchema = (lengthMax: number, isId: (text: string) => boolean) =>
  z
    .string()
    .max(lengthMax)
    .transform((text, context): TimePosition => {
      const position = decodeCursor(text, ['string', 'string']);
      const [time, id] = (position ?? []) as string[];
      if (time === undefined || id === undefined || normaliseTime(time) !== time || !isId(id)) {
        context.addIssue({ code: 'custom', message: 'is no cursor of this list; start again without it' });
        return z.NEVER;
      }
      return { time, id };
    });

/** Of rows whose id is a bigint. */
export const timePositionSchema = positionSchema(200, isBigint);

/** Of alerts and incidents, whose ids are texts. */
export const alertPositionSchema = positionSchema(500, (id) => !id.includes('\0'));

/**
 * A page of rows, of which one more than the limit was read: that tells whether there is a next page.
 *
 * @param positionOf where the page after a row starts.
 */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => readonly (string | number)[],
): { readonly shown: readonly Row[]; readonly next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { shown, next: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null };
}
