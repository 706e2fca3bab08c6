/** Exceptions: alerts that are not to be published; shown, made, made from an alert, and taken back. */
import { createRoute, z } from '@hono/zod-openapi';
import type pg from 'pg';
import { EXCEPTIONS_MAX, type ExceptionParts } from '../../schemas/exceptions/alert-exception.js';
import { ApiProblem, invalidInput } from '../http/problem.js';
import { strictObject } from '../http/strict-object.js';
import { findAlertsById } from '../queries/alert-query.js';
import {
  addException,
  deleteException,
  findException,
  findExceptions,
  findUnknownRules,
  type NewException,
} from '../queries/exception-query.js';
import type { AlertRow } from '../views/alert-view.js';
import {
  exceptionSchema,
  newExceptionSchema,
  partsOf,
  proposalRequestSchema,
  proposalSchema,
  viewException,
} from '../views/exception-view.js';
import { actorOf } from './alert-triage.js';
import {
  bodyErrors,
  conflictError,
  createRouter,
  jsonContent,
  noSuch,
  notFoundError,
  pathIdOf,
  type RouteDependencies,
  readSecurity,
  sharedErrors,
  writeSecurity,
} from './route.js';

const DAYS_PROPOSED = 30;
const DAY_MS = 86_400_000;

const listRoute = createRoute({
  method: 'get',
  path: '/exceptions',
  operationId: 'listExceptions',
  summary: 'Exceptions in force, the newest first',
  tags: ['exceptions'],
  security: readSecurity,
  request: {
    query: strictObject({
      all: z
        .enum(['true', 'false'])
        .optional()
        .openapi({ param: { description: 'Those too that are deleted or have expired.' } }),
    }),
  },
  responses: {
    200: jsonContent(
      z.object({ exceptions: z.array(exceptionSchema) }).openapi('Exceptions'),
      `At most ${EXCEPTIONS_MAX}.`,
    ),
    ...sharedErrors,
  },
});

const addRoute = createRoute({
  method: 'post',
  path: '/exceptions',
  operationId: 'addException',
  summary: 'Make an exception: alerts that meet all of its parts are not published, within seconds',
  tags: ['exceptions'],
  security: writeSecurity,
  request: { body: { required: true, content: { 'application/json': { schema: newExceptionSchema } } } },
  responses: {
    201: jsonContent(exceptionSchema, 'The exception.'),
    ...sharedErrors,
    ...bodyErrors,
    ...conflictError,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/exceptions/{id}',
  operationId: 'deleteException',
  summary: 'Take an exception back',
  tags: ['exceptions'],
  security: writeSecurity,
  request: { params: pathIdOf('exception') },
  responses: {
    200: jsonContent(exceptionSchema, 'The exception as it was.'),
    ...sharedErrors,
    ...notFoundError,
  },
});

const proposeRoute = createRoute({
  method: 'post',
  path: '/alerts/{id}/except',
  operationId: 'exceptAlert',
  summary: 'Propose an exception for alerts such as this one, or make it',
  tags: ['exceptions'],
  security: writeSecurity,
  request: {
    params: pathIdOf('alert'),
    body: { required: true, content: { 'application/json': { schema: proposalRequestSchema } } },
  },
  responses: {
    200: jsonContent(proposalSchema, 'The proposal, as POST /api/exceptions takes it.'),
    201: jsonContent(exceptionSchema, 'The exception.'),
    ...sharedErrors,
    ...notFoundError,
    ...bodyErrors,
    ...conflictError,
  },
});

/** The narrowest exception that an alert meets and its like will: its rule and who did it, to whom, on which port. */
function proposalOf(alert: AlertRow): ExceptionParts {
  const source = alert.source_ip ?? alert.source_mac;
  return partsOf({
    rules: [alert.rule_id],
    ...(source === null ? {} : { sources: [source] }),
    ...(alert.destination_ip === null ? {} : { targets: [alert.destination_ip] }),
    ...(alert.destination_port === null ? {} : { ports: [alert.destination_port] }),
  });
}

/** A mistyped id would except nothing, and nobody would hear of it. */
async function refuseUnknownRules(pool: pg.Pool, rules: readonly string[]): Promise<void> {
  if (rules.length === 0) return;
  const unknown = await findUnknownRules(pool, rules);
  if (unknown.length === 0) return;
  const reason = 'is the id of no rule that a processor has in force or an alert has; GET /api/rules lists them';
  throw invalidInput(unknown.map((id) => ({ input: `body.rules.${rules.indexOf(id)}`, reason })));
}

export function exceptionRoutes({ pool, now, exceptions }: RouteDependencies) {
  const add = async (wanted: NewException) => {
    const added = await addException(pool, wanted);
    if (added === null) {
      throw new ApiProblem(
        409,
        'TOO_MANY_EXCEPTIONS',
        `there are ${EXCEPTIONS_MAX} exceptions, as many as workers take up; delete some`,
        {},
      );
    }
    await exceptions.publish();
    return viewException((await findException(pool, added.id)) ?? added);
  };
  return createRouter()
    .openapi(listRoute, async (c) => {
      const rows = await findExceptions(pool, c.req.valid('query').all === 'true');
      return c.json({ exceptions: rows.map(viewException) }, 200);
    })
    .openapi(addRoute, async (c) => {
      const { by, note, expires_at: expiresAt = null, alert_id: alertId = null, ...given } = c.req.valid('json');
      await refuseUnknownRules(pool, given.rules ?? []);
      if (alertId !== null && (await findAlertsById(pool, [alertId])).length === 0) {
        throw invalidInput([{ input: 'body.alert_id', reason: 'there is no such alert' }]);
      }
      return c.json(await add({ parts: partsOf(given), expiresAt, note, alertId, by: actorOf(c, by) }), 201);
    })
    .openapi(deleteRoute, async (c) => {
      const { id } = c.req.valid('param');
      if (!(await deleteException(pool, id, actorOf(c, undefined)))) throw noSuch('exception', id);
      await exceptions.publish();
      return c.json(viewException((await findException(pool, id))!), 200);
    })
    .openapi(proposeRoute, async (c) => {
      const { id } = c.req.valid('param');
      const { note, create, by, expires_at } = c.req.valid('json');
      const [alert] = await findAlertsById(pool, [id]);
      if (alert === undefined) throw noSuch('alert', id);
      const parts = proposalOf(alert);
      const expiresAt = expires_at ?? new Date(now() + DAYS_PROPOSED * DAY_MS).toISOString();
      if (!create)
        return c.json(
          { ...parts, expires_at: expiresAt, note: note ?? '', alert_id: id } as z.infer<typeof proposalSchema>,
          200,
        );
      if (!note) throw invalidInput([{ input: 'body.note', reason: 'must say why' }]);
      return c.json(await add({ parts, expiresAt, note, alertId: id, by: actorOf(c, by) }), 201);
    });
}
