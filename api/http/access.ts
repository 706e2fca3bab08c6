/**
 * Who may do what. Writes always need the bearer token. Reads need it too, unless the listener is on loopback and the
 * request came to it directly: by a loopback name and through no proxy.
 *
 * Against a hostile web page in the user's own browser: the Host header must be an address or a known name (DNS
 * rebinding always arrives under the attacker's name), `Sec-Fetch-Site` must not name another site, and writes must
 * carry an `Origin`, if any, of our own.
 */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { carriesToken, digestOf } from '../../runtime/process/bearer-token.js';
import { isLoopbackHost } from '../../runtime/process/loopback.js';
import type { Counter } from '../../runtime/process/metrics.js';
import type { ApiSettings } from '../settings.js';
import { ApiProblem } from './problem.js';

export type ApiBindings = { readonly Bindings: Partial<HttpBindings> };

/** Wrong tokens an address may try before it has to wait, and how long they count. */
const FAILURES_MAX = 10;
const FAILURE_WINDOW_MS = 60_000;
/** Addresses remembered at a time; beyond it the oldest is forgotten, so that a flood of addresses costs bounded memory. */
const FAILING_ADDRESSES_MAX = 10_000;

interface Failures {
  count: number;
  readonly since: number;
  lastDigest: Buffer;
}

/**
 * Counts the different wrong tokens of an address; an IPv6 address counts as its /64, which one host owns whole. The
 * same wrong token again is no further guess: a script with an outdated token must not lock its user out.
 */
export class FailedTokens {
  private readonly failures = new Map<string, Failures>();

  /** Addresses remembered now. */
  get size(): number {
    return this.failures.size;
  }

  /** Seconds until the address may try again; 0 when it may now. */
  secondsToWait(address: string, now: number): number {
    const entry = this.failures.get(keyOf(address));
    if (!entry || entry.count < FAILURES_MAX) return 0;
    return Math.max(0, Math.ceil((entry.since + FAILURE_WINDOW_MS - now) / 1000));
  }

  add(address: string, authorization: string, now: number): void {
    const key = keyOf(address);
    const digest = digestOf(authorization);
    const entry = this.failures.get(key);
    if (entry && now - entry.since < FAILURE_WINDOW_MS) {
      if (!entry.lastDigest.equals(digest)) entry.count++;
      entry.lastDigest = digest;
      return;
    }
    this.failures.delete(key);
    this.failures.set(key, { count: 1, since: now, lastDigest: digest });
    if (this.failures.size > FAILING_ADDRESSES_MAX) this.failures.delete(this.failures.keys().next().value!);
  }
}

function keyOf(address: string): string {
  return isIP(address) === 6 && !address.startsWith('::ffff:') ? address.split(':').slice(0, 4).join(':') : address;
}

export interface AccessRules {
  readonly settings: Pick<ApiSettings, 'apiHost' | 'apiAllowedHosts'>;
  /** Empty when none is set. */
  readonly token: string;
  readonly refused: Counter<'reason'>;
  readonly now: () => number;
}

/** Refuses requests that carry another site's name or come from another site's page. For every path. */
export function guardHost({ settings, refused }: AccessRules): MiddlewareHandler<ApiBindings> {
  const known = new Set(
    ['localhost', hostname(), settings.apiHost, ...settings.apiAllowedHosts].map((name) => name.toLowerCase()),
  );
  return async (c, next) => {
    const name = hostName(c.req.header('host') ?? new URL(c.req.url).host);
    if (isIP(name) === 0 && !known.has(name)) {
      refused.inc({ reason: 'host' });
      throw new ApiProblem(
        421,
        'UNKNOWN_HOST',
        `Host: "${name.slice(0, 100)}" is not a name of this server; use its address, or allow the name with --api-allowed-hosts`,
        { errors: [{ input: 'Host', reason: 'not a name of this server' }] },
      );
    }
    await next();
  };
}

/** Authenticates. For `/api/*`. */
export function guardAccess(rules: AccessRules): MiddlewareHandler<ApiBindings> {
  const { token, refused, settings, now } = rules;
  const failed = new FailedTokens();
  const onLoopback = isLoopbackHost(settings.apiHost);
  const refuse = (reason: string, problem: ApiProblem): never => {
    refused.inc({ reason });
    throw problem;
  };

  return async (c, next) => {
    const site = c.req.header('sec-fetch-site');
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      refuse(
        'cross_site',
        new ApiProblem(403, 'CROSS_SITE', 'Sec-Fetch-Site: pages of other sites may not call this API'),
      );
    }
    const host = c.req.header('host') ?? new URL(c.req.url).host;
    const origin = c.req.header('origin');
    if (origin !== undefined && !isSameHost(origin, host)) {
      refuse('origin', new ApiProblem(403, 'FOREIGN_ORIGIN', 'Origin: pages of other sites may not call this API'));
    }

    const authorization = c.req.header('authorization');
    if (authorization !== undefined) {
      const address = c.env?.incoming?.socket?.remoteAddress ?? '';
      const wait = failed.secondsToWait(address, now());
      if (wait > 0) {
        refuse(
          'rate',
          new ApiProblem(429, 'TOO_MANY_FAILED_TOKENS', `too many wrong tokens; try again in ${wait} s`, {
            headers: { 'retry-after': String(wait) },
          }),
        );
      }
      if (token === '' || !carriesToken(authorization, token)) {
        failed.add(address, authorization, now());
        refuse(
          'token',
          unauthorized(
            'INVALID_TOKEN',
            'Authorization: the bearer token is wrong; send that of NTA_API_TOKEN or --api-token-file',
          ),
        );
      }
      return next();
    }

    const direct = onLoopback && isLoopbackHost(hostName(host)) && !isForwarded((name) => c.req.header(name));
    if (isRead(c.req.method, c.req.path) && direct) return next();
    if (token === '') {
      refuse(
        'token',
        new ApiProblem(
          403,
          'NO_TOKEN_SET',
          'this server has no token, so it takes no writes; start it with NTA_API_TOKEN or --api-token-file',
        ),
      );
    }
    refuse(
      'token',
      unauthorized('TOKEN_REQUIRED', 'Authorization: send "Bearer <token>", that of NTA_API_TOKEN or --api-token-file'),
    );
  };
}

/** Reads by their meaning: a search has a body, but changes nothing. */
function isRead(method: string, path: string): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && path === '/api/packets/search');
}

function isForwarded(header: (name: string) => string | undefined): boolean {
  return ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => header(name) !== undefined);
}

function unauthorized(code: string, detail: string): ApiProblem {
  return new ApiProblem(401, code, detail, {
    errors: [{ input: 'Authorization', reason: code === 'INVALID_TOKEN' ? 'wrong token' : 'missing' }],
    headers: { 'www-authenticate': 'Bearer realm="nta"' },
  });
}

/** "[::1]:5000" → "::1", "Example.org:80" → "example.org". */
function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/** Schemes may differ: a proxy may end TLS in front of us. */
function isSameHost(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === new URL(`http://${host}`).host || new URL(origin).host === host.toLowerCase();
  } catch {
    return false;
  }
}
