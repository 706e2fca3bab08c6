/** TLS and SASL of a process's Kafka clients, from its settings. */
import { createSecureContext } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { Failure, messageOf } from '../process/failure.js';
import { readCertificates, readPemFile, renewableFile } from '../process/setting-file.js';

/** The settings of how brokers are reached, those of `kafkaOptions`. */
export interface KafkaSecuritySettings {
  readonly kafkaSsl: boolean;
  readonly kafkaSslCa: string;
  readonly kafkaSslCert: string;
  readonly kafkaSslKey: string;
  readonly kafkaSaslMechanism: string;
  readonly kafkaSaslUsername: string;
  readonly kafkaSaslPassword: string;
}

/**
 * @throws Failure `CONFIGURATION` where settings contradict each other or a file cannot be used: what is given and not
 * used would leave a connection less safe than its owner believes.
 */
export function kafkaSecurity(settings: KafkaSecuritySettings): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  return { ...tlsOf(settings), ...loginOf(settings) };
}

function tlsOf(settings: KafkaSecuritySettings): Pick<KafkaConfig, 'ssl'> {
  const { kafkaSsl, kafkaSslCa, kafkaSslCert, kafkaSslKey } = settings;
  if (!kafkaSsl) {
    const flags = { '--kafka-ssl-ca': kafkaSslCa, '--kafka-ssl-cert': kafkaSslCert, '--kafka-ssl-key': kafkaSslKey };
    const given = Object.entries(flags).find(([, file]) => file !== '')?.[0];
    if (given !== undefined) {
      throw contradiction(`${given} is of no use without TLS: add --kafka-ssl (KAFKA_SSL=true), or leave it out`);
    }
    return {};
  }
  if ((kafkaSslCert === '') !== (kafkaSslKey === '')) {
    const [given, missing] =
      kafkaSslKey === '' ? ['--kafka-ssl-cert', '--kafka-ssl-key'] : ['--kafka-ssl-key', '--kafka-ssl-cert'];
    throw contradiction(`${given} is of no use without ${missing}: give both, or neither`);
  }
  const files: Record<string, () => string> = { ...clientCertificate(kafkaSslCert, kafkaSslKey) };
  if (kafkaSslCa !== '') files['ca'] = renewableFile(() => readCertificates('--kafka-ssl-ca', kafkaSslCa));
  // kafkajs copies the properties at each connection: a renewed certificate is shown by the next one.
  const ssl = Object.fromEntries(Object.entries(files).map(([name, get]) => [name, { get, enumerable: true }]));
  return { ssl: Object.defineProperties({}, ssl) };
}

function clientCertificate(certFile: string, keyFile: string): Record<string, () => string> {
  if (certFile === '') return {};
  const cert = renewableFile(() => readCertificates('--kafka-ssl-cert', certFile));
  const key = renewableFile(() => readPemFile('--kafka-ssl-key', keyFile));
  try {
    createSecureContext({ cert: cert(), key: key() });
  } catch (error) {
    throw new Failure(
      'CONFIGURATION',
      `--kafka-ssl-key: ${keyFile} does not serve with ${certFile}: ${messageOf(error)}; give the PEM key of that certificate, without a passphrase`,
      { cause: error },
    );
  }
  return { cert, key };
}

function loginOf(settings: KafkaSecuritySettings): Pick<KafkaConfig, 'sasl'> {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = settings;
  if (mechanism === 'none') {
    if (username === '' && password === '') return {};
    throw contradiction(
      `${username === '' ? 'KAFKA_SASL_PASSWORD' : '--kafka-sasl-username'} is of no use without a mechanism: add --kafka-sasl-mechanism (KAFKA_SASL_MECHANISM), or leave it out`,
    );
  }
  if (username === '' || password === '') {
    throw contradiction(
      `--kafka-sasl-mechanism ${mechanism} needs ${username === '' ? 'a user: add --kafka-sasl-username (KAFKA_SASL_USERNAME)' : 'a password: set KAFKA_SASL_PASSWORD'}`,
    );
  }
  return { sasl: { mechanism, username, password } as SASLOptions };
}

function contradiction(message: string): Failure {
  return new Failure('CONFIGURATION', message);
}
