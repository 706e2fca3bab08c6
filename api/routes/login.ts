/** `/api/login`: logins at a provider of OpenID Connect, for browsers. */
import { createRoute, z } from '@hono/zod-openapi';
import { getCookie } from 'hono/cookie';
import type { Authenticator } from '../http/authenticator.js';
import { LOGIN_COOKIE, LOGIN_SECONDS, type OidcLogin } from '../http/oidc-login.js';
import { ApiProblem } from '../http/problem.js';
import { sessionCookie } from '../http/session.js';
import { strictObject } from '../http/strict-object.js';
import { createRouter, jsonContent, notFoundError, sharedErrors } from './route.js';

const methodsSchema = z
  .object({
    token: z.boolean().openapi({ description: 'POST /api/session with a token.' }),
    oidc: z.boolean().openapi({ description: 'GET /api/login, which sends the browser to the provider.' }),
    proxy: z.boolean().openapi({ description: 'A proxy in front says who it is.' }),
  })
  .openapi('LoginMethods');
export type LoginMethods = z.infer<typeof methodsSchema>;

const methodsRoute = createRoute({
  method: 'get',
  path: '/login/methods',
  operationId: 'listLoginMethods',
  summary: 'How people may log in',
  tags: ['access'],
  security: [],
  request: { query: strictObject({}) },
  responses: { 200: jsonContent(methodsSchema, 'The ways.'), ...sharedErrors },
});

const beginRoute = createRoute({
  method: 'get',
  path: '/login',
  operationId: 'beginLogin',
  summary: 'Sends a browser to the provider of OpenID Connect',
  tags: ['access'],
  security: [],
  request: { query: strictObject({}) },
  responses: { 302: { description: 'To the provider.' }, ...sharedErrors, ...notFoundError },
});

const text = z.string().max(4_096).optional();
const callbackRoute = createRoute({
  method: 'get',
  path: '/login/callback',
  operationId: 'finishLogin',
  summary: 'Where the provider sends the browser back to: opens a session, and shows the dashboard',
  tags: ['access'],
  security: [],
  request: {
    query: z.object({
      code: text.openapi({ param: { description: 'Of the provider.' } }),
      state: text.openapi({ param: { description: 'As it was sent.' } }),
      error: text.openapi({ param: { description: 'Why there is no code.' } }),
    }),
  },
  responses: { 302: { description: 'To the dashboard.' }, ...sharedErrors, ...notFoundError },
});

/** The browser comes back from another site, so it must be sent with a navigation from there; nothing but this path gets it. */
const loginCookie = (value: string, isSecure: boolean): string =>
  `${LOGIN_COOKIE}=${value}; Path=/api/login; Max-Age=${value === '' ? 0 : LOGIN_SECONDS}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;

export function loginRoutes(authenticator: Authenticator, login: OidcLogin, methods: LoginMethods, isSecure: boolean) {
  const checkOn = (): void => {
    if (login.isOn) return;
    throw new ApiProblem(404, 'NO_PROVIDER', 'no provider of OpenID Connect is set; --oidc-issuer names one');
  };
  return createRouter()
    .openapi(methodsRoute, (c) => c.json(methods, 200))
    .openapi(beginRoute, async (c) => {
      checkOn();
      const { url, cookie } = await login.begin();
      c.header('set-cookie', loginCookie(cookie, isSecure));
      return c.redirect(url, 302);
    })
    .openapi(callbackRoute, async (c) => {
      checkOn();
      const identity = await login.finish(new URL(c.req.url).search, getCookie(c, LOGIN_COOKIE));
      c.header('set-cookie', sessionCookie(authenticator.openPersonSession(identity), isSecure));
      c.header('set-cookie', loginCookie('', isSecure), { append: true });
      c.set('identity', identity); // for the audit log
      return c.redirect('/', 302);
    });
}
