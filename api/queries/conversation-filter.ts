/**
 * The filter of conversations: the table of fields gives the parameters of `GET /api/conversations` and the body of
 * `POST /api/conversations/search`, where it can also be combined with and, or and not.
 */
import { z } from '@hono/zod-openapi';
import {
  CONVERSATION_FIELDS,
  CONVERSATION_FILTER_NAMES,
  type ConversationFieldName,
  type ConversationFilterName,
  parseConversationField,
} from '../../schemas/tables/conversation-fields.js';
import { allOf, anyOf, type Condition, not } from '../../schemas/tables/sql-values.js';
import { strictObject } from '../http/strict-object.js';
import { bodyShapeOf, conditionsOf, type Expression, type FilterTable, queryShapeOf } from './filter-shapes.js';

const TABLE: FilterTable<ConversationFilterName, ConversationFieldName, Condition> = {
  names: CONVERSATION_FILTER_NAMES,
  fields: CONVERSATION_FIELDS,
  parse: parseConversationField,
};

export const conversationQueryShape = queryShapeOf(TABLE);

export type ConversationExpression = Expression<ConversationFilterName, Condition>;

const nested = z.lazy(() => conversationExpressionSchema);

export const conversationExpressionSchema: z.ZodType<ConversationExpression> = strictObject({
  ...bodyShapeOf(TABLE),
  and: z.array(nested).min(1, 'must not be empty').optional(),
  or: z.array(nested).min(1, 'must not be empty').optional(),
  not: nested.optional(),
}).openapi('ConversationExpression', {
  description:
    'A filter of conversations. Fields beside each other must all match; and, or and not combine further expressions.',
});

/** What conversations of an expression must meet. */
export const conversationCondition = conditionsOf(Object.keys(CONVERSATION_FILTER_NAMES) as ConversationFilterName[], {
  allOf,
  anyOf,
  not,
});
