/** Settings of the API, and the token they name. */
import { Failure } from '../runtime/process/failure.js';
import { isLoopbackHost } from '../runtime/process/loopback.js';
import { defineOptions, type Settings } from '../runtime/process/options.js';
import { readSecretFile } from '../runtime/process/setting-file.js';

export const apiOptions = defineOptions({
  apiHost: {
    kind: 'string',
    env: 'NTA_API_HOST',
    default: '127.0.0.1',
    placeholder: '<address>',
    help: 'address that the API and the dashboard listen on; beyond loopback a token has to be set',
  },
  apiPort: {
    kind: 'integer',
    env: 'NTA_API_PORT',
    default: 5000,
    minimum: 0,
    maximum: 65_535,
    unit: 'port',
    help: 'port of the API and the dashboard; 0 takes a free one',
  },
  apiToken: {
    kind: 'string',
    env: 'NTA_API_TOKEN',
    default: '',
    secret: true,
    placeholder: '<token>',
    pattern: { test: /^[\x21-\x7e]{16,512}$/, description: '16 to 512 printable characters without spaces' },
    help: 'bearer token of the API; prefer the environment variable, flags are visible to other users',
  },
  apiTokenFile: {
    kind: 'string',
    env: 'NTA_API_TOKEN_FILE',
    default: '',
    placeholder: '<file>',
    help: 'file that holds the token instead',
  },
  apiOpenReads: {
    kind: 'boolean',
    env: 'NTA_API_OPEN_READS',
    default: false,
    help: 'let reads do without the token: on a loopback listener alone, asked by a loopback name and through no proxy that says so',
  },
  apiAllowedHosts: {
    kind: 'list',
    env: 'NTA_API_ALLOWED_HOSTS',
    default: [],
    placeholder: '<name>',
    help: 'names, besides its addresses and localhost, that browsers may reach the API by (a reverse proxy’s name)',
  },
  apiTlsCert: {
    kind: 'string',
    env: 'NTA_API_TLS_CERT',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the certificate, with those between it and its authority; read again when it changes. HTTP without TLS when empty',
  },
  apiTlsKey: {
    kind: 'string',
    env: 'NTA_API_TLS_KEY',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of its private key',
  },
  apiAccessLog: {
    kind: 'boolean',
    env: 'NTA_API_ACCESS_LOG',
    default: false,
    help: 'log every request: who, what, how long, by its X-Request-Id',
  },
  apiRateLimit: {
    kind: 'integer',
    env: 'NTA_API_RATE_LIMIT',
    default: 0,
    minimum: 0,
    maximum: 10_000_000,
    unit: 'requests',
    help: 'most requests a minute of one identity, answered 429 beyond it; 0 for no limit',
  },
  apiPublicUrl: {
    kind: 'string',
    env: 'NTA_API_PUBLIC_URL',
    default: '',
    placeholder: '<url>',
    help: 'where browsers find this API, for logins: https://nta.example.org',
  },
  oidcIssuer: {
    kind: 'string',
    env: 'NTA_OIDC_ISSUER',
    default: '',
    placeholder: '<url>',
    help: 'provider of OpenID Connect at which people log in',
  },
  oidcClientId: {
    kind: 'string',
    env: 'NTA_OIDC_CLIENT_ID',
    default: '',
    placeholder: '<id>',
    help: 'id that the provider gave this API',
  },
  oidcClientSecretFile: {
    kind: 'string',
    env: 'NTA_OIDC_CLIENT_SECRET_FILE',
    default: '',
    placeholder: '<file>',
    help: 'file that holds the secret that belongs to it; a public client has none',
  },
  oidcScopes: {
    kind: 'string',
    env: 'NTA_OIDC_SCOPES',
    default: 'openid profile email',
    placeholder: '<scopes>',
    help: 'what is asked of the provider, with spaces between; openid among it',
  },
  oidcNameClaim: {
    kind: 'string',
    env: 'NTA_OIDC_NAME_CLAIM',
    default: 'preferred_username',
    placeholder: '<claim>',
    help: 'claim of the ID token that names a person; without it sub',
  },
  oidcGroupsClaim: {
    kind: 'string',
    env: 'NTA_OIDC_GROUPS_CLAIM',
    default: 'groups',
    placeholder: '<claim>',
    help: 'claim of the ID token that --identity-roles gives roles by',
  },
  identityRoles: {
    kind: 'list',
    env: 'NTA_IDENTITY_ROLES',
    default: [],
    placeholder: '<group=role>',
    help: 'roles of people who come by the provider or a proxy: soc=analyst, *=reader; the highest that fits, none without',
  },
  trustedProxies: {
    kind: 'list',
    env: 'NTA_TRUSTED_PROXIES',
    default: [],
    placeholder: '<network>',
    help: 'addresses or networks of the proxies whose --identity-header is believed',
  },
  identityHeader: {
    kind: 'string',
    env: 'NTA_IDENTITY_HEADER',
    default: '',
    placeholder: '<header>',
    help: 'header in which such a proxy names the person: X-Forwarded-User',
  },
  identityGroupsHeader: {
    kind: 'string',
    env: 'NTA_IDENTITY_GROUPS_HEADER',
    default: 'X-Forwarded-Groups',
    placeholder: '<header>',
    help: 'header in which it lists the groups, by commas, that --identity-roles gives roles by',
  },
  assets: {
    kind: 'string',
    env: 'NTA_ASSETS',
    default: '',
    placeholder: '<file>',
    help: 'CSV file of names of hosts and networks, with the columns address,name,site; read again when it changes',
  },
  geoipDatabase: {
    kind: 'list',
    env: 'NTA_GEOIP_DATABASE',
    default: [],
    placeholder: '<file>',
    help: 'files in MaxMind’s format (.mmdb) that tell countries and autonomous systems; read again when they change',
  },
  reverseDns: {
    kind: 'boolean',
    env: 'NTA_REVERSE_DNS',
    default: false,
    help: 'let requests ask the DNS for names of addresses (reverse_dns=true); the servers asked learn the addresses',
  },
  dnsServer: {
    kind: 'list',
    env: 'NTA_DNS_SERVER',
    default: [],
    placeholder: '<address>',
    help: 'servers that are asked then, instead of the system’s; 192.0.2.53 or 192.0.2.53:5353',
  },
  apiStatementTimeout: {
    kind: 'duration',
    env: 'NTA_API_STATEMENT_TIMEOUT',
    default: 10_000,
    minimum: 100,
    maximum: 600_000,
    help: 'longest time a request’s query may take',
  },
});
export type ApiSettings = Settings<typeof apiOptions>;

