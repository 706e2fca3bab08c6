/** `/api/session`: who a caller is, and a browser's session instead of the token in every tab. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Authenticator } from '../http/authenticator.js';
import { ROLES } from '../http/identity.js';
import { SESSION_SECONDS, sessionCookie } from '../http/session.js';
import { strictObject } from '../http/strict-object.js';
import { bodyErrors, createRouter, jsonContent, readSecurity, sharedErrors } from './route.js';

const identitySchema = z
  .object({
    name: z.string().openapi({ description: 'Of the token; api for the server’s own, local for reads without one.' }),
    role: z.enum(ROLES),
    named: z.boolean().openapi({ description: 'Whether the token is one person’s or program’s.' }),
  })
  .openapi('Identity');
export type SessionIdentity = z.infer<typeof identitySchema>;

const whoRoute = createRoute({
  method: 'get',
  path: '/session',
  operationId: 'getSession',
  summary: 'Whose token or session this request comes with, and what it may do',
  tags: ['access'],
  security: readSecurity,
  request: { query: strictObject({}) },
  responses: { 200: jsonContent(identitySchema, 'Who asks.'), ...sharedErrors },
});

const openRoute = createRoute({
  method: 'post',
  path: '/session',
  operationId: 'openSession',
  summary: `Open a browser's session of ${SESSION_SECONDS / 3600} hours with a token: a cookie that no script reads`,
  tags: ['access'],
  security: [],
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: strictObject({ token: z.string().min(1).max(512) }).openapi('SessionRequest'),
        },
      },
    },
  },
  responses: { 200: jsonContent(identitySchema, 'Who it is of.'), ...sharedErrors, ...bodyErrors },
});

const closeRoute = createRoute({
  method: 'delete',
  path: '/session',
  operationId: 'closeSession',
  summary: 'End the browser’s session',
  tags: ['access'],
  security: [],
  responses: { 204: { description: 'It is over.' }, ...sharedErrors },
});

export function sessionRoutes(authenticator: Authenticator, isSecure: boolean) {
  return createRouter()
    .openapi(whoRoute, (c) => c.json(c.get('identity'), 200))
    .openapi(openRoute, async (c) => {
      const { identity, session } = await authenticator.openSession(c, c.req.valid('json').token);
      c.header('set-cookie', sessionCookie(session, isSecure));
      c.set('identity', identity); // for the audit log
      return c.json(identity, 200);
    })
    .openapi(closeRoute, (c) => {
      c.header('set-cookie', sessionCookie('', isSecure));
      return c.body(null, 204);
    });
}
