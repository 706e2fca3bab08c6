/** `GET /api/conversations` and `POST /api/conversations/search`. */
import { createRoute, z } from '@hono/zod-openapi';
import { strictObject } from '../http/strict-object.js';
import {
  type ConversationExpression,
  conversationCondition,
  conversationExpressionSchema,
  conversationQueryShape,
} from '../queries/conversation-filter.js';
import {
  type ConversationPosition,
  findConversations,
  GROUP_ORDERS,
  GROUPED_MAX,
  GROUPING_NAMES,
  groupConversations,
} from '../queries/conversation-query.js';
import { decodeCursor, encodeCursor, limitSchema } from '../queries/cursor.js';
import { expressionExcess } from '../queries/packet-filter.js';
import {
  hoursSchema,
  normaliseTime,
  refineTimeRange,
  resolveTimeRange,
  type TimeRangeInput,
  timeRangeShape,
  timeSchema,
  timestampSchema,
} from '../queries/time-range.js';
import { conversationSchema, viewConversation } from '../views/conversation-view.js';
import {
  bodyErrors,
  createRouter,
  jsonContent,
  nextSchema,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
} from './route.js';

const pageSchema = z
  .object({ conversations: z.array(conversationSchema), next: nextSchema })
  .openapi('ConversationPage');

const groupSchema = z
  .object({
    conversations: z.int(),
    packets: z.int().openapi({ description: 'Both ways.' }),
    bytes: z.int().openapi({ description: 'On the wire, both ways.' }),
    first_seen: timestampSchema,
    last_seen: timestampSchema,
  })
  .catchall(z.union([z.string(), z.number(), z.null()]))
  .openapi('ConversationGroup', { description: 'Beside these the fields of `group_by`.' });

const groupsSchema = z
  .object({
    groups: z.array(groupSchema),
    complete: z.boolean().openapi({
      description: `false where more than ${GROUPED_MAX} conversations match: the last of them are summed.`,
    }),
  })
  .openapi('ConversationGroups');

/** A bigint of Postgres. */
const isId = (text: string): boolean => /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

const positionSchema = z
  .string()
  .max(200)
  .transform((text, context): ConversationPosition => {
    const position = decodeCursor(text, ['string', 'string']);
    const [time, id] = (position ?? []) as string[];
    if (time === undefined || id === undefined || normaliseTime(time) !== time || !isId(id)) {
      context.addIssue({ code: 'custom', message: 'is no cursor of this list; start again without it' });
      return z.NEVER;
    }
    return { time, id };
  });

const GROUPINGS_MAX = 4;

const searchSchema = z
  .preprocess(
    (body, context) => {
      const filter = typeof body === 'object' && body !== null && 'filter' in body ? body.filter : undefined;
      const excess = expressionExcess(filter);
      if (excess === null) return body;
      context.addIssue({ code: 'custom', path: ['filter'], message: excess });
      return z.NEVER;
    },
    strictObject({
      filter: conversationExpressionSchema.optional(),
      from: timeSchema.optional().openapi({ description: 'Last heard of at this time or later; ISO 8601.' }),
      to: timeSchema.optional().openapi({ description: 'Last heard of before this time; ISO 8601.' }),
      hours: hoursSchema
        .optional()
        .openapi({ description: 'Instead of from and to: hours back from now.', type: 'number' }),
      limit: limitSchema,
      next: positionSchema.optional().openapi({ description: '`next` of the page before; not with group_by.' }),
      group_by: z
        .array(z.enum(GROUPING_NAMES))
        .min(1, 'must not be empty')
        .max(GROUPINGS_MAX, `must be at most ${GROUPINGS_MAX} fields`)
        .refine((names) => new Set(names).size === names.length, 'names a field twice')
        .optional()
        .openapi({ description: 'Sums by these fields instead of a list.' }),
      order_by: z
        .enum(GROUP_ORDERS)
        .default('bytes')
        .openapi({ description: 'Which groups come first: those with the most of this.' }),
    })
      .superRefine(refineTimeRange)
      .superRefine(({ next, group_by }, context) => {
        if (next !== undefined && group_by !== undefined) {
          context.addIssue({ code: 'custom', path: ['next'], message: 'cannot stand beside group_by' });
        }
      }),
  )
  .openapi('ConversationSearch');

const listRoute = createRoute({
  method: 'get',
  path: '/conversations',
  operationId: 'listConversations',
  summary: 'Conversations, last heard of first',
  tags: ['conversations'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...conversationQueryShape,
      limit: limitSchema.openapi({ param: { description: 'Most conversations of the page, 1 to 1000.' } }),
      next: positionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(pageSchema, 'A page of conversations.'), ...sharedErrors },
});

const searchRoute = createRoute({
  method: 'post',
  path: '/conversations/search',
  operationId: 'searchConversations',
  summary: 'Conversations of a filter, or sums of them by fields',
  tags: ['conversations'],
  security: readSecurity,
  request: { body: { required: true, content: { 'application/json': { schema: searchSchema } } } },
  responses: {
    200: jsonContent(z.union([pageSchema, groupsSchema]), 'A page of conversations, or with group_by the groups.'),
    ...sharedErrors,
    ...bodyErrors,
  },
});

export function conversationRoutes({ pool, now }: RouteDependencies) {
  const page = async (
    expression: ConversationExpression,
    range: TimeRangeInput,
    limit: number,
    after: ConversationPosition | undefined,
  ): Promise<z.infer<typeof pageSchema>> => {
    const condition = conversationCondition(expression);
    // One more than asked for tells whether there is a next page.
    const rows = await findConversations(pool, condition, resolveTimeRange(range, now()), after ?? null, limit + 1);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      conversations: shown.map(viewConversation),
      next: rows.length > limit && last ? encodeCursor([last.last_at, last.id]) : null,
    };
  };

  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next, ...expression } = c.req.valid('query');
      return c.json(await page(expression, { from, to, hours }, limit, next), 200);
    })
    .openapi(searchRoute, async (c) => {
      const { filter = {}, from, to, hours, limit, next, group_by, order_by } = c.req.valid('json');
      if (group_by === undefined) return c.json(await page(filter, { from, to, hours }, limit, next), 200);
      const range = resolveTimeRange({ from, to, hours }, now());
      return c.json(
        await groupConversations(pool, conversationCondition(filter), range, group_by, order_by, limit),
        200,
      );
    });
}
