/** What people decide about alerts: resolve, reopen, how far they are, what it was, who looks after it, and taking that back. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { TRIAGE_STATES, VERDICTS } from '../../schemas/alerts/triage.js';
import { invalidInput } from '../http/problem.js';
import type { ApiBindings } from '../http/request.js';
import { strictObject } from '../http/strict-object.js';
import { bySchema, idSchema, lines, oneLine } from '../http/text-schemas.js';
import { type Decision, triageAlerts, undoTriage } from '../queries/triage.js';
import { alertDetailSchema } from '../views/alert-view.js';
import { alertDetail } from './alerts.js';
import {
  bodyErrors,
  conflictError,
  createRouter,
  jsonContent,
  noSuch,
  notFoundError,
  pathIdOf,
  type RouteDependencies,
  sharedErrors,
  writeSecurity,
} from './route.js';

const ALERTS_MAX = 1_000;

const noteSchema = lines(4000).optional().openapi({ description: 'Why, for the history.', example: 'Our own scanner' });
const verdictSchema = z
  .enum(VERDICTS, `must be ${VERDICTS.join(', ')}`)
  .nullable()
  .optional()
  .openapi({ description: 'What it turned out to be; null takes it back.' });

const decisionSchema = strictObject({ note: noteSchema, by: bySchema }).openapi('AlertDecision');
const resolutionSchema = strictObject({ note: noteSchema, by: bySchema, verdict: verdictSchema }).openapi(
  'AlertResolution',
);

const triageShape = {
  status: z
    .enum(TRIAGE_STATES, `must be ${TRIAGE_STATES.join(', ')}`)
    .optional()
    .openapi({ description: 'How far people are with it.' }),
  verdict: verdictSchema,
  assignee: oneLine(200)
    .nullable()
    .optional()
    .openapi({ description: 'Who looks after it; null for nobody.', example: 'ada' }),
  note: noteSchema,
  by: bySchema,
};
const says = ({ status, verdict, assignee, note }: z.infer<z.ZodObject<typeof triageShape>>): boolean =>
  [status, verdict, assignee, note].some((value) => value !== undefined);
const SAYING = ['status', 'verdict', 'assignee', 'note'].map((name) => ({ required: [name] }));
const NOTHING = 'says nothing; give a status, a verdict, an assignee or a note';

const triageSchema = strictObject(triageShape).refine(says, NOTHING).openapi('AlertTriage', { anyOf: SAYING });
export type Triage = z.input<typeof triageSchema>;
const bulkSchema = strictObject({
  ids: z.array(idSchema).min(1, 'must not be empty').max(ALERTS_MAX, `must be at most ${ALERTS_MAX} alerts`),
  ...triageShape,
})
  .refine(says, NOTHING)
  .openapi('AlertsTriage', { anyOf: SAYING });

const outcomeSchema = z
  .object({
    changed: z.array(z.string()),
    unchanged: z.array(z.string()).openapi({ description: 'They were so already.' }),
    missing: z.array(z.string()).openapi({ description: 'There are no such alerts.' }),
  })
  .openapi('TriageOutcome');
export type TriageOutcome = z.infer<typeof outcomeSchema>;

/** @param required whether there has to be a body. */
const triageRoute = <Path extends string, Schema extends z.ZodType>(
  path: Path,
  operationId: string,
  summary: string,
  schema: Schema,
  required: boolean,
) =>
  createRoute({
    method: 'post',
    path,
    operationId,
    summary,
    tags: ['alerts'],
    security: writeSecurity,
    request: { params: pathIdOf('alert'), body: { required, content: { 'application/json': { schema } } } },
    responses: {
      200: jsonContent(alertDetailSchema, 'The alert as it is now.'),
      ...sharedErrors,
      ...notFoundError,
      ...bodyErrors,
    },
  });

