/** Whole numbers from 1 to a maximum, of a query string or a body. */
import { z } from '@hono/zod-openapi';

export function wholeNumber(maximum: number) {
  const reason = `must be a whole number from 1 to ${maximum}`;
  return z.coerce.number(reason).int(reason).min(1, reason).max(maximum, reason);
}
