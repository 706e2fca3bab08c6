/**
 * Who may do what. Once there is a token every request needs one, unless --api-open-reads lets reads do without. Where there
 * is none, or reads are open, they are so for this machine alone: the listener is on loopback, and the request came to it
 * directly, by a loopback name and through no proxy that says so.
 *
 * Against a hostile web page in the user's own browser: the Host header must be an address or a known name (DNS
 * rebinding always arrives under the attacker's name), `Sec-Fetch-Site` must not name another site, and requests must
 * carry an `Origin`, if any, of our own.
 */
import type { Context, MiddlewareHandler } from 'hono';
import { hostName, isOwnHost } from '../../runtime/process/loopback.js';
import type { Counter } from '../../runtime/process/metrics.js';
import type { ApiSettings } from '../settings.js';
import type { Authenticator } from './authenticator.js';
import { type Identity, LOCAL_READER, mayDo, type Role } from './identity.js';
import { ApiProblem } from './problem.js';
import { Refused } from './refused.js';
import { type ApiBindings, hostOf, isRead } from './request.js';

export interface AccessRules {
  readonly settings: Pick<ApiSettings, 'apiHost' | 'apiAllowedHosts' | 'apiPublicUrl'>;
  readonly refused: Counter<'reason'>;
}

/** Refuses requests that carry another site's name or come from another site's page. For every path. */
export function guardHost({ settings, refused }: AccessRules): MiddlewareHandler<ApiBindings> {
  const { apiPublicUrl: url } = settings;
  const names = [settings.apiHost, ...settings.apiAllowedHosts, ...(URL.canParse(url) ? [new URL(url).hostname] : [])];
  return async (c, next) => {
    const host = hostOf(c);
    if (!isOwnHost(host, names)) {
      refused.inc({ reason: 'host' });
      throw new ApiProblem(
        421,
        'UNKNOWN_HOST',
        `Host: "${hostName(host).slice(0, 100)}" is not a name of this server; use its address, or allow the name with --api-allowed-hosts`,
        { errors: [{ input: 'Host', reason: 'not a name of this server' }] },
      );
    }
    await next();
  };
}

/** Where people without a session come to log in, from the provider's pages too. */
export function isLogin(path: string): boolean {
  return path === '/api/login' || path.startsWith('/api/login/');
}

/** What describes the API tells nothing of what it holds; a browser asks for it without a token. */
export function isPublic(path: string): boolean {
  return isLogin(path) || path === '/api/openapi.json' || path === '/api/docs' || path.startsWith('/api/docs/');
}

/** Opening a session asks for a token itself, and closing one harms nobody. */
function changesSession(method: string, path: string): boolean {
  return path === '/api/session' && (method === 'POST' || method === 'DELETE');
}

/** Authenticates. For `/api/*`. */
export function guardAccess({ refused }: AccessRules, authenticator: Authenticator): MiddlewareHandler<ApiBindings> {
  return async (c, next) => {
    try {
      if (!isLogin(c.req.path)) checkOrigin(c);
      if (!isPublic(c.req.path) && !changesSession(c.req.method, c.req.path)) {
        c.set('identity', await authenticator.identify(c));
      }
    } catch (error) {
      if (error instanceof Refused) refused.inc({ reason: error.reason });
      throw error;
    }
    await next();
  };
}

/** Holds requests to the role that they need: writes to analyst. Routes may ask for more. */
export function guardRole({ refused }: AccessRules): MiddlewareHandler<ApiBindings> {
  return async (c, next) => {
    const identity = c.get('identity');
    if (identity !== undefined && !isRead(c.req.method, c.req.path) && !mayDo(identity, 'analyst')) {
      refused.inc({ reason: 'role' });
      throw roleRequired(identity, 'analyst');
    }
    await next();
  };
}

/** For a route that needs a role which is not told by its method. */
export function requireRole(role: Role): MiddlewareHandler<ApiBindings> {
  return async (c, next) => {
    const identity = c.get('identity');
    if (!mayDo(identity, role)) throw roleRequired(identity, role);
    await next();
  };
}

function roleRequired({ name, role }: Identity, required: Role): ApiProblem {
  const whose = name === LOCAL_READER.name ? 'a request without a token' : `the token "${name}"`;
  return new ApiProblem(403, 'ROLE_REQUIRED', `this needs the role ${required}; ${whose} has the role ${role}`);
}

function checkOrigin(c: Context<ApiBindings>): void {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Refused('cross_site', 403, 'CROSS_SITE', 'Sec-Fetch-Site: pages of other sites may not call this API');
  }
  const origin = c.req.header('origin');
  if (origin !== undefined && !isSameHost(origin, hostOf(c))) {
    throw new Refused('origin', 403, 'FOREIGN_ORIGIN', 'Origin: pages of other sites may not call this API');
  }
}

/** Schemes may differ: a proxy may end TLS in front of us. */
function isSameHost(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === new URL(`http://${host}`).host || new URL(origin).host === host.toLowerCase();
  } catch {
    return false;
  }
}
