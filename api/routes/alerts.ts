/** `GET /api/alerts`, and one alert with its history. */
import { createRoute, z } from '@hono/zod-openapi';
import { readAlertSearch } from '../../schemas/tables/alert-search.js';
import { reverseDnsSchema } from '../enrichment/enricher.js';
import { searchSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import { alertConditions, alertQueryShape, rangeConditions } from '../queries/alert-filter.js';
import { COUNT_MAX, findAlert, findAlerts } from '../queries/alert-query.js';
import { alertPositionSchema, limitSchema, pageOf } from '../queries/cursor.js';
import { refineTimeRange, resolveTimeRange, timeRangeShape } from '../queries/time-range.js';
import { alertDetailSchema, alertSchema, viewAlert, viewAlertEvent } from '../views/alert-view.js';
import {
  createRouter,
  jsonContent,
  nextSchema,
  noSuch,
  notFoundError,
  pathIdOf,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
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
export type AlertPage = z.infer<typeof alertPageSchema>;

const listRoute = createRoute({
  method: 'get',
  path: '/alerts',
  operationId: 'listAlerts',
  summary: 'Alerts, those whose threshold was crossed last first',
  tags: ['alerts'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...alertQueryShape,
      q: searchSchema(readAlertSearch, 'severity >= 3 and not (rule syn-flood or src 10.0.0.0/8)'),
      reverse_dns: reverseDnsSchema,
      limit: limitSchema.openapi({ param: { description: 'Most alerts of the page, 1 to 1000.' } }),
      next: alertPositionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
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
  request: { params: pathIdOf('alert') },
  responses: { 200: jsonContent(alertDetailSchema, 'The alert.'), ...sharedErrors, ...notFoundError },
});

/** @throws ApiProblem 404 */
export async function alertDetail(
  { pool, enricher }: Pick<RouteDependencies, 'pool' | 'enricher'>,
  id: string,
): Promise<z.infer<typeof alertDetailSchema>> {
  const found = await findAlert(pool, id);
  if (!found) throw noSuch('alert', id);
  return { ...viewAlert(found.alert, enricher), history: found.history.map(viewAlertEvent) };
}

export function alertRoutes(dependencies: RouteDependencies) {
  const { pool, now, enricher } = dependencies;
  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next: after, q, reverse_dns: reverseDns, ...filter } = c.req.valid('query');
      const inRange = [
        ...rangeConditions(resolveTimeRange({ from, to, hours }, now())),
        ...(q === undefined ? [] : [q]),
      ];
      const { rows, counts } = await findAlerts(pool, {
        conditions: [...inRange, ...alertConditions(filter)],
        counted: [...inRange, ...alertConditions(filter, ['resolved'])],
        after: after ?? null,
        limit: limit + 1,
      });
      const { shown, next } = pageOf(rows, limit, ({ crossed_at: time, id }) => [time, id]);
      const addresses = () =>
        shown.flatMap(({ source_ip: source, destination_ip: destination }) => [source, destination]);
      const byDns = await enricher.namesByDns(reverseDns, addresses);
      return c.json({ alerts: shown.map((row) => viewAlert(row, enricher, byDns)), next, counts }, 200);
    })
    .openapi(detailRoute, async (c) => c.json(await alertDetail(dependencies, c.req.valid('param').id), 200));
}
