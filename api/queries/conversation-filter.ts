/**
 * The filter of conversations: the table of fields gives the parameters of `GET /api/conversations` and the body of
 * `POST /api/conversations/search`, where it can also be combined with and, or and not.
 */
import { z } from '@hono/zod-openapi';
import {
  CONVERSATION_FIELD_NAMES,
  CONVERSATION_FIELDS,
  type ConversationFieldName,
  parseConversationField,
} from '../../schemas/tables/conversation-fields.js';
import { fieldValues, Refusal } from '../../schemas/tables/field-values.js';
import { allOf, type Condition } from '../../schemas/tables/sql-values.js';
import { strictObject } from '../http/strict-object.js';

type Fields = { readonly [Name in ConversationFieldName]?: Condition | undefined };

export interface ConversationExpression extends Fields {
  readonly and?: readonly ConversationExpression[] | undefined;
  readonly or?: readonly ConversationExpression[] | undefined;
  readonly not?: ConversationExpression | undefined;
}

function parseField(name: ConversationFieldName, values: readonly string[], context: z.RefinementCtx): Condition {
  try {
    return parseConversationField(name, values);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

type QueryShape = Record<ConversationFieldName, z.ZodType<Condition | undefined, string | undefined>>;
type BodyValue = string | number | boolean | (string | number)[];
type BodyShape = Record<ConversationFieldName, z.ZodType<Condition | undefined, BodyValue | undefined>>;

/** The fields as parameters of a query string. */
export const conversationQueryShape = Object.fromEntries(
  CONVERSATION_FIELD_NAMES.map((name) => [
    name,
    z
      .string('is given twice; separate values by commas')
      .transform((text, context) => parseField(name, fieldValues(text), context))
      .optional()
      .openapi({
        param: { description: CONVERSATION_FIELDS[name].description },
        type: 'string',
        example: CONVERSATION_FIELDS[name].example,
      }),
  ]),
) as unknown as QueryShape;

/** The fields of a JSON body: a value or a list of values, of which any matches. */
const bodyShape = Object.fromEntries(
  CONVERSATION_FIELD_NAMES.map((name) => [
    name,
    z
      .union(
        [z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))],
        'must be a text, a number or a list of these',
      )
      .transform((value, context) =>
        parseField(name, Array.isArray(value) ? value.map(String) : fieldValues(String(value)), context),
      )
      .optional()
      .openapi({ description: CONVERSATION_FIELDS[name].description, example: CONVERSATION_FIELDS[name].example }),
  ]),
) as unknown as BodyShape;

const nested = z.lazy(() => conversationExpressionSchema);

/** Fields beside each other must all match; `and`, `or` and `not` combine further expressions. */
export const conversationExpressionSchema: z.ZodType<ConversationExpression> = strictObject({
  ...bodyShape,
  and: z.array(nested).min(1, 'must not be empty').optional(),
  or: z.array(nested).min(1, 'must not be empty').optional(),
  not: nested.optional(),
}).openapi('ConversationExpression', {
  description:
    'A filter of conversations. Fields beside each other must all match; and, or and not combine further expressions.',
});

/** A null column makes a comparison neither true nor false; what has no name is "not www.example" all the same. */
const not =
  (condition: Condition): Condition =>
  (sql) =>
    `(${condition(sql)}) IS NOT TRUE`;

const anyOf =
  (conditions: readonly Condition[]): Condition =>
  (sql) =>
    conditions.map((condition) => `(${condition(sql)})`).join(' OR ');

/** What conversations of an expression must meet. */
export function conversationCondition(expression: ConversationExpression): Condition {
  const conditions = CONVERSATION_FIELD_NAMES.flatMap((name) => expression[name] ?? []);
  if (expression.and) conditions.push(allOf(expression.and.map(conversationCondition)));
  if (expression.or) conditions.push(anyOf(expression.or.map(conversationCondition)));
  if (expression.not) conditions.push(not(conversationCondition(expression.not)));
  return allOf(conditions);
}
