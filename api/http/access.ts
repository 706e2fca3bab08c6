/**
 * Who may do what. Once there is a token every request needs one, unless --api-open-reads lets reads do without. Where there
 * is none, or reads are open, they are so for this machine alone: the listener is on loopback, and the request came to it
 * directly, by a loopback name and through no proxy that says so.
 *
 * Against a hostile web page in the user's own browser: the Host header must be an address or a known name (DNS
 * rebinding always arrives under the attacker's name), `Sec-Fetch-Site` must not name another site, and requests must
 * carry an `Origin`, if any, of our own.
 */
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { carriesToken } from '../../runtime/process/bearer-token.js';
import { hostName, isLoopbackHost, isOwnHost } from '../../runtime/process/loopback.js';
import type { Counter } from '../../runtime/process/metrics.js';
import type { ApiSettings } from '../settings.js';
import { FailedTokens } from './failed-tokens.js';
import { type Identity, LOCAL_READER, mayDo, type Role, SERVER_TOKEN } from './identity.js';
import { ApiProblem } from './problem.js';

export type ApiBindings = {
  readonly Bindings: Partial<HttpBindings>;
  readonly Variables: { identity: Identity };
};

export interface AccessRules {
  readonly settings: Pick<ApiSettings, 'apiHost' | 'apiAllowedHosts' | 'apiOpenReads'>;
  /** Empty when none is set. */
  readonly token: string;
  readonly refused: Counter<'reason'>;
  readonly now: () => number;
}

/** Refuses requests that carry another site's name or come from another site's page. For every path. */
export function guardHost({ settings, refused }: AccessRules): MiddlewareHandler<ApiBindings> {
  const names = [settings.apiHost, ...settings.apiAllowedHosts];
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

/** What describes the API tells nothing of what it holds; a browser asks for it without a token. */
function isPublic(path: string): boolean {
  return path === '/api/openapi.json';
}

/** Authenticates, and holds requests to the role that they need. For `/api/*`. */
export function guardAccess(rules: AccessRules): MiddlewareHandler<ApiBindings> {
  const { refused } = rules;
  const authenticate = authenticator(rules);
  return async (c, next) => {
    try {
      checkOrigin(c);
      if (!isPublic(c.req.path)) {
        const identity = authenticate(c);
        c.set('identity', identity);
        if (!isRead(c.req.method, c.req.path)) checkRole(identity, 'analyst');
      }
    } catch (error) {
      if (error instanceof Refused) refused.inc({ reason: error.reason });
      throw error;
    }
    await next();
  };
}

/** A request that no route sees, with the reason that it is counted under. */
class Refused extends ApiProblem {
  constructor(
    readonly reason: 'cross_site' | 'origin' | 'token' | 'rate' | 'role',
    ...problem: ConstructorParameters<typeof ApiProblem>
  ) {
    super(...problem);
  }
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

function authenticator({ token, settings, now }: AccessRules): (c: Context<ApiBindings>) => Identity {
  const failed = new FailedTokens();
  const onLoopback = isLoopbackHost(settings.apiHost);

  const withToken = (c: Context<ApiBindings>, authorization: string): Identity => {
    // Whoever knows it gets in, whatever others at the same address, behind the same proxy, have tried.
    if (token !== '' && carriesToken(authorization, token)) return SERVER_TOKEN;
    const address = c.env?.incoming?.socket?.remoteAddress ?? '';
    const wait = failed.secondsToWait(address, now());
    if (wait > 0) {
      throw new Refused(
        'rate',
        429,
        'TOO_MANY_FAILED_TOKENS',
        `too many wrong tokens; a wrong one is looked at again in ${wait} s`,
        { headers: { 'retry-after': String(wait) } },
      );
    }
    failed.add(address, authorization, now());
    throw unauthorized(
      'INVALID_TOKEN',
      'Authorization: the bearer token is wrong; send that of NTA_API_TOKEN or --api-token-file',
    );
  };

  return (c) => {
    const authorization = c.req.header('authorization');
    if (authorization !== undefined) return withToken(c, authorization);
    const isOpen = token === '' || settings.apiOpenReads;
    const isDirect = onLoopback && isLoopbackHost(hostName(hostOf(c))) && !isForwarded((name) => c.req.header(name));
    if (isOpen && isDirect && isRead(c.req.method, c.req.path)) return LOCAL_READER;
    if (token !== '') {
      throw unauthorized(
        'TOKEN_REQUIRED',
        'Authorization: send "Bearer <token>", that of NTA_API_TOKEN or --api-token-file; `nta run` keeps it in .nta/api-token',
      );
    }
    throw new Refused(
      'token',
      403,
      'NO_TOKEN_SET',
      'this server has no token, so it takes no writes; start it with NTA_API_TOKEN or --api-token-file',
    );
  };
}

function checkRole(identity: Identity, role: Role): void {
  if (mayDo(identity, role)) return;
  throw new Refused(
    'role',
    403,
    'ROLE_REQUIRED',
    `this needs the role ${role}; the token "${identity.name}" has the role ${identity.role}`,
  );
}

function hostOf(c: Context<ApiBindings>): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

/** Reads by their meaning: a search has a body, but changes nothing. */
function isRead(method: string, path: string): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && path === '/api/packets/search');
}

function isForwarded(header: (name: string) => string | undefined): boolean {
  return ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => header(name) !== undefined);
}

function unauthorized(code: string, detail: string): ApiProblem {
  return new Refused('token', 401, code, detail, {
    errors: [{ input: 'Authorization', reason: code === 'INVALID_TOKEN' ? 'wrong token' : 'missing' }],
    headers: { 'www-authenticate': 'Bearer realm="nta"' },
  });
}

/** Schemes may differ: a proxy may end TLS in front of us. */
function isSameHost(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === new URL(`http://${host}`).host || new URL(origin).host === host.toLowerCase();
  } catch {
    return false;
  }
}
