/** `GET /api/alerts`, one alert with its history, and the decisions of people about it. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Condition } from '../../schemas/tables/sql-values.js';
import { ApiProblem } from '../http/problem.js';
import { strictObject } from '../http/strict-object.js';
import { alertConditions, alertQueryShape } from '../queries/alert-filter.js';
import { COUNT_MAX, decideAlert, findAlert, findAlerts } from '../queries/alert-query.js';
import { decodeCursor, encodeCursor, limitSchema } from '../queries/cursor.js';
import {
  normaliseTime,
  refineTimeRange,
  resolveTimeRange,
  type TimeRangeInput,
  timeRangeShape,
} from '../queries/time-range.js';
import { alertDetailSchema, alertSchema, viewAlert, viewAlertEvent } from '../views/alert-view.js';
import {
  bodyErrors,
  createRouter,
  jsonContent,
  nextSchema,
  notFoundError,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
  writeSecurity,
} from './route.js';

/**
 * What a terminal or a spreadsheet would act on instead of showing it (Unicode: control characters, line and paragraph
 * separators), and what shows text in another order than it has.
 */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const count = z.int().max(COUNT_MAX);
const alertPageSchema = z
  .object({
    alerts: z.array(alertSchema),
    next: nextSchema,
    counts: z
      .object({
        unresolved: count,
        resolved: count,
        open: count.openapi({ description: 'Still going on and not resolved.' }),
        highest_severity: z.int().min(0).max(5).openapi({ description: 'Of the unresolved; 0 when there is none.' }),
      })
      .openapi({
        description: `Alerts of the same filter without \`resolved\`; counting ends at ${COUNT_MAX} alerts.`,
      }),
  })
  .openapi('AlertPage');

const positionSchema = z
  .string()
  .max(500)
  .transform((text, context) => {
    const [lastSeen, id] = (decodeCursor(text, ['string', 'string']) ?? []) as string[];
    if (lastSeen === undefined || id === undefined || normaliseTime(lastSeen) !== lastSeen || id.includes('\0')) {
      context.addIssue({ code: 'custom', message: 'is no cursor of this list; start again without it' });
      return z.NEVER;
    }
    return { lastSeen, id };
  });

/** Of one line: what has line ends in it forges lines of logs and tables. */
const oneLine = (maximum: number) =>
  z
    .string()
    .trim()
    .max(maximum, `must have at most ${maximum} characters`)
    .refine((text) => !CONTROL.test(text), 'must not contain control characters');

const lines = (maximum: number) =>
  z
    .string()
    .trim()
    .max(maximum, `must have at most ${maximum} characters`)
    .refine((text) => !CONTROL.test(text.replace(/\r?\n|\t/g, ' ')), 'must not contain control characters');

const decisionSchema = strictObject({
  note: lines(4000).optional().openapi({ description: 'Why, for the history.', example: 'Our own scanner' }),
  by: oneLine(200).optional().openapi({ description: 'Who decides; "api" when it is left out.', example: 'ada' }),
}).openapi('AlertDecision');

const pathId = z.object({
  id: z
    .string()
    .min(1)
    .max(200)
    .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
    .openapi({ param: { name: 'id', in: 'path', description: 'Id of the alert.' } }),
});

const listRoute = createRoute({
  method: 'get',
  path: '/alerts',
  operationId: 'listAlerts',
  summary: 'Alerts, last seen first',
  tags: ['alerts'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...alertQueryShape,
      limit: limitSchema.openapi({ param: { description: 'Most alerts of the page, 1 to 1000.' } }),
      next: positionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(alertPageSchema, 'A page of alerts.'), ...sharedErrors },
});

const detailRoute = createRoute({
  method: 'get',
  path: '/alerts/{id}',
  operationId: 'getAlert',
  summary: 'One alert with its history',
  tags: ['alerts'],
  security: readSecurity,
  request: { params: pathId },
  responses: { 200: jsonContent(alertDetailSchema, 'The alert.'), ...sharedErrors, ...notFoundError },
});

const decisionRoute = (action: 'resolve' | 'reopen', summary: string) =>
  createRoute({
    method: 'post',
    path: `/alerts/{id}/${action}` as const,
    operationId: `${action}Alert`,
    summary,
    tags: ['alerts'],
    security: writeSecurity,
    request: { params: pathId, body: { content: { 'application/json': { schema: decisionSchema } } } },
    responses: {
      200: jsonContent(alertDetailSchema, 'The alert as it is now.'),
      ...sharedErrors,
      ...notFoundError,
      ...bodyErrors,
    },
  });

const resolveRoute = decisionRoute('resolve', 'Mark an alert as dealt with; one that is already stays as it is');
const reopenRoute = decisionRoute('reopen', 'Take a resolution back; an unresolved alert stays as it is');

/** Episodes that touch the range. */
function rangeConditions(range: TimeRangeInput, now: number): Condition[] {
  const { from, to } = resolveTimeRange(range, now);
  const conditions: Condition[] = [];
  if (from !== null) conditions.push((p) => `last_seen >= ${p.add(from, 'timestamptz')}`);
  if (to !== null) conditions.push((p) => `first_seen < ${p.add(to, 'timestamptz')}`);
  return conditions;
}

export function alertRoutes({ pool, now }: RouteDependencies) {
  const detail = async (id: string): Promise<z.infer<typeof alertDetailSchema>> => {
    const found = await findAlert(pool, id);
    if (!found) {
      throw new ApiProblem(404, 'NO_SUCH_ALERT', `id: there is no alert "${id}"; GET /api/alerts lists them`, {
        errors: [{ input: 'id', reason: 'there is no such alert' }],
      });
    }
    return { ...viewAlert(found.alert), history: found.history.map(viewAlertEvent) };
  };
  const decide = async (
    action: 'resolve' | 'reopen',
    id: string,
    decision: z.output<typeof decisionSchema> | undefined,
  ): Promise<z.infer<typeof alertDetailSchema>> => {
    await decideAlert(pool, id, { action, actor: decision?.by || 'api', note: decision?.note || null });
    return detail(id);
  };

  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next: after, ...filter } = c.req.valid('query');
      const inRange = rangeConditions({ from, to, hours }, now());
      const { rows, counts } = await findAlerts(pool, {
        conditions: [...inRange, ...alertConditions(filter)],
        counted: [...inRange, ...alertConditions(filter, ['resolved'])],
        after: after ?? null,
        limit: limit + 1,
      });
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const next = rows.length > limit && last ? encodeCursor([last.last_seen, last.id]) : null;
      return c.json({ alerts: shown.map(viewAlert), next, counts }, 200);
    })
    .openapi(detailRoute, async (c) => c.json(await detail(c.req.valid('param').id), 200))
    .openapi(resolveRoute, async (c) =>
      c.json(await decide('resolve', c.req.valid('param').id, c.req.valid('json')), 200),
    )
    .openapi(reopenRoute, async (c) =>
      c.json(await decide('reopen', c.req.valid('param').id, c.req.valid('json')), 200),
    );
}
