/**
 * The login of the local Kafka. 127.0.0.1 is open to every account of a machine, so the broker asks for SCRAM-SHA-256, and
 * its authorizer lets in nobody but this one user:
 *
 *     <directory>/kafka-password     made once, mode 0600
 *                /kafka.properties   how Kafka's own tools log in: --command-config; mode 0600
 *
 * SCRAM rather than PLAIN: whoever takes the broker's port while it is away is shown no password.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { provideSecret, writePrivateFile } from './secret-file.js';

export interface KafkaLogin {
  readonly user: string;
  readonly password: string;
}

export const KAFKA_USER = 'nta';
export const KAFKA_MECHANISM = 'SCRAM-SHA-256';

const PASSWORD_FILE = 'kafka-password';
const CLIENT_FILE = 'kafka.properties';

export function provideKafkaLogin(directory: string): KafkaLogin {
  return { user: KAFKA_USER, password: provideSecret(join(directory, PASSWORD_FILE)) };
}

/** The login of a data directory, whoever runs its Kafka; undefined when there has been none. */
export function knownKafkaLogin(directory: string): KafkaLogin | undefined {
  const file = join(directory, PASSWORD_FILE);
  return existsSync(file) ? { user: KAFKA_USER, password: readFileSync(file, 'utf8').trim() } : undefined;
}

/** Where the file for Kafka's own tools lies. */
export function kafkaClientFile(directory: string): string {
  return join(directory, CLIENT_FILE);
}

export function writeKafkaClientFile(directory: string, brokerPort: number, login: KafkaLogin): void {
  writePrivateFile(
    kafkaClientFile(directory),
    [
      `bootstrap.servers=127.0.0.1:${brokerPort}`,
      'security.protocol=SASL_PLAINTEXT',
      `sasl.mechanism=${KAFKA_MECHANISM}`,
      `sasl.jaas.config=${scramJaas(login)}`,
      '',
    ].join('\n'),
  );
}

export function scramJaas({ user, password }: KafkaLogin): string {
  return `org.apache.kafka.common.security.scram.ScramLoginModule required username="${user}" password="${password}";`;
}

/** @param client whether the holder logs in with it as well, as a broker does at its controller. */
export function plainJaas({ user, password }: KafkaLogin, client: boolean): string {
  const own = client ? ` username="${user}" password="${password}"` : '';
  return `org.apache.kafka.common.security.plain.PlainLoginModule required${own} user_${user}="${password}";`;
}

/** Tells one password from another without holding it. */
export function fingerprintOf({ user, password }: KafkaLogin): string {
  return createHash('sha256').update(`${user}\n${password}`).digest('hex');
}
