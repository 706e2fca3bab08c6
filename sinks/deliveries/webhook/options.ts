/** Settings of the webhook, and the endpoint they name. */
import { Failure } from '../../../runtime/process/failure.js';
import { isLoopbackHost } from '../../../runtime/process/loopback.js';
import { defineOptions, type Settings } from '../../../runtime/process/options.js';
import { readCertificates, readSecretFile } from '../../../runtime/process/setting-file.js';
import { type SigningKey, signingKey } from './signature.js';

export const webhookOptions = defineOptions({
  webhookUrl: {
    kind: 'string',
    env: 'NTA_WEBHOOK_URL',
    default: '',
    // Many receivers know their senders by a secret in the path.
    secret: true,
    placeholder: '<url>',
    pattern: { test: /^https?:\/\/[^\s/]\S*$/i, description: 'an https:// address, or an http:// one on this machine' },
    help: 'where alerts are POSTed to; may carry user:password@; prefer the environment variable if it holds a secret',
  },
  webhookInsecure: {
    kind: 'boolean',
    env: 'NTA_WEBHOOK_INSECURE',
    default: false,
    help: 'allow http:// to other machines, where anyone on the way can read the alerts',
  },
  webhookSslCa: {
    kind: 'string',
    env: 'NTA_WEBHOOK_SSL_CA',
    default: '',
    placeholder: '<file>',
    help: 'PEM file of the authority that signed the receiver’s certificate; the system’s when empty',
  },
  webhookSecret: {
    kind: 'string',
    env: 'NTA_WEBHOOK_SECRET',
    default: '',
    secret: true,
    placeholder: '<secret>',
    help: 'signs deliveries: whsec_ and 24 to 64 random bytes in base64, or two of these, separated by a space, while one replaces the other; prefer the environment variable, flags are visible to other users',
  },
  webhookSecretFile: {
    kind: 'string',
    env: 'NTA_WEBHOOK_SECRET_FILE',
    default: '',
    placeholder: '<file>',
    help: 'file that holds the secret instead',
  },
});
export type WebhookSettings = Settings<typeof webhookOptions>;

/** What the settings say, checked. */
export interface WebhookEndpoint {
  readonly url: URL;
  /** PEM, or undefined for the system's authorities. */
  readonly ca: string | undefined;
  /** Empty when deliveries are not signed. */
  readonly keys: readonly SigningKey[];
}

/**
 * @param warn told of what is allowed but unwise.
 * @throws Failure `CONFIGURATION`, which never carries the address or the secret.
 */
export function readEndpoint(settings: WebhookSettings, warn: (message: string) => void): WebhookEndpoint {
  const keys = readKeys(settings, warn);
  if (keys.length === 0) {
    warn('webhook deliveries are not signed, so that anyone can forge them: give NTA_WEBHOOK_SECRET');
  }
  return {
    url: readUrl(settings, warn),
    ca: settings.webhookSslCa === '' ? undefined : readCertificates('--webhook-ssl-ca', settings.webhookSslCa),
    keys,
  };
}

function readUrl({ webhookUrl, webhookInsecure }: WebhookSettings, warn: (message: string) => void): URL {
  if (webhookUrl === '') throw refused('no webhook: give --webhook-url or set NTA_WEBHOOK_URL');
  if (!URL.canParse(webhookUrl)) throw refused('--webhook-url: its value is no valid address');
  const url = new URL(webhookUrl);
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    if (!webhookInsecure) {
      throw refused(
        `--webhook-url: http:// to ${url.hostname} would let anyone on the way read the alerts; use https://, or say --webhook-insecure`,
      );
    }
    warn(`alerts travel to ${url.host} in the clear (--webhook-insecure)`);
  }
  return url;
}

function readKeys(settings: WebhookSettings, warn: (message: string) => void): SigningKey[] {
  const { webhookSecret, webhookSecretFile } = settings;
  const isFromFile = webhookSecret === '' && webhookSecretFile !== '';
  const origin = isFromFile ? '--webhook-secret-file' : '--webhook-secret';
  const text = isFromFile ? readSecretFile(origin, webhookSecretFile, 'it', warn) : webhookSecret;
  const secrets = text.split(/\s+/).filter((secret) => secret !== '');
  if (webhookSecretFile !== '' && secrets.length === 0) throw refused(`${origin}: ${webhookSecretFile} is empty`);
  return secrets.map((secret) => {
    const key = signingKey(secret);
    if (key === null) {
      throw refused(
        `${origin}: its value must be whsec_ and 24 to 64 bytes in base64; make one with \`echo whsec_$(openssl rand -base64 32)\``,
      );
    }
    return key;
  });
}

function refused(message: string): Failure {
  return new Failure('CONFIGURATION', message);
}
