/** `GET /api/packets` and `POST /api/packets/search`. */
import { createRoute, z } from '@hono/zod-openapi';
import { allOf, type PacketCondition } from '../../schemas/tables/packet-condition.js';
import { readPacketSearch } from '../../schemas/tables/packet-search.js';
import { searchSchema } from '../http/search-schema.js';
import { strictObject } from '../http/strict-object.js';
import { LIMIT_DEFAULT, limitSchema, pageOf, type TimePosition, timePositionSchema } from '../queries/cursor.js';
import { searchBody } from '../queries/filter-shapes.js';
import {
  packetBodyShape,
  packetCondition,
  packetExpressionSchema,
  packetQueryShape,
} from '../queries/packet-filter.js';
import { findPackets } from '../queries/packet-query.js';
import { PacketSql } from '../queries/packet-sql.js';
import {
  hoursSchema,
  refineTimeRange,
  resolveTimeRange,
  type TimeRangeInput,
  timeRangeShape,
  timeSchema,
} from '../queries/time-range.js';
import { packetSchema, viewPacket } from '../views/packet-view.js';
import {
  bodyErrors,
  createRouter,
  jsonContent,
  nextSchema,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
} from './route.js';

const pageSchema = z.object({ packets: z.array(packetSchema), next: nextSchema }).openapi('PacketPage');
export type PacketPage = z.infer<typeof pageSchema>;

const EXAMPLE = 'src 10.0.0.0/8 and (port 443 or dns.name ~ "*.example.org") and not proto icmp';

const bodySchema = searchBody(
  strictObject({
    filter: packetExpressionSchema.optional(),
    // What is asked of a packet may also stand beside it: all of it must hold.
    ...packetBodyShape,
    q: searchSchema(readPacketSearch, EXAMPLE),
    from: timeSchema.optional().openapi({
      format: 'date-time',
      example: '2026-01-02T03:04:05Z',
      description: 'First time, inclusive; ISO 8601.',
    }),
    to: timeSchema
      .optional()
      .openapi({ format: 'date-time', example: '2026-01-02T03:04:05Z', description: 'End, exclusive; ISO 8601.' }),
    hours: hoursSchema
      .optional()
      .openapi({ description: 'Instead of from and to: hours back from now.', type: 'number' }),
    limit: limitSchema,
    next: timePositionSchema.optional().openapi({ description: '`next` of the page before.' }),
  }).superRefine(refineTimeRange),
).openapi('PacketSearch');

const listRoute = createRoute({
  method: 'get',
  path: '/packets',
  operationId: 'listPackets',
  summary: 'Packets, newest first',
  tags: ['packets'],
  security: readSecurity,
  request: {
    query: strictObject({
      ...timeRangeShape,
      ...packetQueryShape,
      q: searchSchema(readPacketSearch, EXAMPLE),
      limit: limitSchema.openapi({ param: { description: 'Most packets of the page, 1 to 1000.' } }),
      next: timePositionSchema.optional().openapi({ param: { description: '`next` of the page before.' } }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(pageSchema, 'A page of packets.'), ...sharedErrors },
});

const searchRoute = createRoute({
  method: 'post',
  path: '/packets/search',
  operationId: 'searchPackets',
  summary: 'Packets of a filter, newest first; `filter` combines with and, or and not',
  tags: ['packets'],
  security: readSecurity,
  request: { body: { required: false, content: { 'application/json': { schema: bodySchema } } } },
  responses: { 200: jsonContent(pageSchema, 'A page of packets.'), ...sharedErrors, ...bodyErrors },
});

/** What asks nothing of packets leaves the other as it is. */
function joined(fields: PacketCondition, search: PacketCondition | undefined): PacketCondition {
  if (search === undefined) return fields;
  return fields.segment === null && fields.packet(new PacketSql()) === 'true' ? search : allOf([fields, search]);
}

export function packetRoutes({ pool, now }: RouteDependencies) {
  const page = async (
    filter: PacketCondition,
    range: TimeRangeInput,
    limit: number,
    after: TimePosition | undefined,
  ): Promise<z.infer<typeof pageSchema>> => {
    const rows = await findPackets(pool, {
      filter,
      range: resolveTimeRange(range, now()),
      after: after ?? null,
      // One more than asked for tells whether there is a next page.
      limit: limit + 1,
    });
    const { shown, next } = pageOf(rows, limit, ({ captured_at: time, id }) => [time, id]);
    return { packets: shown.map(viewPacket), next };
  };

  return createRouter()
    .openapi(listRoute, async (c) => {
      const { from, to, hours, limit, next, q, ...expression } = c.req.valid('query');
      return c.json(await page(joined(packetCondition(expression), q), { from, to, hours }, limit, next), 200);
    })
    .openapi(searchRoute, async (c) => {
      // A request without a body is taken as it is, without the defaults of the schema.
      const { filter, from, to, hours, limit = LIMIT_DEFAULT, next, q, ...fields } = c.req.valid('json');
      const expression = Object.keys(fields).length === 0 ? (filter ?? {}) : { ...fields, and: [filter ?? {}] };
      return c.json(await page(joined(packetCondition(expression), q), { from, to, hours }, limit, next), 200);
    });
}