/**
 * The token that requests are held to; empty when none is set, which only a loopback listener may do: it then serves
 * reads and refuses writes.
 *
 * @param warn told when other users of the machine can read the file.
 * @throws Failure `CONFIGURATION` when the file cannot be read, the token is too weak, or other machines would be served without one.
 */
export function readApiToken(settings: ApiSettings, warn: (message: string) => void): string {
  const token = settings.apiToken !== '' ? settings.apiToken : readTokenFile(settings.apiTokenFile, warn);
  if (token === '' && !isLoopbackHost(settings.apiHost)) {
    throw new Failure(
      'CONFIGURATION',
      `--api-host ${settings.apiHost} serves other machines, which needs a token: set NTA_API_TOKEN or --api-token-file, or listen on 127.0.0.1`,
    );
  }
  if (settings.apiOpenReads && !isLoopbackHost(settings.apiHost)) {
    throw new Failure(
      'CONFIGURATION',
      `--api-open-reads: --api-host ${settings.apiHost} serves other machines, which reads without a token are not for; leave it out, or listen on 127.0.0.1`,
    );
  }
  return token;
}

function readTokenFile(file: string, warn: (message: string) => void): string {
  if (file === '') return '';
  const token = readSecretFile('--api-token-file', file, 'the token', warn);
  if (!apiOptions.apiToken.pattern.test.test(token)) {
    throw new Failure(
      'CONFIGURATION',
      `--api-token-file: the token in ${file} must be ${apiOptions.apiToken.pattern.description}; make one with \`openssl rand -hex 32\``,
    );
  }
  return token;
}
