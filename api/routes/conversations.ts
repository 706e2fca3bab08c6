/** `GET /api/conversations` and `POST /api/conversations/search`. */
import { createRoute, z } from '@hono/zod-openapi';
import { readConversationSearch } from '../../schemas/tables/conversation-search.js';
import { allOf, type Condition } from '../../schemas/tables/sql-values.js';
import { reverseDnsSchema } from '../enrichment/enricher.js';
import { ApiProblem } from '../http/problem.js';
import { searchSchema as searchTextSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import {
  conversationCondition,
  conversationExpressionSchema,
  conversationQueryShape,
} from '../queries/conversation-filter.js';
import { GROUP_ORDERS, GROUPED_MAX, GROUPING_NAMES, groupConversations } from '../queries/conversation-groups.js';
import {
  isBigint,
  LIMIT_DEFAULT,
  limitSchema,
  pageOf,
  type TimePosition,
  timePositionSchema,
} from '../queries/cursor.js';
import { searchBody } from '../queries/filter-shapes.js';
import { findConversation, findConversations } from '../queries/newest-conversations.js';
import {
  hoursSchema,
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
  notFoundError,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
} from './route.js';

const pageSchema = z
  .object({ conversations: z.array(conversationSchema), next: nextSchema })
  .openapi('ConversationPage');
export type ConversationPage = z.infer<typeof pageSchema>;

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
export type ConversationGroups = z.infer<typeof groupsSchema>;

const GROUPINGS_MAX = 4;
const EXAMPLE = 'src 10.0.0.0/8 and service ssl and not outcome answered';

const searchSchema = searchBody(
  strictObject({
    filter: conversationExpressionSchema.optional(),
    q: searchTextSchema(readConversationSearch, EXAMPLE),
    from: timeSchema.optional().openapi({
      format: 'date-time',
      example: '2026-01-02T03:04:05Z',
      description: 'Last heard of at this time or later; ISO 8601.',
    }),
    to: timeSchema.optional().openapi({
      format: 'date-time',
      example: '2026-01-02T03:04:05Z',
      description: 'Last heard of before this time; ISO 8601.',
    }),
    hours: hoursSchema
      .optional()
      .openapi({ description: 'Instead of from and to: hours back from now.', type: 'number' }),
    limit: limitSchema,
    next: timePositionSchema.optional().openapi({ description: '`next` of the page before; not with group_by.' }),
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
).openapi('ConversationSearch');

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
      q: searchTextSchema(readConversationSearch, EXAMPLE),
      reverse_dns: reverseDnsSchema,
      limit: limitSchema.openapi({ param: { description: 'Most conversations of the page, 1 to 1000.' } }),
      next: timePositionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
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
  request: { body: { required: false, content: { 'application/json': { schema: searchSchema } } } },
  responses: {
    200: jsonContent(z.union([pageSchema, groupsSchema]), 'A page of conversations, or with group_by the groups.'),
    ...sharedErrors,
    ...bodyErrors,
  },
});

const oneRoute = createRoute({
  method: 'get',
  path: '/conversations/{id}',
  operationId: 'getConversation',
  summary: 'One conversation',
  tags: ['conversations'],
  security: readSecurity,
  request: {
    params: z.object({
      id: z
        .string()
        .regex(/^-?\d{1,19}$/, 'is no id of a conversation')
        .refine(isBigint, 'is no id of a conversation')
        .openapi({ param: { name: 'id', in: 'path', description: 'Id of the conversation.' } }),
    }),
  },
  responses: { 200: jsonContent(conversationSchema, 'The conversation.'), ...sharedErrors, ...notFoundError },
});

const withSearch = (condition: Condition, search: Condition | undefined): Condition =>
  search === undefined ? condition : allOf([condition, search]);

export function conversationRoutes({ pool, now, enricher }: RouteDependencies) {
  const page = async (
    condition: Condition,
    range: TimeRangeInput,
    limit: number,
    after: TimePosition | undefined,
    reverseDns?: boolean,
  ): Promise<ConversationPage> => {
    // One more than asked for tells whether there is a next page.
    const rows = await findConversations(pool, condition, resolveTimeRange(range, now()), after ?? null, limit + 1);
    const { shown, next } = pageOf(rows, limit, ({ last_at: time, id }) => [time, id]);
    const addresses = () => shown.flatMap(({ originator, responder }) => [originator, responder]);
    const byDns = await enricher.namesByDns(reverseDns, addresses);
    return { conversations: shown.map((row) => viewConversation(row, enricher, byDns)), next };
  };

  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next, q, reverse_dns: reverseDns, ...expression } = c.req.valid('query');
      const condition = withSearch(conversationCondition(expression), q);
      return c.json(await page(condition, { from, to, hours }, limit, next, reverseDns), 200);
    })
    .openapi(searchRoute, async (c) => {
      const body = c.req.valid('json');
      // A request without a body is taken as it is, without the defaults of the schema.
      const { filter = {}, q, from, to, hours, limit = LIMIT_DEFAULT, next, group_by, order_by } = body;
      const condition = withSearch(conversationCondition(filter), q);
      if (group_by === undefined) return c.json(await page(condition, { from, to, hours }, limit, next), 200);
      const range = resolveTimeRange({ from, to, hours }, now());
      return c.json(await groupConversations(pool, condition, range, group_by, order_by, limit), 200);
    })
    .openapi(oneRoute, async (c) => {
      const { id } = c.req.valid('param');
      const row = await findConversation(pool, id);
      if (row === null) {
        throw new ApiProblem(404, 'NO_SUCH_CONVERSATION', `id: there is no conversation ${id}; its time may be over`, {
          errors: [{ input: 'id', reason: 'there is no such conversation' }],
        });
      }
      return c.json(viewConversation(row, enricher), 200);
    });
}
