/** `GET /api/audit`: who changed what through the API. */
import { createRoute, z } from '@hono/zod-openapi';
import { allOf, type Condition, QueryParameters } from '../../schemas/tables/sql-values.js';
import { requireRole } from '../http/access.js';
import { strictObject } from '../http/strict-object.js';
import { oneLine } from '../http/text-schemas.js';
import { query } from '../pool.js';
import { decodeCursor, limitSchema, pageOf } from '../queries/cursor.js';
import { refineTimeRange, resolveTimeRange, timeRangeShape, timestampSchema } from '../queries/time-range.js';
import { adminSecurity, createRouter, jsonContent, nextSchema, type RouteDependencies, sharedErrors } from './route.js';

const entrySchema = z
  .object({
    id: z.int(),
    at: timestampSchema,
    actor: z
      .string()
      .openapi({ description: 'Name of the token; api for the server’s own, cli:USER for the command nta.' }),
    role: z.string(),
    address: z.string().openapi({ description: 'Where the request came from; empty for the command.' }),
    method: z.string(),
    path: z.string(),
    status: z.int().openapi({ description: 'HTTP status of the answer; 0 for the command.' }),
    request_id: z.string(),
  })
  .openapi('AuditEntry');

const pageSchema = z.object({ entries: z.array(entrySchema), next: nextSchema }).openapi('AuditPage');
export type AuditPage = z.infer<typeof pageSchema>;

const positionSchema = z
  .string()
  .max(100)
  .transform((text, context): number => {
    const [id] = decodeCursor(text, ['number']) ?? [];
    if (Number.isSafeInteger(id)) return id as number;
    context.addIssue({ code: 'custom', message: 'is no cursor of this list; start again without it' });
    return z.NEVER;
  });

const auditRoute = createRoute({
  method: 'get',
  path: '/audit',
  operationId: 'listAudit',
  summary: 'Who changed or took out what through the API, and which tokens were made, newest first',
  tags: ['access'],
  security: adminSecurity,
  middleware: requireRole('admin'),
  request: {
    query: strictObject({
      ...timeRangeShape,
      actor: oneLine(200)
        .optional()
        .openapi({ param: { description: 'Only of this actor.' } }),
      limit: limitSchema.openapi({ param: { description: 'Most entries of the page, 1 to 1000.' } }),
      next: positionSchema.optional().openapi({ param: { description: '`next` of the page before.' }, type: 'string' }),
    }).superRefine(refineTimeRange),
  },
  responses: { 200: jsonContent(pageSchema, 'A page of the log.'), ...sharedErrors },
});

export function auditRoutes({ pool, now }: RouteDependencies) {
  return createRouter().openapi(auditRoute, async (c) => {
    const { actor, limit, next: after, ...asked } = c.req.valid('query');
    const { from, to } = resolveTimeRange(asked, now());
    const p = new QueryParameters();
    const conditions: Condition[] = [];
    if (from !== null) conditions.push((sql) => `at >= ${sql.add(from, 'timestamptz')}`);
    if (to !== null) conditions.push((sql) => `at < ${sql.add(to, 'timestamptz')}`);
    if (actor !== undefined) conditions.push((sql) => `actor = ${sql.add(actor, 'text')}`);
    if (after !== undefined) conditions.push((sql) => `id < ${sql.add(after, 'bigint')}`);
    const { rows } = await query<z.infer<typeof entrySchema>>(
      pool,
      `SELECT id, at, actor, role, address, method, path, status, request_id FROM audit_log
       WHERE ${allOf(conditions)(p)} ORDER BY id DESC LIMIT ${p.add(limit + 1, 'integer')}`,
      p.values,
    );
    const { shown, next } = pageOf(rows, limit, ({ id }) => [id]);
    return c.json({ entries: [...shown], next }, 200);
  });
}
