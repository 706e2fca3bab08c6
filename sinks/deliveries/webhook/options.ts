/** Settings of the webhook sink, and the endpoint they name. */
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
  webhookEvents: {
    kind: 'list',
    env: 'NTA_WEBHOOK_EVENTS',
    default: ['open', 'update', 'close'],
    placeholder: '<event>',
    help: 'events of an episode that are delivered',
  },
  webhookMinSeverity: {
    kind: 'integer',
    env: 'NTA_WEBHOOK_MIN_SEVERITY',
    default: 1,
    minimum: 1,
    maximum: 5,
    unit: 'severity',
    help: 'least severity that is delivered',
  },
  webhookTimeout: {
    kind: 'duration',
    env: 'NTA_WEBHOOK_TIMEOUT',
    default: 15_000,
    minimum: 100,
    maximum: 120_000,
    help: 'longest time the receiver may take to answer',
  },
  webhookRetryFor: {
    kind: 'duration',
    env: 'NTA_WEBHOOK_RETRY_FOR',
    default: 600_000,
    minimum: 0,
    maximum: 604_800_000,
    help: 'how long an event that the receiver answers with an error may hold up those behind it, before it goes to alerts-dead-letter; a receiver that is away is waited for without end',
  },
  webhookStart: {
    kind: 'string',
    env: 'NTA_WEBHOOK_START',
    default: 'latest',
    choices: ['earliest', 'latest'],
    help: 'what a delivery that is new to Kafka begins with: the oldest alert that the topic still holds, or those to come; later starts go on where the last one stopped',
  },
  webhookName: {
    kind: 'string',
    env: 'NTA_WEBHOOK_NAME',
    default: '',
    placeholder: '<name>',
    pattern: {
      test: /^[A-Za-z0-9._-]{0,100}$/,
      description: 'letters, digits, dots, underscores and hyphens, at most 100',
    },
    help: 'name of the delivery, where there are several: sinks of one name share the alerts, each name gets all of them',
  },
});
export type WebhookSettings = Settings<typeof webhookOptions>;

const ACTIONS: readonly string[] = webhookOptions.webhookEvents.default;

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
  const unknown = settings.webhookEvents.filter((event) => !ACTIONS.includes(event));
  if (unknown.length > 0 || settings.webhookEvents.length === 0) {
    throw refused(`--webhook-events: "${unknown.join(', ')}" must be some of ${ACTIONS.join(', ')}`);
  }
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
