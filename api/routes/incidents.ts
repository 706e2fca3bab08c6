/** `GET /api/incidents`, and one incident with its alerts. */
import { createRoute, z } from '@hono/zod-openapi';
import { readAlertSearch } from '../../schemas/tables/alert-search.js';
import { searchSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import { alertConditions, alertQueryShape, rangeConditions } from '../queries/alert-filter.js';
import { alertPositionSchema, pageOf } from '../queries/cursor.js';
import { findAlertsOfIncidents, findIncident, findIncidents } from '../queries/incident-query.js';
import { refineTimeRange, resolveTimeRange, timeRangeShape } from '../queries/time-range.js';
import { incidentDetailSchema, incidentSchema, viewIncident, viewIncidentDetail } from '../views/incident-view.js';
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

const LIMIT_MAX = 200;
const ALERTS_LISTED = 20;
const ALERTS_SHOWN = 1000;

const limitSchema = z
  .string()
  .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${LIMIT_MAX}`)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= LIMIT_MAX, `must be a whole number from 1 to ${LIMIT_MAX}`)
  .default(50)
  .openapi({ type: 'integer', param: { description: `Most incidents of the page, 1 to ${LIMIT_MAX}.` } });

const pageSchema = z.object({ incidents: z.array(incidentSchema), next: nextSchema }).openapi('IncidentPage');
export type IncidentPage = z.infer<typeof pageSchema>;

const listRoute = createRoute({
  method: 'get',
  path: '/incidents',
  operationId: 'listIncidents',
  summary: 'Incidents of which an alert meets the filter, those that began last first',
  tags: ['incidents'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...alertQueryShape,
      q: searchSchema(readAlertSearch, 'severity >= 3 and not (rule syn-flood or src 10.0.0.0/8)'),
      limit: limitSchema,
      next: alertPositionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: {
    200: jsonContent(pageSchema, 'A page of incidents.'),
    ...sharedErrors,
  },
});

const detailRoute = createRoute({
  method: 'get',
  path: '/incidents/{id}',
  operationId: 'getIncident',
  summary: 'One incident with its alerts',
  tags: ['incidents'],
  security: readSecurity,
  request: { params: pathIdOf('incident') },
  responses: { 200: jsonContent(incidentDetailSchema, 'The incident.'), ...sharedErrors, ...notFoundError },
});

export function incidentRoutes({ pool, now, enricher }: RouteDependencies) {
  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next: after, q, ...filter } = c.req.valid('query');
      const rows = await findIncidents(pool, {
        conditions: [
          ...rangeConditions(resolveTimeRange({ from, to, hours }, now())),
          ...(q === undefined ? [] : [q]),
          ...alertConditions(filter),
        ],
        after: after ?? null,
        limit: limit + 1,
      });
      const { shown, next } = pageOf(rows, limit, ({ began_at: time, id }) => [time, id]);
      const alerts = await findAlertsOfIncidents(
        pool,
        shown.map(({ id }) => id),
        ALERTS_LISTED,
      );
      return c.json({ incidents: shown.map((row) => viewIncident(row, alerts.get(row.id)!)), next }, 200);
    })
    .openapi(detailRoute, async (c) => {
      const { id } = c.req.valid('param');
      const row = await findIncident(pool, id);
      if (row === null) throw noSuch('incident', id);
      const alerts = await findAlertsOfIncidents(pool, [id], ALERTS_SHOWN);
      return c.json(viewIncidentDetail(row, alerts.get(id)!, enricher), 200);
    });
}
