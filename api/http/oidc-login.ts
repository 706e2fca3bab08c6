/**
 * Logins at a provider of OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636, RFC 9700).
 * What a login has to find again lies in a cookie of its own under a message authentication code, so any API of the same token may
 * take the answer.
 */
import * as oidc from 'openid-client';
import { Failure, messageOf } from '../../runtime/process/failure.js';
import { isLoopbackHost } from '../../runtime/process/loopback.js';
import { readSecretFile } from '../../runtime/process/setting-file.js';
import type { ApiSettings } from '../settings.js';
import type { Identity } from './identity.js';
import { personOf, RoleMapping } from './person-names.js';
import { ApiProblem } from './problem.js';
import { SealedText } from './sealed-text.js';

export type OidcSettings = Pick<
  ApiSettings,
  | 'apiPublicUrl'
  | 'identityRoles'
  | 'oidcIssuer'
  | 'oidcClientId'
  | 'oidcClientSecretFile'
  | 'oidcScopes'
  | 'oidcNameClaim'
  | 'oidcGroupsClaim'
>;

export const CALLBACK_PATH = '/api/login/callback';
export const LOGIN_COOKIE = 'nta_login';
/** A login that takes longer starts again. */
export const LOGIN_SECONDS = 600;
/** Answers of the provider are waited for so long. */
const PROVIDER_SECONDS = 10;

interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export class OidcLogin {
  private readonly roles: RoleMapping;
  private readonly sealed: SealedText;
  private readonly secret: string;
  private discovered: Promise<oidc.Configuration> | null = null;

  /**
   * @param token the server's own, which cookies are sealed by.
   * @throws Failure `CONFIGURATION`
   */
  constructor(
    private readonly settings: OidcSettings,
    token: string,
    private readonly now: () => number,
    warn: (message: string) => void,
  ) {
    this.roles = new RoleMapping(settings.identityRoles);
    this.sealed = new SealedText(token, 'nta api login');
    this.secret =
      settings.oidcClientSecretFile === ''
        ? ''
        : readSecretFile('--oidc-client-secret-file', settings.oidcClientSecretFile, 'the client’s secret', warn);
    if (!this.isOn) return;
    checkUrl('--oidc-issuer', settings.oidcIssuer);
    checkUrl('--api-public-url', settings.apiPublicUrl);
    if (settings.oidcClientId === '') {
      throw new Failure(
        'CONFIGURATION',
        '--oidc-issuer needs --oidc-client-id, the id that the provider gave this API',
      );
    }
    if (settings.identityRoles.length === 0) {
      throw new Failure(
        'CONFIGURATION',
        '--oidc-issuer needs --identity-roles, or nobody gets in: groups and their roles, such as soc=analyst or *=reader',
      );
    }
  }

  get isOn(): boolean {
    return this.settings.oidcIssuer !== '';
  }

  /** Where a browser is sent to, and the value of the cookie that it comes back with. @throws ApiProblem 503 */
  async begin(): Promise<{ readonly url: string; readonly cookie: string }> {
    const configuration = await this.discover();
    const begun: Begun = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      until: this.now() + LOGIN_SECONDS * 1000,
    };
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.callbackUrl,
      scope: this.settings.oidcScopes,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, cookie: this.sealed.seal(JSON.stringify(begun)) };
  }

  /**
   * Who has logged in.
   *
   * @param query of the provider's answer: "?code=…&state=…".
   * @throws ApiProblem 400, 403, 503
   */
  async finish(query: string, cookie: string | undefined): Promise<Identity> {
    const begun = this.read(cookie);
    if (begun === null) {
      throw new ApiProblem(
        400,
        'LOGIN_OVER',
        'this login was not begun in this browser, or took too long; begin at /api/login',
      );
    }
    const configuration = await this.discover();
    let claims: Readonly<Record<string, unknown>>;
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, new URL(`${this.callbackUrl}${query}`), {
        expectedState: begun.state,
        expectedNonce: begun.nonce,
        pkceCodeVerifier: begun.verifier,
        idTokenExpected: true,
      });
      claims = tokens.claims() as unknown as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw new ApiProblem(400, 'LOGIN_FAILED', `the provider’s answer is refused: ${messageOf(error).slice(0, 300)}`, {
        cause: error,
      });
    }
    return this.identityOf(claims);
  }

  private identityOf(claims: Readonly<Record<string, unknown>>): Identity {
    const { oidcNameClaim, oidcGroupsClaim } = this.settings;
    const given = claims[oidcGroupsClaim];
    const groups = (Array.isArray(given) ? given : [given]).filter((group) => typeof group === 'string');
    const role = this.roles.roleOf(groups);
    if (role === null) {
      throw new ApiProblem(
        403,
        'NO_ROLE',
        `the provider knows you, but its claim ${oidcGroupsClaim} has no group with a role here; --identity-roles gives them`,
      );
    }
    const identity = personOf('oidc', claims[oidcNameClaim] ?? claims['sub'], role);
    if (identity === null) throw new ApiProblem(403, 'NO_NAME', `the claim ${oidcNameClaim} is no name of one line`);
    return identity;
  }

  private read(cookie: string | undefined): Begun | null {
    const text = cookie === undefined ? null : this.sealed.open(cookie);
    if (text === null) return null;
    const begun = JSON.parse(text) as Begun;
    return begun.until > this.now() ? begun : null;
  }

  private get callbackUrl(): string {
    return `${this.settings.apiPublicUrl.replace(/\/+$/, '')}${CALLBACK_PATH}`;
  }

  /** Asked for once; again when that failed. */
  private discover(): Promise<oidc.Configuration> {
    this.discovered ??= this.ask().catch((error: unknown) => {
      this.discovered = null;
      throw new ApiProblem(
        503,
        'PROVIDER_UNAVAILABLE',
        `the provider ${this.settings.oidcIssuer} does not answer as one: ${messageOf(error).slice(0, 300)}`,
        { cause: error, headers: { 'retry-after': '10' } },
      );
    });
    return this.discovered;
  }

  private async ask(): Promise<oidc.Configuration> {
    const issuer = new URL(this.settings.oidcIssuer);
    return oidc.discovery(
      issuer,
      this.settings.oidcClientId,
      undefined,
      this.secret === '' ? oidc.None() : oidc.ClientSecretBasic(this.secret),
      {
        timeout: PROVIDER_SECONDS,
        // Plain HTTP is for a provider on this machine alone, which `checkUrl` sees to.
        ...(issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : {}),
      },
    );
  }
}

/** @throws Failure `CONFIGURATION` */
function checkUrl(flag: string, text: string): void {
  let url: URL | null = null;
  try {
    url = new URL(text);
  } catch {
    // told below
  }
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname)))) {
    throw new Failure(
      'CONFIGURATION',
      `${flag}: "${text}" must be a URL with https://; http:// is for this machine alone`,
    );
  }
}
