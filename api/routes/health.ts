/** `GET /api/health`: every dependency with the reason when it does not work. */
import { createRoute, z } from '@hono/zod-openapi';
import { messageOf } from '../../runtime/process/failure.js';
import { projectVersion } from '../../runtime/process/project.js';
import { ApiProblem, databaseProblem } from '../http/problem.js';
import { strictObject } from '../http/strict-object.js';
import { query } from '../pool.js';
import { timestampSchema } from '../queries/time-range.js';
import { findNodes } from './nodes.js';
import { createRouter, jsonContent, type RouteDependencies, readSecurity, sharedErrors } from './route.js';

const checkSchema = z
  .object({
    status: z.enum(['ok', 'warning', 'failing']),
    reason: z.string().nullable().openapi({ description: 'Null when it is ok.' }),
  })
  .openapi('HealthCheck');

const healthSchema = z
  .object({
    status: z.enum(['ok', 'warning', 'failing']).openapi({ description: 'The worst of the checks.' }),
    version: z.string(),
    checks: z.object({
      database: checkSchema.openapi({ description: 'Whether Postgres answers.' }),
      schema: checkSchema.openapi({ description: 'Whether it has the tables that this version reads.' }),
      storage: checkSchema.openapi({ description: 'Whether a sink has written.' }),
      capture: checkSchema.openapi({ description: 'Whether capture nodes send heartbeats.' }),
    }),
    last_write_at: timestampSchema.nullable().openapi({ description: 'When a sink last stored anything.' }),
  })
  .openapi('Health');

export type Health = z.infer<typeof healthSchema>;
type Check = z.infer<typeof checkSchema>;

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  operationId: 'getHealth',
  summary: 'The API and what it depends on',
  tags: ['health'],
  security: readSecurity,
  request: { query: strictObject({}) },
  responses: {
    200: jsonContent(healthSchema, 'It works; `warning` names what does not move.'),
    ...sharedErrors,
    503: jsonContent(healthSchema, 'A dependency fails; its reason says what to do.'),
  },
});

const OK: Check = { status: 'ok', reason: null };
const UNKNOWN: Check = { status: 'failing', reason: 'cannot be known while the database does not answer' };

export async function examineHealth({ pool }: RouteDependencies): Promise<Health> {
  let lastWrite: string | null = null;
  const attempt = async (check: () => Promise<Check>): Promise<Check> => {
    try {
      return await check();
    } catch (error) {
      const problem = error instanceof ApiProblem ? error : databaseProblem(error);
      return { status: 'failing', reason: problem?.message ?? messageOf(error) };
    }
  };

  const database = await attempt(async () => {
    await query(pool, 'SELECT 1');
    return OK;
  });
  if (database.status === 'failing') {
    const checks = { database, schema: UNKNOWN, storage: UNKNOWN, capture: UNKNOWN };
    return { status: 'failing', version: projectVersion, checks, last_write_at: null };
  }
  const schema = await attempt(async () => {
    await query(
      pool,
      `SELECT FROM packet_segments, origins, alerts, alert_events, traffic_totals, traffic_protocols, traffic_sources, traffic_ports, conversations, traffic_conversations, traffic_seconds, rules_in_force LIMIT 0`,
    );
    return OK;
  });
  const storage = await attempt(async () => {
    const { rows } = await query<{ last: string | null }>(pool, 'SELECT max(updated_at) AS last FROM sink_offsets');
    lastWrite = rows[0]?.last ?? null;
    return lastWrite === null
      ? { status: 'warning', reason: 'no sink has stored anything yet; is `nta sink` running?' }
      : OK;
  });
  const capture = await attempt(async () => {
    const nodes = await findNodes(pool);
    const silent = nodes.filter(({ state }) => state === 'stale' || state === 'offline');
    if (silent.length > 0) {
      const names = silent
        .slice(0, 5)
        .map(({ capture_node: name, silent_seconds: s }) => `${name} (${Math.round(s)} s)`);
      const more = silent.length > names.length ? ` and ${silent.length - names.length} more` : '';
      return { status: 'warning', reason: `silent capture nodes: ${names.join(', ')}${more}` };
    }
    return OK;
  });
  const checks = { database, schema, storage, capture };
  const states = Object.values(checks).map(({ status }) => status);
  const status = states.includes('failing') ? 'failing' : states.includes('warning') ? 'warning' : 'ok';
  return { status, version: projectVersion, checks, last_write_at: lastWrite };
}

export function healthRoutes(dependencies: RouteDependencies) {
  return createRouter().openapi(healthRoute, async (c) => {
    const health = await examineHealth(dependencies);
    return health.status === 'failing' ? c.json(health, 503) : c.json(health, 200);
  });
}
