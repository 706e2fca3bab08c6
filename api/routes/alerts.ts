/** `GET /api/alerts`, one alert with its history, and the decisions of people about it. */
import { createRoute, z } from '@hono/zod-openapi';
import ipaddr from 'ipaddr.js';
import { ALERT_CONDITIONS } from '../../schemas/tables/alert-conditions.js';
import type { Condition } from '../../schemas/tables/sql-values.js';
import { ApiProblem } from '../http/problem.js';
import { strictObject } from '../http/strict-object.js';
import { COUNT_MAX, decideAlert, findAlert, findAlerts } from '../queries/alert-query.js';
import { decodeCursor, encodeCursor, limitSchema } from '../queries/cursor.js';
import { refineTimeRange, resolveTimeRange, timeRangeShape } from '../queries/time-range.js';
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

const severitySchema = z.coerce
  .number('must be a severity from 1 to 5')
  .int('must be a severity from 1 to 5')
  .min(1, 'must be a severity from 1 to 5')
  .max(5, 'must be a severity from 1 to 5');

const positionSchema = z
  .string()
  .max(500)
  .transform((text, context) => {
    const [lastSeen, id] = (decodeCursor(text, ['string', 'string']) ?? []) as string[];
    if (lastSeen === undefined || id === undefined || !/^[\dT:.Z+-]{1,40}$/.test(lastSeen) || id.includes('\0')) {
      context.addIssue({ code: 'custom', message: 'is no cursor of this list; start again without it' });
      return z.NEVER;
    }
    return { lastSeen, id };
  });

/** An IP address, a network, or a MAC address. */
const sourceSchema = z
  .string('is given twice')
  .trim()
  .max(64)
  .refine(
    (text) =>
      /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ||
      ipaddr.IPv4.isValidFourPartDecimal(text) ||
      (ipaddr.IPv6.isValid(text) && !text.includes('%')) ||
      ipaddr.isValidCIDR(text),
    'must be an IP address, a network such as 10.0.0.0/8, or a MAC address',
  );

const printable = (maximum: number) =>
  z
    .string()
    .trim()
    .max(maximum, `must have at most ${maximum} characters`)
    .refine((text) => !text.includes('\0'), 'must not contain a NUL character');

const decisionSchema = strictObject({
  note: printable(4000).optional().openapi({ description: 'Why, for the history.', example: 'Our own scanner' }),
  by: printable(200).optional().openapi({ description: 'Who decides; "api" when it is left out.', example: 'ada' }),
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
      status: z
        .enum(['open', 'closed'], 'must be open or closed')
        .optional()
        .openapi({
          param: { description: 'What the detector says: open while it goes on, closed after a quiet window.' },
        }),
      resolved: z
        .enum(['true', 'false'], 'must be true or false')
        .optional()
        .openapi({
          param: { description: 'Whether a person is done with it.' },
        }),
      rule: z
        .string('is given twice; separate values by commas')
        .max(1000)
        .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
        .optional()
        .openapi({
          param: { description: 'Detector: port-scan, syn-flood, … Several are separated by commas.' },
          example: 'port-scan',
        }),
      severity: severitySchema.optional().openapi({ param: { description: 'Exactly this severity, 1 to 5.' } }),
      min_severity: severitySchema.optional().openapi({ param: { description: 'This severity or a higher one.' } }),
      source: sourceSchema.optional().openapi({ param: { description: 'Source: address, CIDR or MAC.' } }),
      capture_node: printable(255)
        .optional()
        .openapi({ param: { description: 'Capture node that saw it.' } }),
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

type AlertFilter = z.output<typeof listRoute.request.query>;

function alertConditions(filter: AlertFilter, now: number): Condition[] {
  const { from, to } = resolveTimeRange(filter, now);
  const conditions: Condition[] = [];
  // Episodes that touch the range.
  if (from !== null) conditions.push((p) => `last_seen >= ${p.add(from, 'timestamptz')}`);
  if (to !== null) conditions.push((p) => `first_seen < ${p.add(to, 'timestamptz')}`);
  const { status, rule, severity, min_severity: minSeverity, source, capture_node: captureNode } = filter;
  if (status !== undefined) conditions.push(ALERT_CONDITIONS.status([status]));
  if (rule !== undefined) conditions.push(ALERT_CONDITIONS.rule(rule.split(',').map((name) => name.trim())));
  if (severity !== undefined) conditions.push(ALERT_CONDITIONS.severity([String(severity)]));
  if (minSeverity !== undefined) conditions.push(ALERT_CONDITIONS.min_severity([String(minSeverity)]));
  if (source !== undefined) conditions.push(ALERT_CONDITIONS.source([source]));
  if (captureNode !== undefined) conditions.push(ALERT_CONDITIONS.capture_node([captureNode]));
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
      const filter = c.req.valid('query');
      const resolved = filter.resolved === undefined ? null : filter.resolved === 'true';
      const conditions = alertConditions(filter, now());
      const { rows, counts } = await findAlerts(pool, conditions, resolved, filter.next ?? null, filter.limit + 1);
      const shown = rows.slice(0, filter.limit);
      const last = shown.at(-1);
      const next = rows.length > filter.limit && last ? encodeCursor([last.last_seen, last.id]) : null;
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
