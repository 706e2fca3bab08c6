/** Tells who sends a request: by a token, by a browser's session, or, where reads are open, by nothing. */
import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { bearerOf, carriesToken } from '../../runtime/process/bearer-token.js';
import { hostName, isLoopbackHost } from '../../runtime/process/loopback.js';
import type { ApiSettings } from '../settings.js';
import type { TokenDirectory } from '../tokens/token-directory.js';
import { FailedTokens } from './failed-tokens.js';
import { type Identity, LOCAL_READER, SERVER_TOKEN } from './identity.js';
import type { ProxyIdentity } from './proxy-identity.js';
import { Refused, unauthorized } from './refused.js';
import { type ApiBindings, hostOf, isRead } from './request.js';
import { SESSION_COOKIE, SESSION_SECONDS, Sessions } from './session.js';

export interface AuthenticatorOptions {
  readonly settings: Pick<ApiSettings, 'apiHost' | 'apiOpenReads'>;
  /** The server's own; empty when none is set. */
  readonly token: string;
  /** Those of people and programs. */
  readonly tokens: TokenDirectory;
  /** Those that a proxy names. */
  readonly proxy: ProxyIdentity;
  /** Whether people log in at a provider. */
  readonly hasProvider: boolean;
  readonly now: () => number;
}

export class Authenticator {
  private readonly failed = new FailedTokens();
  private readonly sessions: Sessions;

  constructor(private readonly options: AuthenticatorOptions) {
    this.sessions = new Sessions(options.token);
  }

  /** @throws Refused */
  async identify(c: Context<ApiBindings>): Promise<Identity> {
    const { token, tokens, settings, proxy, hasProvider } = this.options;
    const authorization = c.req.header('authorization');
    if (authorization !== undefined) return this.withToken(c, bearerOf(authorization), authorization);
    const cookie = getCookie(c, SESSION_COOKIE);
    const identity = cookie === undefined ? null : await this.withSession(c, cookie);
    if (identity !== null) return identity;
    const person = proxy.identify(c);
    if (person !== null) {
      this.checkSaysOrigin(c);
      return person;
    }
    const anyToken = token !== '' || hasProvider || proxy.isOn || (await tokens.exist());
    const isOpen = !anyToken || settings.apiOpenReads;
    if (isOpen && isRead(c.req.method, c.req.path) && this.isDirect(c)) return LOCAL_READER;
    if (anyToken) {
      throw unauthorized(
        'TOKEN_REQUIRED',
        'Authorization: send "Bearer <token>", that of NTA_API_TOKEN, --api-token-file or `nta token create`; `nta run` keeps its own in .nta/api-token',
      );
    }
    throw new Refused(
      'token',
      403,
      'NO_TOKEN_SET',
      'this server has no token, so it takes no writes; start it with NTA_API_TOKEN or --api-token-file, or make one with `nta token create`',
    );
  }

  /**
   * Opens a browser's session.
   *
   * @returns who it is of, and the value of its cookie.
   * @throws Refused for a wrong token.
   */
  async openSession(c: Context<ApiBindings>, token: string): Promise<{ identity: Identity; session: string }> {
    const identity = await this.withToken(c, token, `Bearer ${token}`);
    const tokenId = identity.named ? await this.options.tokens.idOf(token) : null;
    const session = this.sessions.open({ tokenId, expiresAt: this.options.now() + SESSION_SECONDS * 1000 });
    return { identity, session };
  }

  /** The value of the cookie for somebody who has logged in at the provider. */
  openPersonSession(person: Identity): string {
    return this.sessions.open({ tokenId: null, expiresAt: this.options.now() + SESSION_SECONDS * 1000, person });
  }

  private async withToken(c: Context<ApiBindings>, carried: string, authorization: string): Promise<Identity> {
    const { token, tokens, now } = this.options;
    // Whoever knows one gets in, whatever others at the same address, behind the same proxy, have tried.
    if (token !== '' && carriesToken(authorization, token)) return SERVER_TOKEN;
    const named = await tokens.find(carried);
    if (named !== null) return named;
    const address = c.env?.incoming?.socket?.remoteAddress ?? '';
    const wait = this.failed.secondsToWait(address, now());
    if (wait > 0) {
      throw new Refused(
        'rate',
        429,
        'TOO_MANY_FAILED_TOKENS',
        `too many wrong tokens; a wrong one is looked at again in ${wait} s`,
        { headers: { 'retry-after': String(wait) } },
      );
    }
    this.failed.add(address, authorization, now());
    throw unauthorized(
      'INVALID_TOKEN',
      'Authorization: the bearer token is wrong, revoked or expired; send that of NTA_API_TOKEN, --api-token-file or `nta token create`',
    );
  }

  /** Null for a session that is over: the request is then one without. */
  private async withSession(c: Context<ApiBindings>, cookie: string): Promise<Identity | null> {
    const { token, tokens, now } = this.options;
    const session = this.sessions.read(cookie, now());
    if (session === null) return null;
    this.checkSaysOrigin(c);
    if (session.person !== undefined) return this.options.hasProvider ? session.person : null;
    if (session.tokenId === null) return token === '' ? null : SERVER_TOKEN;
    return tokens.findById(session.tokenId);
  }

  /** A page of another site cannot say that it is of this one; what it says was looked at before. */
  private checkSaysOrigin(c: Context<ApiBindings>): void {
    const saysOrigin = c.req.header('origin') !== undefined || c.req.header('sec-fetch-site') === 'same-origin';
    if (isRead(c.req.method, c.req.path) || saysOrigin) return;
    throw new Refused(
      'origin',
      403,
      'ORIGIN_REQUIRED',
      'Origin: a session changes something only from a page of this server, which says so; programs send the token instead',
    );
  }

  /** By a loopback name and through no proxy that says so, on a listener for this machine alone. */
  private isDirect(c: Context<ApiBindings>): boolean {
    return (
      isLoopbackHost(this.options.settings.apiHost) &&
      isLoopbackHost(hostName(hostOf(c))) &&
      !isForwarded((name) => c.req.header(name))
    );
  }
}

function isForwarded(header: (name: string) => string | undefined): boolean {
  return ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => header(name) !== undefined);
}