const resolveRoute = triageRoute(
  '/alerts/{id}/resolve',
  'resolveAlert',
  'Mark an alert as dealt with; one that is already stays as it is',
  resolutionSchema,
  false,
);
const reopenRoute = triageRoute(
  '/alerts/{id}/reopen',
  'reopenAlert',
  'Take a resolution back; an unresolved alert stays as it is',
  decisionSchema,
  false,
);
const oneRoute = triageRoute(
  '/alerts/{id}/triage',
  'triageAlert',
  'Say how far people are with an alert, what it was, who looks after it, or a word about it',
  triageSchema,
  true,
);

const undoRoute = createRoute({
  method: 'post',
  path: '/alerts/{id}/undo',
  operationId: 'undoAlertDecision',
  summary: 'Take the latest decision about an alert back, and with another call the one before',
  tags: ['alerts'],
  security: writeSecurity,
  request: {
    params: pathIdOf('alert'),
    body: { content: { 'application/json': { schema: strictObject({ by: bySchema }).openapi('AlertUndo') } } },
  },
  responses: {
    200: jsonContent(alertDetailSchema, 'The alert as it is now.'),
    ...sharedErrors,
    ...notFoundError,
    ...bodyErrors,
    ...conflictError,
  },
});

const bulkRoute = createRoute({
  method: 'post',
  path: '/alerts/triage',
  operationId: 'triageAlerts',
  summary: `The same about many alerts at once, at most ${ALERTS_MAX}, all or nothing`,
  tags: ['alerts'],
  security: writeSecurity,
  request: { body: { required: true, content: { 'application/json': { schema: bulkSchema } } } },
  responses: { 200: jsonContent(outcomeSchema, 'What became of each.'), ...sharedErrors, ...bodyErrors },
});

/** Who decides: whose token it is, or with the server's own, which names nobody, who the request says. */
export function actorOf(c: Context<ApiBindings>, by: string | undefined): string {
  const { name, named } = c.get('identity');
  if (!named) return by || name;
  if (by !== undefined && by !== '' && by !== name) {
    throw invalidInput([{ input: 'body.by', reason: `the token is that of ${name}; leave it out` }]);
  }
  return name;
}

export function alertTriageRoutes(dependencies: RouteDependencies) {
  const { pool } = dependencies;
  const decide = async (id: string, decision: Decision): Promise<z.infer<typeof alertDetailSchema>> => {
    const { missing } = await triageAlerts(pool, [id], decision);
    if (missing.length > 0) throw noSuch('alert', id);
    return alertDetail(dependencies, id);
  };

  return createRouter()
    .openapi(bulkRoute, async (c) => {
      const { ids, by, ...decision } = c.req.valid('json');
      return c.json(await triageAlerts(pool, [...new Set(ids)], { ...given(decision), actor: actorOf(c, by) }), 200);
    })
    .openapi(resolveRoute, async (c) => {
      const { by, ...decision } = c.req.valid('json') ?? {};
      const actor = actorOf(c, by);
      return c.json(await decide(c.req.valid('param').id, { ...given(decision), status: 'resolved', actor }), 200);
    })
    .openapi(reopenRoute, async (c) => {
      const { by, ...decision } = c.req.valid('json') ?? {};
      const actor = actorOf(c, by);
      return c.json(await decide(c.req.valid('param').id, { ...given(decision), reopen: true, actor }), 200);
    })
    .openapi(oneRoute, async (c) => {
      const { by, ...decision } = c.req.valid('json');
      return c.json(await decide(c.req.valid('param').id, { ...given(decision), actor: actorOf(c, by) }), 200);
    })
    .openapi(undoRoute, async (c) => {
      const { id } = c.req.valid('param');
      if (!(await undoTriage(pool, id, actorOf(c, c.req.valid('json')?.by)))) throw noSuch('alert', id);
      return c.json(await alertDetail(dependencies, id), 200);
    });
}

/** An empty text is none. */
function given<T extends { note?: string | undefined; assignee?: string | null | undefined }>(decision: T): T {
  return { ...decision, note: decision.note || undefined, ...(decision.assignee === '' ? { assignee: null } : {}) };
}
