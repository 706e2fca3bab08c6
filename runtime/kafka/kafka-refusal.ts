/**
 * Why a broker and we do not come together although it answers: TLS on one side alone, a certificate, a login. A broker
 * says nothing about most of these, it closes the connection; what it listens with is found out by asking it again in
 * another way. No password goes along with that.
 */
import { connect } from 'node:tls';
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import { type KafkaSecuritySettings, kafkaSecurity } from './kafka-security.js';

const PROBE_TIMEOUT_MS = 3_000;
/** A mechanism that no broker has. */
const NO_MECHANISM = 'nta-probe';

interface ReachedBrokers extends KafkaSecuritySettings {
  readonly kafkaBrokers: readonly string[];
}

/** An error as Node, kafkajs and brokers make them. */
interface KafkaError {
  readonly name: string;
  readonly message: string;
  /** Node's, such as ECONNRESET; kafkajs has Kafka's number here. */
  readonly code: string;
  /** Kafka's, https://kafka.apache.org/protocol#protocol_error_codes */
  readonly type: string;
}

/** The reason with its remedy, or null when nothing says that it will last: no broker is there, or it has just gone away. */
export async function explainRefusal(error: unknown, settings: ReachedBrokers): Promise<string | null> {
  const { name, message, code, type } = innermost(error);
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: user } = settings;
  if (type === 'UNSUPPORTED_SASL_MECHANISM' || /mechanism is not supported/.test(message)) {
    return `the broker does not take logins by ${mechanism}: choose another --kafka-sasl-mechanism (KAFKA_SASL_MECHANISM)`;
  }
  if (name === 'KafkaJSSASLAuthenticationError') {
    return `the broker refuses the login of user "${user}" by ${mechanism} (${message}): check --kafka-sasl-username (KAFKA_SASL_USERNAME) and KAFKA_SASL_PASSWORD`;
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    return 'the broker takes no login there: leave out --kafka-sasl-mechanism (KAFKA_SASL_MECHANISM), or name the port of its SASL listener in --kafka-brokers';
  }
  const certificate = explainCertificate(code, message, settings);
  if (certificate !== null) return certificate;
  if (code !== 'ECONNRESET' && name !== 'KafkaJSConnectionClosedError' && !code.startsWith('ERR_SSL')) return null;
  return explainSilence(settings);
}

/** The cause that kafkajs has wrapped. */
function innermost(error: unknown): KafkaError {
  let last: { name?: unknown; message?: unknown; code?: unknown; type?: unknown } = {};
  for (let cause = error; cause instanceof Error; cause = cause.cause) last = cause;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { name: text(last.name), message: text(last.message), code: text(last.code), type: text(last.type) };
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes; alerts of the broker: RFC 8446, section 6.2. */
function explainCertificate(code: string, message: string, { kafkaSslCert }: ReachedBrokers): string | null {
  const reason = message.replace(/^Connection error: /, '');
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the broker’s certificate is not for that address (${reason}): use a name that is in it in --kafka-brokers, and in the broker’s advertised.listeners`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `the broker’s certificate is not valid now (${reason}): renew it, or set the clock of this machine`;
  }
  if (/^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|INVALID_CA|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(code)) {
    return `the broker’s certificate is signed by nobody known here (${reason}): name the PEM file of its authority with --kafka-ssl-ca (KAFKA_SSL_CA)`;
  }
  if (
    /ALERT_(BAD_CERTIFICATE|CERTIFICATE|NO_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/.test(code)
  ) {
    return kafkaSslCert === ''
      ? 'the broker asks for the certificate of its client: give one with --kafka-ssl-cert and --kafka-ssl-key (KAFKA_SSL_CERT, KAFKA_SSL_KEY)'
      : `the broker refuses the certificate ${kafkaSslCert}: give one that its truststore knows with --kafka-ssl-cert and --kafka-ssl-key (KAFKA_SSL_CERT, KAFKA_SSL_KEY)`;
  }
  return null;
}

/** Of a broker that closes the connection without a word. */
async function explainSilence(settings: ReachedBrokers): Promise<string | null> {
  if (!settings.kafkaSsl && (await listensWithTls(settings))) {
    return 'the broker listens with TLS there: add --kafka-ssl (KAFKA_SSL=true), or name the port of its plain listener in --kafka-brokers';
  }
  if (settings.kafkaSsl && (await listensPlainly(settings))) {
    return 'the broker listens without TLS there: name the port of its TLS listener in --kafka-brokers, or leave out --kafka-ssl (KAFKA_SSL)';
  }
  if (settings.kafkaSaslMechanism === 'none' && (await wantsLogin(settings))) {
    return 'the broker asks for a login: add --kafka-sasl-mechanism, --kafka-sasl-username (KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME) and KAFKA_SASL_PASSWORD';
  }
  return null;
}

/** Whether one of the brokers shows a certificate, whoever's. */
async function listensWithTls({ kafkaBrokers }: ReachedBrokers): Promise<boolean> {
  for (const broker of kafkaBrokers) {
    const [host = '', port = ''] = broker.split(':');
    const shown = await new Promise<boolean>((resolve) => {
      const options = { host, port: Number(port), timeout: PROBE_TIMEOUT_MS, rejectUnauthorized: false };
      const socket = connect(options, () => resolve(true));
      socket.once('timeout', () => socket.destroy());
      // An alert is an answer too: it may ask for our certificate.
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(/_ALERT_/.test(error.code ?? '')));
      socket.once('close', () => resolve(false));
      socket.once('secureConnect', () => socket.destroy());
    });
    if (shown) return true;
  }
  return false;
}

async function listensPlainly({ kafkaBrokers }: ReachedBrokers): Promise<boolean> {
  return (await probe({ brokers: [...kafkaBrokers] })) === null;
}

async function wantsLogin(settings: ReachedBrokers): Promise<boolean> {
  // Named before anything is sent that a password would be part of.
  const sasl = { mechanism: NO_MECHANISM, username: '', password: '' } as unknown as SASLOptions;
  const answer = await probe({ brokers: [...settings.kafkaBrokers], ...kafkaSecurity(settings), sasl });
  return answer?.type === 'UNSUPPORTED_SASL_MECHANISM';
}

/** What goes wrong when a client connects in that way; null when nothing does. */
async function probe(config: Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'>): Promise<KafkaError | null> {
  const admin = new Kafka({
    clientId: 'nta-probe',
    logLevel: logLevel.NOTHING,
    connectionTimeout: PROBE_TIMEOUT_MS,
    requestTimeout: PROBE_TIMEOUT_MS,
    retry: { initialRetryTime: 50, retries: 1 },
    ...config,
  }).admin();
  try {
    await admin.connect();
    return null;
  } catch (error) {
    return innermost(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
