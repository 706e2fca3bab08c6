/** Texts that people write and others are shown. */
import { z } from '@hono/zod-openapi';

/**
 * What a terminal or a spreadsheet would act on instead of showing it (Unicode: control characters, line and paragraph
 * separators), what shows text in another order than it has, and half surrogate pairs, which are no text and no JSON of Postgres.
 */
const FORBIDDEN = '\\p{Cc}\\p{Cs}\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069';
/** As patterns, which the description of the API carries. */
const ONE_LINE = new RegExp(`^[^${FORBIDDEN}]*$`, 'u');
const LINES = new RegExp(`^(?:[^${FORBIDDEN}]|\\r?\\n|\\t)*$`, 'u');

/** Of one line: what has line ends in it forges lines of logs and tables. */
export const oneLine = (maximum: number) =>
  z
    .string()
    .trim()
    .max(maximum, `must have at most ${maximum} characters`)
    .regex(ONE_LINE, 'must not contain control characters')
    // Without it the description has the flags as part of the pattern, which then no text meets.
    .openapi({ pattern: ONE_LINE.source });

/** An id that is a text. */
export const idSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\0]*$/, 'must not contain a NUL character');

/** Who decides something. */
export const bySchema = oneLine(200).optional().openapi({
  description: 'Who decides, with the server’s own token; a token of a name is whose it is.',
  example: 'ada',
});

export const lines = (maximum: number) =>
  z
    .string()
    .trim()
    .max(maximum, `must have at most ${maximum} characters`)
    .regex(LINES, 'must not contain control characters')
    .openapi({ pattern: LINES.source });
