/** `GET /api/alerts/histogram`: alerts of a filter over time by severity, by rule and by technique. */
import { createRoute, z } from '@hono/zod-openapi';
import { readAlertSearch } from '../../schemas/tables/alert-search.js';
import { searchSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import { wholeNumber } from '../http/whole-number.js';
import { alertConditions, alertQueryShape, rangeConditions } from '../queries/alert-filter.js';
import { findAlertHistogram, HISTOGRAM_MAX } from '../queries/alert-histogram-query.js';
import {
  isoMicros,
  refineTimeRange,
  resolveTimeRange,
  timeRangeShape,
  timestampSchema,
} from '../queries/time-range.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const histogramSchema = z
  .object({
    bucket_seconds: z.int(),
    series: z
      .array(
        z.object({
          time: timestampSchema.openapi({ description: 'Start of the bucket.' }),
          severity: z.int().min(1).max(5),
          alerts: z.int().openapi({ description: 'Whose threshold was first crossed in it.' }),
        }),
      )
      .openapi({ description: 'Oldest first; what has none is absent.' }),
    rules: z.array(z.object({ rule_id: z.string(), rule_name: z.string(), alerts: z.int(), unresolved: z.int() })),
    techniques: z.array(z.object({ technique: z.string(), alerts: z.int(), unresolved: z.int() })),
    complete: z
      .boolean()
      .openapi({ description: `false where there are more: the last ${HISTOGRAM_MAX} are counted.` }),
  })
  .openapi('AlertHistogram');
export type AlertHistogram = z.infer<typeof histogramSchema>;

const histogramRoute = createRoute({
  method: 'get',
  path: '/alerts/histogram',
  operationId: 'getAlertHistogram',
  summary: 'Alerts over time by severity, and by rule and technique',
  tags: ['alerts'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...alertQueryShape,
      q: searchSchema(readAlertSearch, 'severity >= 3'),
      buckets: wholeNumber(1000)
        .default(100)
        .openapi({ param: { description: 'Most points in time, 1 to 1000.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(histogramSchema, 'The counts.'), ...sharedErrors },
});

export function alertHistogramRoutes({ pool, now }: RouteDependencies) {
  return createRouter().openapi(histogramRoute, async (c) => {
    const { from, to, hours, q, buckets, ...filter } = c.req.valid('query');
    const conditions = [
      ...rangeConditions(resolveTimeRange({ from, to, hours }, now())),
      ...(q === undefined ? [] : [q]),
      ...alertConditions(filter),
    ];
    const { series, bucketSeconds, ...counts } = await findAlertHistogram(pool, conditions, buckets);
    return c.json(
      {
        bucket_seconds: bucketSeconds,
        series: series.map(({ start, ...point }) => ({ time: isoMicros(start * 1000), ...point })),
        ...counts,
      },
      200,
    );
  });
}
