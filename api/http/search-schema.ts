/** `q`: a text in the search language, refused with the place of what is wrong. */
import { z } from '@hono/zod-openapi';
import { SEARCH_LENGTH_MAX, SearchError } from '../../schemas/tables/search-language.js';

/** @param read what the text asks of a table. */
export function searchSchema<Condition>(read: (text: string) => Condition, example: string) {
  return z
    .string('is given twice')
    .max(SEARCH_LENGTH_MAX, `is too long; at most ${SEARCH_LENGTH_MAX} characters`)
    .transform((text, context): Condition => {
      try {
        return read(text);
      } catch (error) {
        if (!(error instanceof SearchError)) throw error;
        context.addIssue({
          code: 'custom',
          message: `at character ${error.at + 1}: ${error.message}`,
          params: { at: error.at, length: error.length },
        });
        return z.NEVER;
      }
    })
    .optional()
    .openapi({
      param: { description: 'A search, beside the other parameters; api/README.md has its words.' },
      type: 'string',
      description: 'A search; api/README.md has its words.',
      example,
    });
}
